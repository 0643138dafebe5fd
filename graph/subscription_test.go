package graph_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

// subscriptionTests show each subscription deliver what it promises.
var subscriptionTests = map[string]func(t *testing.T, w *world){
	"assignmentChanged":   testAssignmentChanged,
	"statusChanged":       testStatusChanged,
	"conversationChanged": testConversationChanged,
	"inboxChanged":        testInboxChanged,
	"events":              testEvents,
	"inboxCountsChanged":  testInboxCountsChanged,
	"unreadChanged":       testUnreadChanged,
	"dashboardChanged":    testDashboardChanged,
	"agentsChanged":       testAgentsChanged,
	"workflowRunChanged":  testWorkflowRunChanged,
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	for name, test := range subscriptionTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, shared.apart(t))
		})
	}
}

// wantItems checks which items come next by a few of their fields.
func (s *stream) wantItems(tell func(item any) string, want ...string) {
	s.t.Helper()
	for i := range want {
		if got := tell(s.next()); got != want[i] {
			s.t.Fatalf("item %d is %q, not %q", i, got, want[i])
		}
	}
}

// move describes an assignment event by its previous and its new assignee.
func move(item any) string {
	return fmt.Sprint(get(item, "__typename"), " ", get(item, "from", "name"), " ", get(item, "to", "name"))
}

func kindOf(item any) string { return get(item, "__typename").(string) }

func testAssignmentChanged(t *testing.T, w *world) {
	_, one := w.opened(w.manager, "Ada")
	_, other := w.opened(w.manager, "Bob")
	after := w.end()
	all := w.subscribe(t, w.agent.token, "assignmentChanged", vars{"after": after})
	ofOne := w.subscribe(t, w.agent.token, "assignmentChanged", vars{"after": after, "conversationId": one.ID})
	ofAnn := w.subscribe(t, w.agent.token, "assignmentChanged", vars{"after": after, "assigneeId": w.agent.id})
	ofBoth := w.subscribe(t, w.agent.token, "assignmentChanged", vars{"after": after, "assigneeId": w.colleague.id, "conversationId": one.ID})

	w.assign(w.manager, other, w.manager)
	w.assign(w.manager, one, w.agent)
	w.close(w.manager, one)
	w.assign(w.manager, one, w.colleague)
	w.assign(w.manager, other, w.colleague)
	w.unassign(w.manager, one)
	w.assign(w.manager, other, w.agent)

	const assigned, unassigned = "ConversationAssigned ", "ConversationUnassigned "
	otherToMia, oneToAnn, oneToCem := assigned+"<nil> Mia Manager", assigned+"<nil> Ann Agent", assigned+"Ann Agent Cem Colleague"
	otherToCem, oneToNobody, otherToAnn := assigned+"Mia Manager Cem Colleague", unassigned+"Cem Colleague <nil>", assigned+"Cem Colleague Ann Agent"
	all.wantItems(move, otherToMia, oneToAnn, oneToCem, otherToCem, oneToNobody, otherToAnn)
	ofOne.wantItems(move, oneToAnn, oneToCem, oneToNobody)
	ofAnn.wantItems(move, oneToAnn, oneToCem, otherToAnn)
	ofBoth.wantItems(move, oneToCem, oneToNobody)
}

func testStatusChanged(t *testing.T, w *world) {
	contact, one := w.opened(w.manager, "Ada")
	after := w.end()
	all := w.subscribe(t, w.reader, "statusChanged", vars{"after": after})
	ofOne := w.subscribe(t, w.reader, "statusChanged", vars{"after": after, "conversationId": one.ID})
	w.assign(w.manager, one, w.agent)
	w.close(w.manager, one)
	w.opened(w.manager, "Bob")
	w.reopen(w.manager, one)
	w.block(w.manager, contact.ID)
	w.unblock(w.manager, contact.ID)
	w.close(w.manager, one)
	w.open(w.manager, contact)
	all.wantItems(kindOf, "ConversationClosed", "ConversationOpened", "ConversationReopened", "ConversationClosed", "ConversationOpened")
	ofOne.wantItems(kindOf, "ConversationClosed", "ConversationReopened", "ConversationClosed")
}

