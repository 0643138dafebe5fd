package service_test

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// paged reads one page of a list.
type paged func(service.PageInput) (*pageOf, error)

type pageOf struct {
	ids, cursors         []string
	hasNext, hasPrevious bool
}

func pageFrom[T any](l *service.List[T], err error, id func(T) string) (*pageOf, error) {
	if err != nil {
		return nil, err
	}
	p := &pageOf{hasNext: l.HasNext, hasPrevious: l.HasPrevious}
	for _, row := range l.Rows {
		p.ids, p.cursors = append(p.ids, id(row)), append(p.cursors, l.Cursor(row))
	}
	return p, nil
}

func onlyList[T any](lists []*service.List[T], err error) (*service.List[T], error) {
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

func conversationID(c *db.Conversation) string { return c.ID.String() }

// library is a world with rows in every list, many of them with equal times.
type library struct {
	*world
	thread *db.Conversation // with messages and events
	reader *db.Contact      // with conversations
}

func newLibrary(t *testing.T) *library {
	w := newWorld(t)
	b := &library{world: w, thread: w.Opens(w.Contact("Thread"))}
	for i := range 9 {
		kind := []db.MessageKind{db.Inbound, db.Note, db.Outbound}[i%3]
		_, err := w.PutMessage(t.Context(), w.Manager, b.thread.ID, kind, fmt.Sprint("message ", i))
		servicetest.Fine(t, err)
		if i%4 == 3 {
			w.Clock = w.Clock.Add(time.Microsecond)
		}
	}
	b.reader = w.Contact("Reader")
	for range 9 {
		o, err := w.OpenConversation(t.Context(), w.Manager, service.OpenConversationInput{ContactID: b.reader.ID, Channel: "email"})
		servicetest.Fine(t, err)
		_, err = w.CloseConversation(t.Context(), w.Manager, service.CloseConversationInput{ConversationID: o.Conversation.ID})
		servicetest.Fine(t, err)
		w.Clock = w.Clock.Add(time.Second) // the latest conversation is the one opened last
	}
	for i := range 16 { // four different times; every other contact waits
		if i%4 == 0 {
			w.Clock = w.Clock.Add(time.Second)
		}
		c := w.Opens(w.Contact(fmt.Sprint("Name ", i%5)))
		if i%2 == 0 {
			_, err := w.PutMessage(t.Context(), w.Manager, c.ID, db.Inbound, "hello")
			servicetest.Fine(t, err)
		}
	}
	for i, name := range []string{"Ada", "Ada", "Bo", "Bo", "Bo", "Čapek", "Cy", "Cy"} {
		a := w.OK(w.CreateAgent(t.Context(), w.Manager, service.CreateAgentInput{Name: name, Email: fmt.Sprint(i, "@agents.example"), Role: db.RoleAgent})).Agent
		w.OK(w.SetAvailability(t.Context(), w.Manager, service.SetAvailabilityInput{AgentID: &a.ID, Availability: []db.Availability{db.Offline, db.Online, db.Away}[i%3]}))
	}
	return b
}

// inbox is one view of the inbox.
func (b *library) inbox(view db.View, field db.InboxOrderField, direction service.Direction) paged {
	return func(in service.PageInput) (*pageOf, error) {
		l, err := b.Inbox(b.T.Context(), b.Manager, service.InboxInput{View: view, OrderBy: &service.InboxOrder{field, direction}, PageInput: in})
		if err != nil {
			return nil, err
		}
		return pageFrom(&l.List, nil, conversationID)
	}
}

// sortKeys is inbox with sort keys in the place of page cursors.
func (b *library) sortKeys(view db.View, field db.InboxOrderField, direction service.Direction) paged {
	order := &service.InboxOrder{field, direction}
	return func(in service.PageInput) (*pageOf, error) {
		l, err := b.Inbox(b.T.Context(), b.Manager, service.InboxInput{View: view, OrderBy: order, PageInput: in})
		if err != nil {
			return nil, err
		}
		l.Cursor = order.SortKey
		return pageFrom(&l.List, nil, conversationID)
	}
}

// lists returns all lists by name.
func (b *library) lists() map[string]paged {
	ctx, me := b.T.Context(), b.Manager
	lists := map[string]paged{
		"agents": func(in service.PageInput) (*pageOf, error) {
			l, err := b.Agents(ctx, me, service.AgentsInput{PageInput: in})
			return pageFrom(l, err, func(a *db.Agent) string { return a.ID.String() })
		},
		"messages": func(in service.PageInput) (*pageOf, error) {
			l, err := onlyList(b.MessagesOf(ctx, me, []db.ConversationID{b.thread.ID}, in))
			return pageFrom(l, err, func(m *db.Message) string { return m.ID.String() })
		},
		"timeline": func(in service.PageInput) (*pageOf, error) {
			l, err := onlyList(b.ConversationTimelines(ctx, me, []db.ConversationID{b.thread.ID}, in))
			return pageFrom(l, err, func(e *db.Event) string { return e.ID.String() })
		},
		"entries": func(in service.PageInput) (*pageOf, error) {
			l, err := onlyList(b.EntriesOf(ctx, me, []db.ConversationID{b.thread.ID}, in))
			return pageFrom(l, err, func(e *db.Entry) string { return e.ID.String() })
		},
		"timeline of a contact": func(in service.PageInput) (*pageOf, error) {
			l, err := onlyList(b.ContactTimelines(ctx, me, []db.ContactID{b.reader.ID}, in))
			return pageFrom(l, err, func(e *db.Event) string { return e.ID.String() })
		},
		"conversations of a contact": func(in service.PageInput) (*pageOf, error) {
			l, err := onlyList(b.ConversationsOf(ctx, me, []db.ContactID{b.reader.ID}, in))
			return pageFrom(l, err, conversationID)
		},
	}
	for _, direction := range []service.Direction{service.Ascending, service.Descending} {
		for _, field := range []db.AgentOrderField{db.AgentAvailability, db.AgentName, db.AgentLoad, db.AgentCreatedAt} {
			lists[fmt.Sprintf("agents by %s %s", field, direction)] = func(in service.PageInput) (*pageOf, error) {
				l, err := b.Agents(ctx, me, service.AgentsInput{OrderBy: &service.AgentOrder{field, direction}, PageInput: in})
				return pageFrom(l, err, func(a *db.Agent) string { return a.ID.String() })
			}
		}
		for _, field := range []service.ContactOrderField{service.ContactName, service.ContactCreatedAt} {
			lists[fmt.Sprintf("contacts by %s %s", field, direction)] = func(in service.PageInput) (*pageOf, error) {
				l, err := b.Contacts(ctx, me, service.ContactsInput{OrderBy: &service.ContactOrder{field, direction}, PageInput: in})
				return pageFrom(l, err, func(c *db.Contact) string { return c.ID.String() })
			}
		}
		for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
			for _, view := range []db.View{db.ViewAll, db.ViewClosed} {
				lists[fmt.Sprintf("%s by %s %s", view, field, direction)] = b.inbox(view, field, direction)
			}
		}
	}
	return lists
}

