package service_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// anotherServer returns a server that has nothing in memory yet.
func anotherServer(s *service.Service) *service.Service {
	return service.New(s.DB, s.Feed, service.Options{Now: s.Now})
}

// failing is a test, or a check of rapid.
type failing interface {
	Context() context.Context
	Fatalf(format string, args ...any)
	Fatal(args ...any)
	Helper()
}

// fromMemory reads a page from memory, once the open conversations are there.
func fromMemory(t failing, s *service.Service, viewer service.Actor, in service.InboxInput) *service.InboxList {
	t.Helper()
	for {
		l, err := s.Inbox(t.Context(), viewer, in)
		if err != nil {
			t.Fatal(err)
		}
		if l.IsFromMemory() {
			return l
		}
		if err := s.ReadOpen(t.Context(), viewer); err != nil {
			t.Fatal(err)
		}
	}
}

// samePage reads a page from memory and by SQL, with the rows that it refers to, and returns it.
// Nothing may change meanwhile.
func samePage(t failing, s *service.Service, viewer service.Actor, in service.InboxInput) *service.InboxList {
	t.Helper()
	l := fromMemory(t, s, viewer, in)
	page, err := s.DB.ForWorkspace(viewer.Workspace).Inbox(t.Context(), l.Query())
	if err != nil {
		t.Fatal(err)
	}
	if l.AsOf != page.Head.Cursor() || l.HasNext != page.HasNext || l.HasPrevious != page.HasPrevious ||
		!slices.EqualFunc(l.Rows, page.Rows, func(a, b *db.Conversation) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("%s %+v: in memory it is %v %t %t\n%s\nin the database %v %t %t\n%s", in.View, l.Query(), l.AsOf.Seq, l.HasNext, l.HasPrevious,
			rowsText(l.Rows), page.Head.Seq, page.HasNext, page.HasPrevious, rowsText(page.Rows))
	}
	sameRows(t, s, viewer, l)
	return l
}

// sameRows compares the rows in memory to which a page refers with the database.
func sameRows(t failing, s *service.Service, viewer service.Actor, l *service.InboxList) {
	t.Helper()
	var contacts []db.ContactID
	var agents []db.AgentID
	var messages []db.MessageID
	for _, c := range l.Rows {
		contacts = append(contacts, c.ContactID)
		if c.AssigneeID != nil {
			agents = append(agents, *c.AssigneeID)
		}
		if c.LastMessageID != nil {
			messages = append(messages, *c.LastMessageID)
		}
	}
	kept, w := l.Kept().InMemory(t.Context()), s.DB.ForWorkspace(viewer.Workspace)
	same(t, kept.Contacts, w.Contacts, contacts, func(c *db.Contact) db.ContactID { return c.ID })
	same(t, kept.Agents, w.Agents, agents, func(a *db.Agent) db.AgentID { return a.ID })
	same(t, kept.Messages, w.Messages, messages, func(m *db.Message) db.MessageID { return m.ID })
}