func testConversationChanged(t *testing.T, w *world) {
	contact, one := w.opened(w.manager, "Ada")
	_, other := w.opened(w.manager, "Bob")
	s := w.subscribe(t, w.integration, "conversationChanged", vars{"after": w.end(), "conversationId": one.ID})
	_, third := w.opened(w.manager, "Cem")
	wall := w.subscribe(t, w.integration, "conversationChanged", vars{"after": w.end(), "conversationIds": []any{other.ID, third.ID, third.ID}})
	w.close(w.manager, third)
	w.assign(w.manager, one, w.agent)
	w.assign(w.manager, other, w.agent)
	w.say(one, db.Inbound, contact.ID.Ref(), "Hello?")
	w.say(other, db.Inbound, contact.ID.Ref(), "Hello?")
	w.say(one, db.Note, w.agent.id.Ref(), "Polite")
	w.block(w.manager, contact.ID)
	w.unblock(w.manager, contact.ID)
	w.close(w.manager, one)
	w.open(w.manager, contact) // another one
	w.unassign(w.manager, other)
	w.say(one, db.Note, w.agent.id.Ref(), "Done")
	s.wantItems(kindOf, "ConversationAssigned", "MessageReceived", "NoteAdded", "ContactBlocked", "ContactUnblocked", "ConversationClosed", "NoteAdded")
	wall.wantItems(kindOf, "ConversationClosed", "ConversationAssigned", "MessageReceived", "ConversationUnassigned")
}

func testEvents(t *testing.T, w *world) {
	ada, _ := w.opened(w.manager, "Ada")
	after := w.end()
	all := w.subscribe(t, w.reader, "events", vars{"after": after})
	some := w.subscribe(t, w.reader, "events", vars{"after": after, "types": []any{"CONVERSATION_OPENED", "CONVERSATION_CLOSED"}})
	adas := w.subscribe(t, w.reader, "events", vars{"after": after, "contactId": ada.ID})
	did(t)(w.service.SetAvailability(t.Context(), w.agent.Actor, service.SetAvailabilityInput{Availability: db.Online}))
	_, one := w.opened(w.manager, "Bob")
	did(t)(w.service.UpdateContact(t.Context(), w.manager.Actor, service.UpdateContactInput{ContactID: ada.ID, Name: new("Eda")}))
	w.close(w.manager, one)
	all.wantItems(kindOf, "AvailabilityChanged", "ContactCreated", "ConversationOpened", "ContactUpdated", "ConversationClosed")
	some.wantItems(kindOf, "ConversationOpened", "ConversationClosed")
	adas.wantItems(kindOf, "ContactUpdated")
}

// step describes an item of a live view by its kind and event.
func step(item any) string {
	return fmt.Sprint(get(item, "kind"), " ", get(item, "event", "__typename"))
}

func testInboxChanged(t *testing.T, w *world) {
	contact, c := w.opened(w.manager, "Ada")
	after := w.end()
	replayed, live := map[string]*stream{}, map[string]*stream{}
	for _, v := range schema.Types["InboxView"].EnumValues {
		live[v.Name] = w.subscribe(t, w.agent.token, "inboxChanged", vars{"view": v.Name, "after": after})
	}
	onlyAnns := w.subscribe(t, w.agent.token, "inboxChanged", vars{"view": "ALL", "after": after, "filter": map[string]any{"assignees": []any{w.agent.id.String()}}})
	// The counts were subscribed last, so their first item shows that all subscriptions have begun.
	for _, s := range live {
		s.subscribe("counts", subscriptions["inboxCountsChanged"], nil)
	}
	for _, s := range live {
		s.receive()
		s.send(map[string]any{"id": "counts", "type": "complete"})
	}

	w.assign(w.manager, c, w.agent)
	w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
	w.assign(w.manager, c, w.colleague)
	w.block(w.manager, contact.ID)
	w.unassign(w.manager, c)
	w.unblock(w.manager, contact.ID)
	w.close(w.manager, c)
	newer := w.open(w.manager, contact)
	w.close(w.manager, newer)
	w.reopen(w.manager, newer)

	want := map[string][]string{
		"MINE": {"ENTERED ConversationAssigned", "UPDATED MessageReceived", "LEFT ConversationAssigned"},
		"UNASSIGNED": {"LEFT ConversationAssigned", "ENTERED ContactUnblocked", "LEFT ConversationClosed",
			"ENTERED ConversationOpened", "LEFT ConversationClosed", "ENTERED ConversationReopened"},
		"ALL": {"UPDATED ConversationAssigned", "UPDATED MessageReceived", "UPDATED ConversationAssigned", "LEFT ContactBlocked",
			"ENTERED ContactUnblocked", "LEFT ConversationClosed", "ENTERED ConversationOpened", "LEFT ConversationClosed", "ENTERED ConversationReopened"},
		"CLOSED":  {"ENTERED ConversationClosed", "ENTERED ConversationClosed", "LEFT ConversationReopened"},
		"BLOCKED": {"ENTERED ContactBlocked", "UPDATED ConversationUnassigned", "LEFT ContactUnblocked"},
	}
	for view, steps := range want {
		live[view].wantItems(func(item any) string { w.wantCounts(item, w.agent); return step(item) }, steps...)
		replayed[view] = w.subscribe(t, w.agent.token, "inboxChanged", vars{"view": view, "after": after})
		replayed[view].wantItems(func(item any) string {
			if get(item, "counts") != nil { // kept in memory
				w.wantCounts(item, w.agent)
			}
			return step(item)
		}, steps...)
		if view != "ALL" {
			replayed[view].Close()
		}
	}
	onlyAnns.wantItems(step, "ENTERED ConversationAssigned", "UPDATED MessageReceived", "LEFT ConversationAssigned")
	// Items after the replay are live.
	w.close(w.manager, newer)
	item := replayed["ALL"].next()
	w.wantCounts(item, w.agent)
	if step(item) != "LEFT ConversationClosed" || get(item, "conversationId") != newer.ID.String() || get(item, "conversation", "status") != "CLOSED" {
		t.Errorf("live after the replay: %v", item)
	}
}