// TestPages reads every list in pages of several sizes, from both ends, and within bounds.
func TestPages(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	for name, list := range b.lists() {
		whole, err := list(service.PageInput{First: new(100)})
		servicetest.Fine(t, err)
		if len(whole.ids) < 9 || whole.hasNext || whole.hasPrevious {
			t.Fatalf("%s: there are %d, next: %t, previous: %t", name, len(whole.ids), whole.hasNext, whole.hasPrevious)
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(whole.ids))); len(unique) != len(whole.ids) {
			t.Fatalf("%s: some are there twice", name)
		}
		for _, size := range []int{1, 2, 7} {
			checkPages(t, fmt.Sprintf("%s, pages of %d", name, size), list, whole, size)
		}
		checkBounds(t, name, list, whole)
	}
}

// TestSortKeys: the sort keys of a list ascend in each order, and bound its pages like page
// cursors.
func TestSortKeys(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	keys := map[string]string{}
	for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
		for _, direction := range []service.Direction{service.Ascending, service.Descending} {
			for _, view := range []db.View{db.ViewAll, db.ViewClosed} {
				name := fmt.Sprintf("%s by %s %s", view, field, direction)
				list := b.sortKeys(view, field, direction)
				whole, err := list(service.PageInput{First: new(100)})
				servicetest.Fine(t, err)
				if len(whole.ids) < 9 || !slices.IsSorted(whole.cursors) {
					t.Fatalf("%s: the keys do not ascend: %s", name, whole.cursors)
				}
				checkPages(t, name, list, whole, 2)
				checkBounds(t, name, list, whole)
				keys[fmt.Sprint(field, " ", direction)] = whole.cursors[1]
			}
		}
	}
	for name, key := range keys {
		field, direction, _ := strings.Cut(name, " ")
		list := b.sortKeys(db.ViewAll, db.InboxOrderField(field), service.Direction(direction))
		for other, foreign := range keys {
			if other != name {
				refusesCursor(t, name+" with a key of "+other, list, foreign)
			}
		}
		for _, damaged := range []string{key[1:], key[:len(key)-1], key + "0", strings.ToUpper(key[1:]), key[:1] + "2" + key[2:], key[:1] + "é" + key[3:]} {
			refusesCursor(t, name, list, damaged)
		}
	}
}