// same compares rows in memory with the database.
func same[K comparable, V any](t failing, kept, stored func(context.Context, []K) ([]*V, error), ids []K, id func(*V) K) {
	t.Helper()
	byID := func(read func(context.Context, []K) ([]*V, error)) map[K]*V {
		rows, err := read(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		found := map[K]*V{}
		for _, row := range rows {
			found[id(row)] = row
		}
		return found
	}
	if in, want := byID(kept), byID(stored); !reflect.DeepEqual(in, want) {
		for id, row := range want {
			if !reflect.DeepEqual(in[id], row) {
				t.Fatalf("in memory it is\n%+v\nin the database\n%+v", in[id], row)
			}
		}
		t.Fatalf("%d rows are in memory, %d in the database", len(in), len(want))
	}
}

func rowsText(rows []*db.Conversation) string {
	var b strings.Builder
	for _, c := range rows {
		fmt.Fprintf(&b, "%+v\n", *c)
	}
	return b.String()
}

var openViews = []db.View{db.ViewMine, db.ViewUnassigned, db.ViewAll}

// server is a server with a feed of its own, and a client that has loaded a view from it and keeps
// it up to date.
type server struct {
	*workflow.Service
	stop func()

	view   db.View // which the manager follows
	stream *service.Stream[service.InboxChange]
	shown  map[db.ConversationID]bool
}

// startServer starts a server that has nothing in memory yet.
func (p *play) startServer() *server {
	ctx, cancel := context.WithCancel(p.ctx)
	s := &server{view: drawOne(p, db.Views, "follows")}
	f, ended := feed.New(p.DB, feed.Options{Now: p.Now}), make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	s.Service = workflow.New(service.New(p.DB, f, service.Options{Now: p.Now}))
	s.stop = sync.OnceFunc(func() {
		if s.stream != nil {
			s.stream.Close()
		}
		cancel()
		<-ended
		f.Flush()
	})
	p.Cleanup(s.stop)
	return s
}

// load does what a client does at first, and when its cursor has expired.
func (p *play) load(s *server) {
	l := p.whole(s)
	s.shown = map[db.ConversationID]bool{}
	for _, c := range l.Rows {
		s.shown[c.ID] = true
	}
	var err error
	s.stream, err = s.WatchInbox(p.ctx, p.manager, s.view, nil, nil, &l.AsOf)
	servicetest.Fine(p, err)
}

// whole returns the list that the client of a server follows, on one page.
func (p *play) whole(s *server) *service.InboxList {
	l, err := s.Inbox(p.ctx, p.manager, service.InboxInput{View: s.view, PageInput: service.PageInput{First: new(100)}})
	servicetest.Fine(p, err)
	if l.HasNext {
		p.Fatalf("%s does not fit on a page", s.view)
	}
	return l
}

// checkLive brings the view of a server's client to the end of the log, and compares it with the
// list.
func (p *play) checkLive(s *server) {
	if s.stream == nil {
		p.load(s)
	}
	s.Feed.Poke(p.manager.Workspace) // nobody pokes it after the database was restored
	ctx, head := servicetest.Context(p), p.head()
	for {
		change, ok, err := s.stream.Next(ctx)
		if position, _ := s.stream.Position(); err == nil && !ok && position == head {
			break
		}
		switch {
		case errors.Is(err, feed.ErrExpired):
			s.stream.Close()
			p.load(s)
		case err != nil:
			p.Fatal(err)
		case !ok:
			servicetest.Fine(p, s.stream.Wait(ctx))
		case change.Kind == service.Left:
			delete(s.shown, *change.Event.ConversationID)
		default:
			s.shown[*change.Event.ConversationID] = true
		}
	}
	if listed := p.whole(s).Rows; !sameConversations(s.shown, listed) {
		p.Fatalf("%s: the client shows %d, but %d are listed", s.view, len(s.shown), len(listed))
	}
}

// TestOpenInboxAgrees lets random things happen on two servers, of which each is started again now
// and then, and restores the database from backups in between. Whatever a server had in memory, its
// pages and totals are those of the database, of a client that follows the log, and of the log
// itself, and so are its counts (I2).
func TestOpenInboxAgrees(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	w := newPatientWorld(t)
	tables := w.tables(t)
	w.Clock = time.Now()
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, &world{new(*w.World)})
		servers := []*server{p.startServer(), p.startServer()}
		saved := p.save(tables)
		for range rapid.IntRange(60, 120).Draw(t, "steps") {
			n := rapid.IntRange(0, len(servers)-1).Draw(t, "server")
			p.Service = servers[n].Service
			switch what := rapid.IntRange(0, 99).Draw(t, "what"); {
			case what < 70:
				p.step()
			case what < 92:
				p.compare(servers[n])
			case what < 94:
				if rapid.Bool().Draw(t, "checkpoint") {
					p.SaveCheckpoints(p.ctx)
				}
				servers[n].stop()
				servers[n] = p.startServer()
			case what < 97:
				saved = p.save(tables)
			default:
				p.restore(tables, saved)
				for range rapid.IntRange(0, 30).Draw(t, "steps after") { // perhaps as many events as were lost
					p.step()
				}
			}
		}
		for _, s := range servers {
			p.compare(s)
		}
	})
}