// wantCounts compares an item's counts with those computed from the log up to its cursor.
func (w *world) wantCounts(item any, viewer *person) {
	w.t.Helper()
	states := map[db.ConversationID]*db.Facets{}
	want := map[db.View]float64{}
	for _, e := range w.history(w.key) {
		if e.ConversationID != nil {
			states[*e.ConversationID] = e.After
		}
		if w.shown(e.Cursor()) == at(item) {
			break
		}
	}
	for _, f := range states {
		for _, v := range db.Views {
			if v.Holds(f, &viewer.id) {
				want[v]++
			}
		}
	}
	names := map[db.View]string{db.ViewMine: "mine", db.ViewUnassigned: "unassigned", db.ViewAll: "all", db.ViewClosed: "closed", db.ViewBlocked: "blocked"}
	for v, name := range names {
		if got := get(item, "counts", name); got != want[v] {
			w.t.Errorf("%s is %v after %v, but the log says %v", name, got, step(item), want[v])
		}
	}
	if get(item, "counts", "asOf") != at(item) {
		w.t.Errorf("the counts are not those of the item's place: %v", item)
	}
}

func testInboxCountsChanged(t *testing.T, w *world) {
	_, c := w.opened(w.manager, "Ada")
	s := w.subscribe(t, w.agent.token, "inboxCountsChanged", nil)
	first := s.next()
	began := time.Now()
	if get(first, "all") != 1.0 || get(first, "mine") != 0.0 || get(first, "asOf") != w.sealed() {
		t.Errorf("at first: %v", first)
	}
	// Events that change no count push nothing; frequent changes are combined.
	w.say(c, db.Note, w.agent.id.Ref(), "Quiet")
	stop := w.churn(t, 5)
	const items = 4
	for i := 1; i <= items; i++ {
		item := s.next()
		if passed := time.Since(began); passed < time.Duration(i)*250*time.Millisecond-50*time.Millisecond {
			t.Errorf("item %d came after %v", i, passed)
		}
		if same(without(item, "asOf"), without(first, "asOf")) {
			t.Errorf("pushed without a change: %v", item)
		}
		first = item
	}
	stop()
	w.assign(w.manager, w.open(w.manager, w.contact(w.manager, "Zoe")), w.agent) // so that something changes last
	want := without(w.query(w.agent.token, document(`{ inboxCounts { ...counts } }`), nil).get("data", "inboxCounts"), "asOf")
	for item := any(nil); !same(without(item, "asOf"), want); {
		item = s.next()
	}
}