// checkPages reads a list forward, then backward.
func checkPages(t *testing.T, name string, list paged, whole *pageOf, size int) {
	t.Helper()
	in := service.PageInput{First: &size}
	for at := 0; at < len(whole.ids); at += size {
		end := min(at+size, len(whole.ids))
		expect(t, name, list, in, whole.ids[at:end], end < len(whole.ids), at > 0)
		in.After = &whole.cursors[end-1]
	}
	in = service.PageInput{Last: &size}
	for end := len(whole.ids); end > 0; end -= size {
		at := max(end-size, 0)
		expect(t, name+", backward", list, in, whole.ids[at:end], end < len(whole.ids), at > 0)
		in.Before = &whole.cursors[at]
	}
	expect(t, name+", past the end", list, service.PageInput{First: &size, After: &whole.cursors[len(whole.ids)-1]}, nil, false, true)
	expect(t, name+", before the beginning", list, service.PageInput{Last: &size, Before: &whole.cursors[0]}, nil, true, false)
}

// checkBounds reads the range between any two rows of a list, two rows from each end.
func checkBounds(t *testing.T, name string, list paged, whole *pageOf) {
	t.Helper()
	n := len(whole.ids)
	for _, bounds := range [][2]int{{0, n - 1}, {1, 4}, {n / 2, n - 2}, {3, 4}, {4, 3}, {2, 2}} {
		after, before := bounds[0], bounds[1]
		var between []string
		if after+1 < before {
			between = whole.ids[after+1 : before]
		}
		some, more := min(2, len(between)), len(between) > 2
		in := service.PageInput{First: new(2), After: &whole.cursors[after], Before: &whole.cursors[before]}
		expect(t, fmt.Sprintf("%s, between %v", name, bounds), list, in, between[:some], more, true)
		in.First, in.Last = nil, new(2)
		expect(t, fmt.Sprintf("%s, between %v, backward", name, bounds), list, in, between[len(between)-some:], true, more)
	}
}

func expect(t *testing.T, name string, list paged, in service.PageInput, ids []string, next, previous bool) {
	t.Helper()
	got, err := list(in)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !slices.Equal(got.ids, ids) {
		t.Errorf("%s: got\n%s, not\n%s", name, got.ids, ids)
	}
	if got.hasNext != next || got.hasPrevious != previous {
		t.Errorf("%s: next %t, previous %t; they are %t, %t", name, got.hasNext, got.hasPrevious, next, previous)
	}
}

// TestWaitingOrder: contacts who do not wait come last in both directions (I1).
func TestWaitingOrder(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	for _, direction := range []service.Direction{service.Ascending, service.Descending} {
		l, err := b.Inbox(t.Context(), b.Manager, service.InboxInput{View: db.ViewAll, OrderBy: &service.InboxOrder{db.WaitingSince, direction}})
		servicetest.Fine(t, err)
		sorted := slices.Clone(l.Rows)
		inOrder(sorted, service.InboxOrder{db.WaitingSince, direction})
		if !slices.Equal(l.Rows, sorted) || l.Rows[0].WaitingSince == nil || l.Rows[len(l.Rows)-1].WaitingSince != nil {
			t.Errorf("%s: it is not in order", direction)
		}
	}
}