// compare compares a list of a server with the database, page by page, its counts with the log as
// well, and what a client shows that follows it.
func (p *play) compare(s *server) {
	viewer := drawOne(p, p.agents, "viewer")
	in := service.InboxInput{View: drawOne(p, openViews, "view"), OrderBy: &service.InboxOrder{
		drawOne(p, []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt}, "field"),
		drawOne(p, []service.Direction{service.Ascending, service.Descending}, "direction")}}
	var err error
	p.events, err = p.DB.ForWorkspace(viewer.Workspace).EventsAfter(p.ctx, 0, 10_000)
	servicetest.Fine(p, err)
	if rapid.Bool().Draw(p.T, "filtered") {
		in.Filter = p.filter()
	}
	first := samePage(p, s.Service.Service, viewer, in)
	total, _, err := s.InboxTotal(p.ctx, viewer, first)
	servicetest.Fine(p, err)
	size, backward := rapid.IntRange(1, 7).Draw(p.T, "size"), rapid.Bool().Draw(p.T, "backward")
	if n := len(samePages(p, s.Service.Service, viewer, in, size, backward)); n != total {
		p.Fatalf("%s has a total of %d, but %d are listed", in.View, total, n)
	}
	for _, view := range []db.View{db.ViewClosed, db.ViewBlocked} {
		l, err := s.Inbox(p.ctx, viewer, service.InboxInput{View: view})
		servicetest.Fine(p, err)
		if l.Kept().InMemory(p.ctx) == nil {
			p.Fatalf("nothing is in memory to which %s refers", view)
		}
		sameRows(p, s.Service.Service, viewer, l)
	}
	p.compareCounts(s, viewer)
	p.checkLive(s)
}

// compareCounts compares the counts of a server with the database and with the log.
func (p *play) compareCounts(s *server, viewer service.Actor) {
	counts, err := s.InboxCounts(p.ctx, viewer)
	servicetest.Fine(p, err)
	var folded service.Counts
	for _, e := range p.events {
		folded.Apply(e, viewer.Agent)
	}
	if counts != folded {
		p.Fatalf("counted %+v, from the events %+v", counts, folded)
	}
	for _, view := range db.Views {
		n, err := p.DB.ForWorkspace(viewer.Workspace).InboxCount(p.ctx, db.InboxQuery{View: view, Viewer: viewer.Agent}, 10_000)
		servicetest.Fine(p, err)
		if n != counts.Of(view) {
			p.Fatalf("%s holds %d, but the count is %d", view, n, counts.Of(view))
		}
	}
	loads, err := s.OpenConversations(p.ctx, viewer, []db.AgentID{*viewer.Agent})
	servicetest.Fine(p, err)
	if loads[0] != counts.Mine {
		p.Fatalf("an agent has a load of %d, but MINE holds %d", loads[0], counts.Mine)
	}
}

// samePages reads a list page by page, from one of its ends, and returns the conversations.
func samePages(t failing, s *service.Service, viewer service.Actor, in service.InboxInput, size int, backward bool) (rows []*db.Conversation) {
	t.Helper()
	for {
		if in.First, in.Last = &size, nil; backward {
			in.First, in.Last = nil, &size
		}
		l := samePage(t, s, viewer, in)
		switch {
		case backward && l.HasPrevious:
			in.Before = new(l.Cursor(l.Rows[0]))
		case !backward && l.HasNext:
			in.After = new(l.Cursor(l.Rows[len(l.Rows)-1]))
		default:
			return append(rows, l.Rows...)
		}
		rows = append(rows, l.Rows...)
	}
}

// backup is everything in a workspace at one moment.
type backup struct {
	rows          map[string]string // by table, as JSON
	agents        []service.Actor
	contacts      []db.ContactID
	conversations []db.ConversationID
}