// testUnreadChanged: I3 each device of an agent learns within a second what is unread, also of what
// was read through another server.
func testUnreadChanged(t *testing.T, w *world) {
	_, c := w.opened(w.manager, "Ada")
	w.assign(w.manager, c, w.agent)
	elsewhere := w.serve(options{log: quietLog})
	devices := []*stream{w.subscribe(t, w.agent.token, "unreadChanged", nil), elsewhere.subscribe(t, w.agent.token, "unreadChanged", nil)}
	is := func(unread, mine float64) any {
		return map[string]any{"conversationId": c.ID.String(), "unreadCount": unread, "mineUnread": mine}
	}
	messages := 0.0
	latest := map[*stream]any{}
	for _, s := range devices { // which have begun once they are told of a message
		begun := make(chan any, 1)
		go func() { begun <- s.next() }()
		for waits := true; waits; {
			w.say(c, db.Inbound, c.ContactID.Ref(), "Hello?")
			messages++
			select {
			case latest[s] = <-begun:
				waits = false
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	for _, s := range devices {
		for item := latest[s]; !same(item, is(messages, 1)); {
			item = s.next()
		}
	}
	read := func(on *server) time.Time {
		a := on.post(t, w.agent.token, `mutation($input: MarkReadInput!) { markRead(input: $input) { userErrors { code } } }`, vars{"input": vars{"conversationId": c.ID}})
		if a.errors() != nil {
			t.Fatalf("%s", a.body)
		}
		return time.Now()
	}
	was := is(messages, 1)
	becomes := func(now any) {
		t.Helper()
		for _, s := range devices {
			item := s.next()
			for same(item, was) { // an event that the count before already had
				item = s.next()
			}
			if !same(item, now) {
				t.Fatalf("the item is %v, not %v", item, now)
			}
		}
		was = now
	}
	for i, on := range []*server{w.server, elsewhere} {
		if i > 0 {
			w.say(c, db.Inbound, c.ContactID.Ref(), "Still there?")
			becomes(is(1, 1))
		}
		at := read(on)
		becomes(is(0, 0))
		if took := time.Since(at); took > 10*time.Second {
			t.Errorf("what was read through server %d was pushed after %v", i, took)
		}
	}
	read(w.server)
	for _, s := range devices {
		s.wantItem(is(0, 0))
	}
}

// wantItem checks the next item.
func (s *stream) wantItem(want any) {
	s.t.Helper()
	if got := s.next(); !same(got, want) {
		s.t.Fatalf("the item is %v, not %v", got, want)
	}
}

func testDashboardChanged(t *testing.T, w *world) {
	_, c := w.opened(w.manager, "Ada")
	s := w.subscribe(t, w.reader, "dashboardChanged", nil)
	first := s.next()
	began := time.Now()
	if get(first, "counts", "open") != 1.0 || get(first, "counts", "unassigned") != 1.0 || get(first, "asOf") != w.sealed() {
		t.Errorf("at first: %v", first)
	}
	w.say(c, db.Note, w.agent.id.Ref(), "Quiet")
	stop := w.churn(t, 5)
	const items = 3
	for i := 1; i <= items; i++ {
		item := s.next()
		if passed := time.Since(began); passed < time.Duration(i)*500*time.Millisecond-50*time.Millisecond {
			t.Errorf("item %d came after %v", i, passed)
		}
		if same(without(item, "asOf"), without(first, "asOf")) {
			t.Errorf("pushed without a change: %v", item)
		}
		first = item
	}
	stop()
	w.assign(w.manager, w.open(w.manager, w.contact(w.manager, "Zoe")), w.agent) // so that something changes last
	want := without(w.query(w.agent.token, document(`{ dashboard { ...dashboard } }`), nil).get("data", "dashboard"), "asOf")
	for item := any(nil); !same(without(item, "asOf"), want); {
		item = s.next()
	}
}

// change describes an item by the agents that its event changes.
func change(item any) string {
	told := fmt.Sprint(get(item, "event", "__typename"))
	for _, a := range get(item, "agents").([]any) {
		told += fmt.Sprint(", ", get(a, "name"))
	}
	return told
}

func testAgentsChanged(t *testing.T, w *world) {
	contact, c := w.opened(w.manager, "Ada")
	after := w.end()
	s := w.subscribe(t, w.reader, "agentsChanged", vars{"after": after})
	w.assign(w.manager, c, w.agent)
	w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
	w.assign(w.manager, c, w.colleague)
	w.block(w.manager, contact.ID)
	w.unblock(w.manager, contact.ID)
	w.close(w.manager, c)
	w.assign(w.manager, c, w.agent) // it is closed
	w.reopen(w.manager, c)
	did(t)(w.service.SetAvailability(t.Context(), w.agent.Actor, service.SetAvailabilityInput{Availability: db.Away}))
	w.deactivate(w.colleague)
	want := []string{
		"ConversationAssigned, Ann Agent", "ConversationAssigned, Ann Agent, Cem Colleague", "ContactBlocked, Cem Colleague", "ContactUnblocked, Cem Colleague",
		"ConversationClosed, Cem Colleague", "ConversationReopened, Ann Agent", "AvailabilityChanged, Ann Agent", "AgentDeactivated, Cem Colleague",
	}
	s.wantItems(change, want[:3]...)
	fourth := s.next()
	s.wantItems(change, want[4:]...)
	// A subscriber who resumes after an item gets the next one, with the current state of agents.
	again := w.subscribe(t, w.integration, "agentsChanged", vars{"after": at(fourth)})
	item := again.next()
	if change(item) != want[4] || get(item, "agents", 0, "openConversations") != 0.0 {
		t.Errorf("resumed with %v", item)
	}
	again.wantItems(change, want[5:]...)
}

// without returns a JSON object without a field.
func without(value any, field string) any {
	object, _ := value.(map[string]any)
	rest := maps.Clone(object)
	delete(rest, field)
	return rest
}

// TestEachOnceAndInOrder (P3) replays past events and continues with live ones on two servers at
// once, under constant writes: no gap, no duplicate.
func TestEachOnceAndInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := w.serve(options{log: quietLog})
	begin := w.end()
	stop := w.churn(t, 4)
	followed := w.history(w.key)
	conversation := followed[len(followed)-1].ConversationID
	isStatus := func(e *db.Event) bool {
		return e.Type == db.ConversationOpened || e.Type == db.ConversationReopened || e.Type == db.ConversationClosed
	}
	isAssignment := func(e *db.Event) bool {
		return e.Type == db.ConversationAssigned || e.Type == db.ConversationUnassigned
	}
	type follower struct {
		*stream
		picks func(*db.Event) bool
		seen  []string
	}
	var followers []*follower
	for _, s := range []*server{w.server, second} {
		for _, f := range []struct {
			field string
			v     vars
			picks func(*db.Event) bool
		}{
			{"statusChanged", vars{}, isStatus},
			{"assignmentChanged", vars{}, isAssignment},
			{"conversationChanged", vars{"conversationId": conversation}, func(e *db.Event) bool { return e.ConversationID != nil && *e.ConversationID == *conversation }},
			{"inboxChanged", vars{"view": "ALL"}, func(e *db.Event) bool {
				return e.ConversationID != nil && (db.ViewAll.Holds(e.Before, nil) || db.ViewAll.Holds(e.After, nil))
			}},
		} {
			f.v["after"] = begin
			followers = append(followers, &follower{stream: s.subscribe(t, w.agent.token, f.field, f.v), picks: f.picks})
		}
	}
	// All are live once the status feeds have delivered many items.
	for _, f := range followers {
		for f.field == "statusChanged" && len(f.seen) < 40 {
			f.seen = append(f.seen, at(f.next()))
		}
	}
	stop()
	for _, f := range followers {
		var want []string
		for _, e := range w.history(w.key) {
			if e.Seq > begin.Seq && f.picks(e) {
				want = append(want, w.shown(e.Cursor()))
			}
		}
		for len(f.seen) < len(want) {
			f.seen = append(f.seen, at(f.next()))
		}
		if !slices.Equal(f.seen, want) {
			t.Errorf("%s delivered %d items, not the %d of the log in their order", f.field, len(f.seen), len(want))
		}
	}
}

// TestLoadThenSubscribe (P4) loads the inbox, subscribes after its asOf and maintains its own list
// under constant writes: the list and its counts agree at each item, and in the end the list
// equals the inbox.
func TestLoadThenSubscribe(t *testing.T) {
	t.Parallel()
	for name, place := range map[string][]any{"the page's asOf": {"data", "inbox", "asOf"}, "the operation's asOf": {"data", "asOf"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stop := w.churn(t, 8)
			load := func() (map[any]any, string) {
				a := w.query(w.agent.token, `{ inbox(view: UNASSIGNED, first: 100) { asOf nodes { id version } } asOf }`, nil)
				list := map[any]any{}
				for _, node := range a.get("data", "inbox", "nodes").([]any) {
					list[get(node, "id")] = get(node, "version")
				}
				return list, a.text(place...)
			}
			list, after := load()
			s := w.subscribe(t, w.agent.token, "inboxChanged", vars{"view": "UNASSIGNED", "after": after})
			apply := func(item any) {
				switch id := get(item, "conversationId"); get(item, "kind") {
				case "LEFT":
					delete(list, id)
				default:
					list[id] = get(item, "conversation", "version")
				}
			}
			for live := 0; live < 40; {
				item := s.next()
				apply(item)
				if n := get(item, "counts", "unassigned"); n != nil {
					if live++; n != float64(len(list)) {
						t.Fatalf("%v conversations are counted, %d are in the list", n, len(list))
					}
				}
			}
			stop()
			_, last := w.opened(w.agent, "Zoe")
			for item := any(nil); get(item, "conversationId") != last.ID.String(); {
				item = s.next()
				apply(item)
			}
			if now, _ := load(); !same(now, list) {
				t.Errorf("the inbox is %v, the list %v", now, list)
			}
		})
	}
}

// TestResumeAnywhere resumes at every position of the log.
func TestResumeAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, c := w.opened(w.manager, "Ada")
	for range 3 {
		w.assign(w.manager, c, w.agent)
		w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
		w.close(w.manager, c)
		w.reopen(w.manager, c)
		w.unassign(w.manager, c)
	}
	log := w.history(w.key)
	places := []db.EventCursor{{Workspace: w.key}}
	for _, e := range log {
		places = append(places, e.Cursor())
	}
	socket := w.connect(t, w.agent.token)
	for i, place := range places {
		id := fmt.Sprint(i)
		socket.subscribe(id, subscriptions["conversationChanged"], vars{"conversationId": c.ID, "after": place})
		for _, e := range log[i:] {
			if e.ConversationID == nil {
				continue
			}
			f := socket.receive()
			if got := get(parse(t, f.Payload), "data", "conversationChanged", "id"); f.ID != id || got != e.ID.String() {
				t.Fatalf("after event %d came %s %s, not event %d", i, f.Type, f.Payload, e.Seq)
			}
		}
		socket.send(map[string]any{"id": id, "type": "complete"})
	}
}

