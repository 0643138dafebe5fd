package projection

import (
	"context"
	"math"
	"sync"
	"unsafe"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"switchboard/db"
)

// Rows keeps rows of all workspaces in memory, at most a number of bytes. If there are more, the
// rows go that were not asked for for the longest time.
type Rows struct {
	limit int

	mu    sync.Mutex
	logs  uint64 // how many logs have been followed
	bytes int
	known *simplelru.LRU[rowKey, *place]
}

// rowKey names a row while a log that names its changes is followed.
type rowKey struct {
	log uint64 // which of the logs it is
	id  uuid.UUID
}

// place is where a row is kept. It is there before the row is read, and is taken away when the log
// names the row: what is put there afterwards is found by no one.
type place struct {
	row   any // a pointer to the row; nil until it is read
	bytes int
}

const placeSize = 200 // bytes, with what the map and the list of places need

// NewRows returns no rows yet; limit is a number of bytes.
func NewRows(limit int) *Rows {
	r := &Rows{limit: limit}
	r.known, _ = simplelru.NewLRU(math.MaxInt, func(_ rowKey, p *place) { r.bytes -= p.bytes }) // fails for no size above 0
	return r
}

// followed are the rows that one log names when they change.
type followed struct {
	in  *Rows
	log uint64
}

// follow returns no rows yet of a log that is followed from now on.
func (r *Rows) follow() followed {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs++
	return followed{r, r.logs}
}

// forget takes away what the log has named.
func (f followed) forget(ids []uuid.UUID) {
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	for _, id := range ids {
		f.in.known.Remove(rowKey{f.log, id})
	}
}

// end takes away all rows, since the log is not followed any more.
func (f followed) end() {
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	for _, key := range f.in.known.Keys() {
		if key.log == f.log {
			f.in.known.Remove(key)
		}
	}
}

// Kept are the rows of one workspace as they were at one position of its log, or later.
type Kept struct {
	followed
	w    db.ForWorkspace
	head db.Head // this position
}

// Contacts returns the contacts with these ids, in no order; unknown ones are left out.
func (k *Kept) Contacts(ctx context.Context, ids []db.ContactID) ([]*db.Contact, error) {
	return through(ctx, k, ids, k.w.ContactsAt, measureContact)
}

func measureContact(c *db.Contact) (id db.ContactID, bytes int) {
	return c.ID, int(unsafe.Sizeof(*c)) + len(c.Name) + length(c.Email) + length(c.Phone) + length(c.AvatarURL)
}

// Agents returns the agents with these ids, in no order; unknown ones are left out.
func (k *Kept) Agents(ctx context.Context, ids []db.AgentID) ([]*db.Agent, error) {
	return through(ctx, k, ids, k.w.AgentsAt, measureAgent)
}

func measureAgent(a *db.Agent) (id db.AgentID, bytes int) {
	bytes = int(unsafe.Sizeof(*a)) + len(a.Name) + length(a.Email) + length(a.AvatarURL) + length(a.Issuer) + length(a.Subject)
	for _, skill := range a.Skills {
		bytes += int(unsafe.Sizeof(skill)) + len(skill)
	}
	return a.ID, bytes
}

// Messages returns the messages with these ids, in no order; unknown ones are left out.
func (k *Kept) Messages(ctx context.Context, ids []db.MessageID) ([]*db.Message, error) {
	return through(ctx, k, ids, k.w.MessagesAt, func(m *db.Message) (db.MessageID, int) {
		return m.ID, int(unsafe.Sizeof(*m)) + len(m.Body) + len(m.Channel)
	})
}

func length(text *string) int {
	if text == nil {
		return 0
	}
	return len(*text)
}

// through returns the rows with these ids, and reads those that are not in memory. It keeps them if
// the log still ends where it did: rows from beyond that may be of a log that is replaced before
// anybody has followed it so far.
func through[K ~struct{ uuid.UUID }, V any](ctx context.Context, k *Kept, ids []K,
	read func(context.Context, []K) ([]*V, db.Head, error), measure func(*V) (id K, bytes int)) ([]*V, error) {
	rows, missing, places := find[K, V](k, ids)
	if len(missing) == 0 {
		return rows, nil
	}
	fresh, head, err := read(ctx, missing)
	if err != nil {
		return nil, err
	}
	if head == k.head {
		k.in.mu.Lock()
		defer k.in.mu.Unlock()
		for _, row := range fresh {
			id, bytes := measure(row)
			k.put(struct{ uuid.UUID }(id).UUID, places[id], row, bytes)
		}
	}
	return append(rows, fresh...), nil
}

// keep keeps the rows to which a conversation refers. The caller holds the turn of the projection that
// follows the log, and they were read at the log's position that it shows.
func (k *Kept) keep(read *db.ConversationAt) {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	if read.Contact != nil {
		id, bytes := measureContact(read.Contact)
		k.put(id.UUID, k.at(id.UUID), read.Contact, bytes)
	}
	if read.Assignee != nil {
		id, bytes := measureAgent(read.Assignee)
		k.put(id.UUID, k.at(id.UUID), read.Assignee, bytes)
	}
}

// find returns the rows that are in memory, and the ids of the others with their places.
func find[K ~struct{ uuid.UUID }, V any](k *Kept, ids []K) (rows []*V, missing []K, places map[K]*place) {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	rows = make([]*V, 0, len(ids))
	for _, id := range ids {
		p := k.at(struct{ uuid.UUID }(id).UUID)
		if row, ok := p.row.(*V); ok {
			rows = append(rows, row)
			continue
		}
		if places == nil {
			places = map[K]*place{}
		}
		missing, places[id] = append(missing, id), p
	}
	return rows, missing, places
}

// at returns the place of a row, which is empty if there was none.
func (k *Kept) at(id uuid.UUID) *place {
	key := rowKey{k.log, id}
	p, ok := k.in.known.Get(key)
	if !ok {
		p = &place{bytes: placeSize}
		k.in.add(key, p)
	}
	return p
}

// put puts a row in its place, unless that was taken away.
func (k *Kept) put(id uuid.UUID, p *place, row any, bytes int) {
	key := rowKey{k.log, id}
	if now, ok := k.in.known.Peek(key); !ok || now != p || p.row != nil {
		return
	}
	k.in.known.Remove(key)
	k.in.add(key, &place{row, placeSize + bytes})
}

// add adds a place, and makes room for it.
func (r *Rows) add(key rowKey, p *place) {
	r.bytes += p.bytes
	r.known.Add(key, p)
	for r.bytes > r.limit {
		r.known.RemoveOldest()
	}
}