// tables returns the columns that are stored of each table with rows of workspaces.
func (w *world) tables(t *testing.T) map[string]string {
	var columns []struct{ TableName, Columns string }
	servicetest.Fine(t, w.DB.NewRaw(`SELECT table_name, string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns AS c
		WHERE table_schema = 'public' AND is_generated = 'NEVER' AND EXISTS (SELECT FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name = c.table_name AND column_name = 'workspace_id') GROUP BY 1`).Scan(t.Context(), &columns))
	tables := map[string]string{}
	for _, c := range columns {
		tables[c.TableName] = c.Columns
	}
	return tables
}

func (p *play) save(tables map[string]string) backup {
	b := backup{map[string]string{}, slices.Clone(p.agents), slices.Clone(p.contacts), slices.Clone(p.conversations)}
	for table := range tables {
		var rows string
		servicetest.Fine(p, p.DB.NewRaw("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM "+table+" AS t WHERE workspace_id = ?",
			p.manager.Workspace).Scan(p.ctx, &rows))
		b.rows[table] = rows
	}
	return b
}

// restore makes everything as it was, as if the database came from a backup. What happens
// afterwards gets the numbers of what was lost.
func (p *play) restore(tables map[string]string, b backup) {
	tx, err := p.DB.BeginTx(p.ctx, nil)
	servicetest.Fine(p, err)
	run := func(sql string, args ...any) {
		_, err := tx.ExecContext(p.ctx, sql, args...)
		servicetest.Fine(p, err)
	}
	run("SET LOCAL session_replication_role = replica") // so that the order of the tables does not matter
	for table, columns := range tables {
		run("DELETE FROM "+table+" WHERE workspace_id = ?", p.manager.Workspace)
		run("INSERT INTO "+table+" ("+columns+") OVERRIDING SYSTEM VALUE SELECT "+columns+" FROM jsonb_populate_recordset(NULL::"+table+", ?::jsonb)", b.rows[table])
	}
	servicetest.Fine(p, tx.Commit())
	p.agents, p.contacts, p.conversations = slices.Clone(b.agents), slices.Clone(b.contacts), slices.Clone(b.conversations)
}

// TestI1EveryPageSize: in every order pages of every size are those of the database, from both
// ends.
func TestI1EveryPageSize(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
		for _, direction := range []service.Direction{service.Ascending, service.Descending} {
			in := service.InboxInput{View: db.ViewAll, OrderBy: &service.InboxOrder{field, direction}}
			whole := samePage(t, b.Service.Service, b.Manager, in)
			for size := 1; size <= len(whole.Rows)+1; size++ {
				for _, backward := range []bool{false, true} {
					if n := len(samePages(t, b.Service.Service, b.Manager, in, size, backward)); n != len(whole.Rows) {
						t.Errorf("%s %s in pages of %d: %d of %d are listed", field, direction, size, n, len(whole.Rows))
					}
				}
			}
		}
	}
}

// statementCount counts the statements that are sent with a context.
type statementCount struct{ n atomic.Int64 }

type countedKey struct{}

func (c *statementCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if ctx.Value(countedKey{}) != nil {
		c.n.Add(1)
	}
	return ctx
}