// TestWithoutAfter: without after a subscription begins now and delivers no earlier event.
func TestWithoutAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, c := w.opened(w.manager, "Ada")
	w.close(w.manager, c)
	past := w.end()
	fields := map[string]vars{"statusChanged": nil, "conversationChanged": {"conversationId": c.ID}, "inboxChanged": {"view": "ALL"}}
	streams := map[string]*stream{}
	for field, v := range fields {
		streams[field] = w.subscribe(t, w.agent.token, field, v)
	}
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() { // until all have received an item
		defer close(finished)
		for {
			select {
			case <-done:
				return
			default:
				w.reopen(w.manager, c)
				w.close(w.manager, c)
			}
		}
	}()
	key, err := w.service.CursorKey(t.Context(), w.manager.Actor)
	must(t, err)
	for field, s := range streams {
		cursor, err := key.Open(at(s.next()))
		if err != nil || cursor.Seq <= past.Seq {
			t.Errorf("%s delivered the past: %v %v", field, cursor, err)
		}
	}
	close(done)
	<-finished
}

// TestSubscriptionErrors: an error message ends only one subscription.
func TestSubscriptionErrors(t *testing.T) {
	t.Parallel()
	var age atomic.Int64 // of what happens
	age.Store(int64(31 * 24 * time.Hour))
	old := newWorld(t, func(o *options) {
		o.now = func() time.Time { return time.Now().Add(-time.Duration(age.Load())) }
	})
	old.opened(old.manager, "Ada")
	w := old.apart(t)
	_, c := w.opened(w.manager, "Ada")
	age.Store(0)
	end := w.end()
	elsewhere := end
	elsewhere.Check[0]++
	ahead := end
	ahead.Seq++
	unknown := vars{"conversationId": db.ConversationID{UUID: db.NewUUID()}}
	for name, s := range map[string]struct {
		field string
		v     vars
		code  string
	}{
		"long ago":                  {"statusChanged", vars{"after": db.EventCursor{Workspace: w.key}}, "CURSOR_EXPIRED"},
		"another log":               {"inboxChanged", vars{"view": "ALL", "after": elsewhere}, "CURSOR_EXPIRED"},
		"the future":                {"assignmentChanged", vars{"after": ahead}, "CURSOR_EXPIRED"},
		"another workspace":         {"conversationChanged", vars{"conversationId": c.ID, "after": old.end()}, "CURSOR_INVALID"},
		"malformed cursor":          {"statusChanged", vars{"after": "x"}, "CURSOR_INVALID"},
		"unknown conversation":      {"conversationChanged", unknown, "NOT_FOUND"},
		"unknown one on a wall":     {"conversationChanged", vars{"conversationIds": []any{c.ID, unknown["conversationId"]}}, "NOT_FOUND"},
		"an empty wall":             {"conversationChanged", vars{"conversationIds": []any{}}, "BAD_USER_INPUT"},
		"no conversation":           {"conversationChanged", nil, "BAD_USER_INPUT"},
		"a conversation and a wall": {"conversationChanged", vars{"conversationId": c.ID, "conversationIds": []any{c.ID}}, "BAD_USER_INPUT"},
		"too large a wall":          {"conversationChanged", vars{"conversationIds": slices.Repeat([]any{c.ID}, 101)}, "BAD_USER_INPUT"},
		"unknown status":            {"statusChanged", unknown, "NOT_FOUND"},
		"unknown assignment":        {"assignmentChanged", unknown, "NOT_FOUND"},
		"unknown agent":             {"assignmentChanged", vars{"assigneeId": db.AgentID{UUID: db.NewUUID()}}, "NOT_FOUND"},
		"wrong kind of id":          {"statusChanged", vars{"conversationId": w.agent.id}, "BAD_USER_INPUT"},
		"empty filter":              {"inboxChanged", vars{"view": "ALL", "filter": map[string]any{"assignees": []any{}}}, "BAD_USER_INPUT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.subscribe(t, w.agent.token, s.field, s.v).wantError(s.code)
		})
	}
	t.Run("MINE of a program", func(t *testing.T) {
		t.Parallel()
		w.subscribe(t, w.reader, "inboxChanged", vars{"view": "MINE"}).wantError("BAD_USER_INPUT")
	})
	t.Run("the socket goes on", func(t *testing.T) {
		t.Parallel()
		s := w.subscribe(t, w.agent.token, "statusChanged", vars{"after": "x"})
		s.wantError("CURSOR_INVALID")
		s.socket.subscribe("1", `{ viewer { id } }`, nil)
		if f := s.receive(); f.Type != "next" || get(parse(t, f.Payload), "data", "viewer", "id") != w.agent.id.String() {
			t.Errorf("%s %s", f.Type, f.Payload)
		}
	})
}

