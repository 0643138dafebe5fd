package projection

import (
	"bytes"
	"math"
	"time"

	"github.com/google/uuid"

	"switchboard/db"
)

// fields are the orders of the open conversations.
var fields = [...]db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt}

// The indexes of fields.
const (
	byActivity = iota
	byWaiting
	byOpening
)

// The segments of byWaiting. The other fields have one segment.
const (
	waiting = iota
	notWaiting
)

// entry is an open conversation that is not blocked, in a third of the memory of its row and
// without pointers, which the garbage collector would follow. It is not changed, since readers may
// have it.
type entry struct {
	id                 db.ConversationID
	contact            db.ContactID
	assignee           db.AgentID   // zero if there is none
	lastMessage        db.MessageID // zero if there is none
	opener             uuid.UUID    // openedBy, with its prefix
	prefix             name
	channel, onChannel name               // onChannel is that of the last inbound message; zero if there is none
	inbound            int64              // the time of that message; never if there is none
	at                 [len(fields)]int64 // the times of its places
	segment            [len(fields)]uint8 // the segments of its places
	version, revision  int32
}

// name stands for a text that many entries share: its index among the names of the workspace.
type name uint32

// names are these texts. They are only ever added to; the first one is empty.
type names struct {
	texts []string
	of    map[string]name
}

func newNames() *names { return &names{[]string{""}, map[string]name{"": 0}} }

// name returns the name of a text.
func (n *names) name(text string) name {
	known, ok := n.of[text]
	if !ok {
		known = name(len(n.texts))
		n.texts = append(n.texts, text)
		n.of[text] = known
	}
	return known
}

// never is no time. Times are in microseconds.
const never = math.MinInt64

func newEntry(c *db.Conversation, n *names) *entry {
	e := &entry{
		id: c.ID, contact: c.ContactID, channel: n.name(c.Channel), opener: c.OpenedBy.ID, prefix: n.name(c.OpenedBy.Prefix),
		inbound: never, version: int32(c.Version), revision: int32(c.Revision),
	}
	if c.AssigneeID != nil {
		e.assignee = *c.AssigneeID
	}
	if c.LastMessageID != nil {
		e.lastMessage = *c.LastMessageID
	}
	if c.LastInboundAt != nil {
		e.inbound = c.LastInboundAt.UnixMicro()
	}
	if c.LastInboundChannel != nil {
		e.onChannel = n.name(*c.LastInboundChannel)
	}
	for i, field := range fields {
		segment, at := field.Place(c)
		e.segment[i], e.at[i] = uint8(segment), at.UnixMicro()
	}
	return e
}

// row is a conversation with what it points to, so that it is allocated at once.
type row struct {
	db.Conversation
	waitingSince, lastInboundAt time.Time
	assignee                    db.AgentID
	lastMessage                 db.MessageID
	lastInboundChannel          string
}

// show sets the row to the conversation of an entry. What is not in the entry is the same for all
// open conversations by the constraints of the table.
func (r *row) show(e *entry, workspace db.WorkspaceKey, names []string) {
	r.Conversation = db.Conversation{
		WorkspaceID: workspace, ID: e.id, ContactID: e.contact, Channel: names[e.channel], Status: db.StatusOpen, Latest: true,
		Version: int(e.version), Revision: int(e.revision), OpenedBy: db.ActorRef{Prefix: names[e.prefix], ID: e.opener},
		OpenedAt: time.UnixMicro(e.at[byOpening]), LastActivityAt: time.UnixMicro(e.at[byActivity]),
	}
	if e.assignee != (db.AgentID{}) {
		r.assignee = e.assignee
		r.AssigneeID = &r.assignee
	}
	if e.segment[byWaiting] == waiting {
		r.waitingSince = time.UnixMicro(e.at[byWaiting])
		r.WaitingSince = &r.waitingSince
	}
	if e.lastMessage != (db.MessageID{}) {
		r.lastMessage = e.lastMessage
		r.LastMessageID = &r.lastMessage
	}
	if e.inbound != never {
		r.lastInboundAt = time.UnixMicro(e.inbound)
		r.LastInboundAt = &r.lastInboundAt
	}
	if e.onChannel != 0 {
		r.lastInboundChannel = names[e.onChannel]
		r.LastInboundChannel = &r.lastInboundChannel
	}
}

// before returns the order of the entries of a segment.
func before(field int) func(a, b *entry) bool {
	return func(a, b *entry) bool {
		if a.at[field] != b.at[field] {
			return a.at[field] < b.at[field]
		}
		return bytes.Compare(a.id.UUID[:], b.id.UUID[:]) < 0
	}
}