func (c *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestPageTakesOneStatement: a page of an open view, its total and its filters take one statement,
// at whatever distance from the last one.
func TestPageTakesOneStatement(t *testing.T) {
	t.Parallel()
	sent := &statementCount{}
	w := newWorldOn(t, dbtest.New(t, servicetest.Migrate), db.Options{MaxConns: 8, Tracer: sent})
	ctx := context.WithValue(w.Context(), countedKey{}, true)
	read := func(view db.View, filter *db.InboxFilter) (n int64) {
		before := sent.n.Load()
		l, err := w.Inbox(ctx, w.Manager, service.InboxInput{View: view, Filter: filter})
		servicetest.Fine(t, err)
		_, _, err = w.InboxTotal(ctx, w.Manager, l)
		servicetest.Fine(t, err)
		return sent.n.Load() - before
	}
	fromMemory(t, w.Service.Service, w.Manager, service.InboxInput{View: db.ViewAll})
	for _, changes := range []int{0, 1, 30} {
		for range changes {
			w.Assign(w.Open(), w.Manager)
		}
		for _, view := range openViews {
			servicetest.Equal(t, fmt.Sprintf("statements of %s after %d changes", view, changes), read(view, nil), 1)
			servicetest.Equal(t, "with a filter", read(view, &db.InboxFilter{Channels: []string{"email"}, Waiting: new(false)}), 1)
		}
	}
}

// contactsFollow returns an error if a contact in memory is older than its conversation on the
// page.
func contactsFollow(ctx context.Context, l *service.InboxList) error {
	rows := l.Kept().InMemory(ctx)
	if rows == nil {
		return nil
	}
	versions := map[db.ContactID]int{}
	for _, c := range l.Rows {
		versions[c.ContactID] = c.Version
	}
	contacts, err := rows.Contacts(ctx, slices.Collect(maps.Keys(versions)))
	for _, c := range contacts {
		if c.Version < versions[c.ID] {
			return fmt.Errorf("the page of event %d shows version %d of a conversation and version %d of its contact", l.AsOf.Seq, versions[c.ID], c.Version)
		}
	}
	return err
}

// TestP4PagesWhileMutating: while clients change conversations on two servers, a page on either
// shows exactly what the log says at its asOf (P4), and what was acknowledged before it was asked
// for. The rows to which it refers are not older.
func TestP4PagesWhileMutating(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	w := newWorld(t)
	servers := []*service.Service{w.Service.Service, anotherServer(w.Service.Service)}
	agents := w.Team("A", "B", "C", "D")
	servicetest.Fine(t, servers[0].ReadOpen(w.Context(), w.Manager))
	const writers, rounds = 6, 25
	var mu sync.Mutex
	var pages []*service.InboxList
	var running sync.WaitGroup
	for range writers {
		c := w.Open()
		running.Go(func() {
			for range rounds {
				to := agents[rand.IntN(len(agents))]
				o, err := servers[rand.IntN(2)].AssignConversation(w.Context(), w.Manager,
					service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent})
				if err != nil {
					t.Error(err)
					return
				}
				l, err := servers[rand.IntN(2)].Inbox(w.Context(), to, service.InboxInput{View: db.ViewMine})
				if err != nil {
					t.Error(err)
					return
				}
				if !slices.ContainsFunc(l.Rows, func(row *db.Conversation) bool { return row.ID == c.ID && row.Version >= o.Conversation.Version }) {
					t.Errorf("the page of event %d does not show version %d", l.AsOf.Seq, o.Conversation.Version)
				}
				all, err := servers[rand.IntN(2)].Inbox(w.Context(), to, service.InboxInput{View: db.ViewAll})
				if err == nil {
					err = contactsFollow(w.Context(), all)
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				pages = append(pages, all)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	if !slices.ContainsFunc(pages, func(l *service.InboxList) bool { return l.IsFromMemory() }) {
		t.Error("no page came from memory")
	}
	slices.SortFunc(pages, func(a, b *service.InboxList) int { return int(a.AsOf.Seq - b.AsOf.Seq) })
	events, state := w.Since(0), map[db.ConversationID]string{}
	for _, page := range pages {
		for len(events) > 0 && events[0].Seq <= page.AsOf.Seq {
			if e := events[0]; e.ConversationID != nil && e.After != nil {
				state[*e.ConversationID] = servicetest.FacetsText(e.After)
			}
			events = events[1:]
		}
		if len(page.Rows) != len(state) {
			t.Fatalf("as of event %d the page shows %d of %d", page.AsOf.Seq, len(page.Rows), len(state))
		}
		for _, c := range page.Rows {
			servicetest.Equal(t, fmt.Sprintf("as of event %d", page.AsOf.Seq), servicetest.FacetsText(c.Facets()), state[c.ID])
		}
	}
}