// TestUnknownEventType writes an event of a type that a newer version may have, which
// ends the operation, not the server.
func TestUnknownEventType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, c := w.opened(w.manager, "Ada")
	s := w.subscribe(t, w.agent.token, "conversationChanged", vars{"conversationId": c.ID, "after": w.end()})
	w.assign(w.manager, c, w.agent)
	w.record(c, "CONVERSATION_SNOOZED")
	s.wantItems(kindOf, "ConversationAssigned")
	s.wantError("INTERNAL")
	log := w.history(w.key)
	newest := vars{"id": log[len(log)-1].ID}
	for _, doc := range []string{`query($id: ID!) { node(id: $id) { id } }`, `query($id: ID!) { nodes(ids: [$id]) { id } }`} {
		w.post(t, w.agent.token, doc, newest).wantCode("INTERNAL")
	}
}

// TestP7RightsEnd: a caller whose rights have ended is disconnected within two seconds.
func TestP7RightsEnd(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	for name, end := range map[string]func(w *world, id db.TokenID){
		"revoked": func(w *world, id db.TokenID) {
			if ok, err := w.auth.Revoke(w.t.Context(), w.key, id); err != nil || !ok {
				w.t.Fatal(ok, err)
			}
		},
		"deactivated": func(w *world, _ db.TokenID) { w.deactivate(w.agent) },
		"promoted": func(w *world, _ db.TokenID) {
			did(w.t)(w.service.UpdateAgent(w.t.Context(), w.manager.Actor, service.UpdateAgentInput{AgentID: w.agent.id, Role: new(db.RoleManager)}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shared.apart(t)
			secret, token, err := w.auth.Issue(t.Context(), w.key, db.ScopeAgent, &w.agent.id, "", 0)
			must(t, err)
			_, c := w.opened(w.manager, "Ada")
			s := w.subscribe(t, secret, "statusChanged", vars{"after": w.end()})
			bystander := w.subscribe(t, w.colleague.token, "statusChanged", vars{"after": w.end()})
			w.close(w.manager, c)
			s.wantItems(kindOf, "ConversationClosed")
			end(w, token.ID)
			ended := time.Now()
			s.wantClose(live.CloseForbidden)
			if took := time.Since(ended); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			bystander.wantItems(kindOf, "ConversationClosed")
			w.reopen(w.manager, c)
			bystander.wantItems(kindOf, "ConversationReopened")
		})
	}
	for name, token := range map[string]string{"nobody": "", "bad token": "swb_nonsense", "unknown token": "x" + shared.agent.token} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared.dial(t, token).wantClose(live.CloseForbidden)
		})
	}
}