// TestNestedPages: each parent gets the same page of its own list.
func TestNestedPages(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	other := b.Contact("Nobody")
	lists, err := b.ConversationsOf(t.Context(), b.Manager, []db.ContactID{other.ID, b.reader.ID, b.thread.ContactID, b.reader.ID}, service.PageInput{First: new(2)})
	servicetest.Fine(t, err)
	for i, want := range []struct {
		rows int
		next bool
	}{{0, false}, {2, true}, {1, false}, {2, true}} {
		if got := lists[i]; len(got.Rows) != want.rows || got.HasNext != want.next || got.HasPrevious {
			t.Errorf("of parent %d: %d, next %t, previous %t", i, len(got.Rows), got.HasNext, got.HasPrevious)
		}
	}
}

func TestPageSizes(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	for name, list := range b.lists() {
		for _, in := range []service.PageInput{{First: new(0)}, {First: new(-1)}, {First: new(101)}, {Last: new(0)}, {Last: new(101)}, {First: new(1), Last: new(1)}} {
			if _, err := list(in); err == nil || service.Explain(err).Code != service.BadInput {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// refusesCursor checks that a list refuses a text as after and as before.
func refusesCursor(t *testing.T, name string, list paged, cursor string) {
	t.Helper()
	for _, in := range []service.PageInput{{After: &cursor}, {Before: &cursor}, {Last: new(2), After: &cursor}, {Last: new(2), Before: &cursor}} {
		got, err := list(in)
		if err == nil {
			t.Fatalf("%s: %q is taken and gives %d", name, cursor, len(got.ids))
		} else if code := service.Explain(err).Code; code != service.CursorInvalid {
			t.Fatalf("%s: %q: %s, %v", name, cursor, code, err)
		}
	}
}

// TestForeignCursors: a cursor is accepted only by its own list, order, view and workspace.
func TestForeignCursors(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	lists := b.lists()
	cursors := map[string]string{}
	for name, list := range lists {
		whole, err := list(service.PageInput{First: new(3)})
		servicetest.Fine(t, err)
		cursors[name] = whole.cursors[1]
	}
	// An event has one position in the log, whichever timeline shows it, and agents are ordered by
	// availability unless another order is asked for.
	order := func(name string) string { return strings.Replace(name, "agents by AVAILABILITY ASC", "agents", 1) }
	same := func(a, b string) bool {
		return order(a) == order(b) || strings.HasPrefix(a, "timeline") && strings.HasPrefix(b, "timeline")
	}
	for name, list := range lists {
		for other, cursor := range cursors {
			if !same(name, other) {
				refusesCursor(t, name+" with a cursor of "+other, list, cursor)
			}
		}
	}
	elsewhere := &library{world: &world{b.NewWorkspace("otto@other.example")}, thread: b.thread, reader: b.reader}
	for name, list := range elsewhere.lists() {
		refusesCursor(t, name+" in another workspace", list, cursors[name])
	}
}

// TestDamagedCursors: cursors that were cut or changed, and other texts, are refused.
func TestDamagedCursors(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	end, err := b.AsOf(t.Context(), b.Manager)
	servicetest.Fine(t, err)
	for name, list := range b.lists() {
		whole, err := list(service.PageInput{First: new(1)})
		servicetest.Fine(t, err)
		good := whole.cursors[0]
		raw, err := base64.RawURLEncoding.DecodeString(good)
		servicetest.Fine(t, err)
		bad := []string{"", "x", "null", good + "=", good + "AAAA", end.String(), good[:len(good)/2], good[1:]}
		for i := range raw {
			changed := slices.Clone(raw)
			changed[i] ^= 1
			bad = append(bad, base64.RawURLEncoding.EncodeToString(changed))
		}
		for _, cursor := range bad {
			refusesCursor(t, name, list, cursor)
		}
	}
}

// TestForgedCursors: a cursor with a valid form and arbitrary values is refused.
func TestForgedCursors(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	const at, id = "2026-03-01T09:00:00.000000Z", "0195e0f4-7000-7000-8000-000000000000"
	lists := b.lists()
	type forgery struct {
		list  string
		order db.Order
		keys  []db.Key
	}
	forgeries := []forgery{
		{"agents", db.AgentOrder, []db.Key{
			{"x", "n", id}, {"", "n", id}, {"1", "n", "x"}, {"1.5", "n", id}, {"99999999999999999999", "n", id}, {"1", "\x00", id},
			{"1'); DROP TABLE agents; --", "n", id}, {"?", "n", id}}},
		{"agents by LOAD ASC", db.AgentOrderBy(db.AgentLoad, false), []db.Key{{"x", "n", id}, {"", "n", id}, {"1.5", "n", id}}},
		{"messages", db.MessageOrder, []db.Key{{"x", id}, {"", id}, {at, "x"}, {at, ""}, {at, "?0"}, {at + "\x00", id}, {"2026-13-45", id}}},
		{"timeline", db.TimelineOrder, []db.Key{{"x"}, {""}, {"1.5"}, {"99999999999999999999"}, {"1\x00"}, {"--1"}}},
		{"timeline of a contact", db.TimelineOrder, []db.Key{{"x"}}},
		{"conversations of a contact", db.ContactConversationOrder, []db.Key{{"x", id}, {at, "x"}, {at, "\\"}}},
		{"contacts by NAME ASC", db.ContactOrder(false, false), []db.Key{{"n", "x"}, {"\x00", id}, {"n", "'"}}},
		{"contacts by CREATED_AT DESC", db.ContactOrder(true, true), []db.Key{{"x", id}, {at, "x"}}},
	}
	for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
		order := db.InboxQuery{View: db.ViewAll, Field: field, Desc: true}.Order()
		forgeries = append(forgeries, forgery{fmt.Sprintf("ALL by %s DESC", field), order, []db.Key{
			{"0", "x", id}, {"0", "", id}, {"0", at, "x"}, {"0", at, ""}, {"0", at + "\x00", id}, {"0", "99999999-01-01", id},
			{"x", at, id}, {"", at, id}, {"2", at, id}, {"-1", at, id}, {"00", at, id}, {"+0", at, id}}})
	}
	for _, f := range forgeries {
		for _, key := range f.keys {
			refusesCursor(t, fmt.Sprintf("%s with %q", f.list, key), lists[f.list], f.order.Cursor(b.Manager.Workspace, key))
		}
	}
	var count int
	servicetest.Fine(t, b.DB.NewRaw("SELECT count(*) FROM agents").Scan(t.Context(), &count))
	if count != 9 {
		t.Errorf("there are %d agents now", count)
	}
}

// TestBadKeyIsNoExcuse: an error that has nothing to do with the cursor is returned unchanged.
func TestBadKeyIsNoExcuse(t *testing.T) {
	t.Parallel()
	if err := errors.New("broken"); service.BadKey(db.Page{After: db.Key{"x"}}, err) != err {
		t.Error("an error that has nothing to do with the cursor is said to come from it")
	}
}

// TestEntries: the entries of a conversation are its messages and the events that are about no
// message, by time, messages first.
func TestEntries(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	ids, all := []db.ConversationID{b.thread.ID}, service.PageInput{First: new(100)}
	b.Closes(b.thread)
	messages, err := onlyList(b.MessagesOf(t.Context(), b.Manager, ids, all))
	servicetest.Fine(t, err)
	events, err := onlyList(b.ConversationTimelines(t.Context(), b.Manager, ids, all))
	servicetest.Fine(t, err)
	want := []db.Entry{}
	for _, m := range messages.Rows {
		want = append(want, db.Entry{Kind: db.EntryMessage, At: m.CreatedAt, ID: m.ID.UUID})
	}
	for _, e := range events.Rows {
		if e.Data.MessageID == nil {
			want = append(want, db.Entry{Kind: db.EntryEvent, At: e.CreatedAt, ID: e.ID.UUID})
		}
	}
	slices.SortFunc(want, func(a, b db.Entry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.ID[:], b.ID[:]))
	})
	got, err := onlyList(b.EntriesOf(t.Context(), b.Manager, ids, all))
	servicetest.Fine(t, err)
	if len(want) != len(messages.Rows)+2 {
		t.Fatalf("%d entries of %d messages, an opening and a closing", len(want), len(messages.Rows))
	}
	if !slices.EqualFunc(got.Rows, want, func(a *db.Entry, b db.Entry) bool { return a.Kind == b.Kind && a.At.Equal(b.At) && a.ID == b.ID }) {
		t.Errorf("got\n%v, not\n%v", got.Rows, want)
	}
	totals, err := b.EntryTotals(t.Context(), b.Manager, ids)
	servicetest.Fine(t, err)
	servicetest.Equal(t, "total", totals[0].Count, len(want))
}