// TestRightsEndFirst: no event after the end of an agent's rights reaches their sockets, also if
// the rights were ended through another server.
func TestRightsEndFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := w.serve(options{log: quietLog})
	_, c := w.opened(w.manager, "Ada")
	after := w.end()
	for _, by := range []*server{w.server, second} {
		token := w.issue(w.company, db.ScopeAgent, &w.agent.id) // earlier ones are revoked
		s := by.subscribe(t, token, "statusChanged", vars{"after": after})
		bystander := by.subscribe(t, w.colleague.token, "statusChanged", vars{"after": after})
		w.close(w.manager, c)
		for _, each := range []*stream{s, bystander} {
			each.wantItems(kindOf, "ConversationClosed")
		}
		w.deactivate(w.agent)
		w.reopen(w.manager, c)
		s.wantNoMore(live.CloseForbidden)
		bystander.wantItems(kindOf, "ConversationReopened")
		did(t)(w.service.ReactivateAgent(t.Context(), w.manager.Actor, service.ReactivateAgentInput{AgentID: w.agent.id}))
		after = w.end()
	}
}

// TestOtherServerWrites: changes through one server are delivered by both.
func TestOtherServerWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := w.serve(options{log: quietLog})
	_, c := w.opened(w.manager, "Ada")
	after := w.end()
	here, there := w.subscribe(t, w.agent.token, "statusChanged", vars{"after": after}), second.subscribe(t, w.agent.token, "statusChanged", vars{"after": after})
	for _, by := range []*server{w.server, second} {
		_, err := by.service.CloseConversation(context.Background(), w.manager.Actor, service.CloseConversationInput{ConversationID: c.ID})
		must(t, err)
		_, err = by.service.ReopenConversation(context.Background(), w.manager.Actor, service.ReopenConversationInput{ConversationID: c.ID})
		must(t, err)
		for _, s := range []*stream{here, there} {
			s.wantItems(kindOf, "ConversationClosed", "ConversationReopened")
		}
	}
}

// TestPingCursor: pings carry the cursor from which a quiet subscription can resume.
func TestPingCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.ping = 20 * time.Millisecond })
	_, watched := w.opened(w.agent, "Ada")
	_, other := w.opened(w.agent, "Bea")
	s := w.subscribe(t, w.agent.token, "assignmentChanged", vars{"conversationId": watched.ID})
	w.assign(w.agent, other, w.agent)
	w.assign(w.agent, other, w.manager)

	end := w.sealed()
	cursor := ""
	for cursor != end {
		var f frame
		_ = s.SetReadDeadline(time.Now().Add(patience))
		must(t, s.ReadJSON(&f))
		if f.Type != "ping" {
			t.Fatalf("%s came, of which nobody asked: %s", f.Type, f.Payload)
		}
		if f.Payload != nil {
			cursor = get(parse(t, f.Payload), "cursor").(string)
		}
	}
	w.assign(w.agent, watched, w.agent)
	again := w.subscribe(t, w.agent.token, "assignmentChanged", vars{"conversationId": watched.ID, "after": cursor})
	if got, live := at(again.next()), at(s.next()); got != live {
		t.Errorf("resuming after %s begins with %s, not %s", cursor, got, live)
	}
}

// TestNothingIsHalf: while the objects that an item selects cannot be read, the item is delayed
// and not sent with errors.
func TestNothingIsHalf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, c := w.opened(w.manager, "Ada")
	w.assign(w.manager, c, w.agent)
	s := w.connect(t, w.integration)
	const doc = `subscription($id: ID!, $after: EventCursor) { conversationChanged(conversationId: $id, after: $after) { __typename conversation { assignee { name } } } }`
	s.subscribe("1", doc, vars{"id": c.ID, "after": w.end()})

	conn, err := pgx.Connect(t.Context(), w.url)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE agents IN ACCESS EXCLUSIVE MODE")
	must(t, err)
	w.record(c, db.ContactBlocked)
	time.Sleep(5 * time.Second) // longer than two statements wait for a lock
	_, err = conn.Exec(t.Context(), "ROLLBACK")
	must(t, err)
	item := parse(t, s.receive().Payload)
	if get(item, "errors") != nil || get(item, "data", "conversationChanged", "conversation", "assignee", "name") != "Ann Agent" {
		t.Errorf("%v", item)
	}
}

func testWorkflowRunChanged(t *testing.T, w *world) {
	other := w.workflow("round-robin-online", nil)
	closes := w.workflow("unassign-after-close", nil)
	w.works()
	all := w.subscribe(t, w.reader, "workflowRunChanged", nil)
	ofOne := w.subscribe(t, w.agent.token, "workflowRunChanged", vars{"workflowId": closes})
	_, c := w.opened(w.manager, "Ada")
	tell := func(item any) string {
		return fmt.Sprint(get(item, "workflow", "id"), " ", get(item, "status"), " ", get(item, "steps", 0, "outcome"), " ", get(item, "conversation", "id"))
	}
	nobody := fmt.Sprint(other, " COMPLETED NOBODY ", c.ID)
	done := fmt.Sprint(closes, " COMPLETED DONE ", c.ID)
	all.wantItems(tell, nobody)
	w.assign(w.manager, c, w.agent)
	w.close(w.manager, c)
	all.wantItems(tell, done)
	ofOne.wantItems(tell, done)
}

// TestFirstOfMany: a subscriber whose cursor is refused or far behind is served alone, and begins no
// execution that others would wait for.
func TestFirstOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, c := w.opened(w.manager, "Ada")
	for range 130 {
		w.assign(w.manager, c, w.agent)
		w.unassign(w.manager, c)
	}
	ahead := w.end()
	ahead.Seq++
	for outcome, first := range map[string]struct {
		field string
		after db.EventCursor
		code  string
	}{
		live.ResumedReplayed:  {"assignmentChanged", db.EventCursor{Workspace: w.key}, ""},
		live.ResumedExpired:   {"statusChanged", ahead, "CURSOR_EXPIRED"},
		live.ResumedFromWrong: {"events", w.apart(t).end(), "CURSOR_INVALID"},
	} {
		if s := w.subscribe(t, w.agent.token, first.field, vars{"after": first.after}); first.code != "" {
			s.wantError(first.code)
		} else {
			s.next()
		}
		if now := w.resumes(); now[outcome] != 1 {
			t.Errorf("after one that is %s: %v", outcome, now)
		}
	}
}

// resumes returns how many subscriptions resumed, by outcome.
func (w *world) resumes() map[string]float64 {
	w.t.Helper()
	figures := prometheus.NewRegistry()
	figures.MustRegister(w.handler.Measures()...)
	families, err := figures.Gather()
	must(w.t, err)
	found := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "switchboard_resumes_total" {
			for _, m := range family.Metric {
				found[m.Label[0].GetValue()] = m.Counter.GetValue()
			}
		}
	}
	return found
}
