package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/db"
)

// Sizes of the crash test, in which clients write while the server is killed again and again.
const (
	writers  = 8  // clients
	episodes = 32 // of each: create a contact, open, assign and close a conversation
	kills    = 3
)

// location holds the running server; it changes when the server was killed and started again.
type location struct {
	mu    sync.Mutex
	at    *server
	moved chan struct{}
}

func (p *location) now() (at *server, moved <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at, p.moved
}

func (p *location) move(to *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = to
	close(p.moved)
	p.moved = make(chan struct{})
}

// after waits until another server than was is running and returns it.
func (p *location) after(ctx context.Context, was *server) (*server, error) {
	for {
		at, moved := p.now()
		if at != was {
			return at, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// done is the payload of a mutation.
type done struct {
	Contact, Conversation struct{ ID string }
	Events                []struct{ ID, IdempotencyKey string }
	UserErrors            []struct{ Code, Message string }
}

// writer is a client that repeats each mutation, with the same key, until it is acknowledged.
type writer struct {
	number       int
	token        string
	location     *location
	acknowledged func()

	repeated  int             // number of requests that were sent again
	timelines map[string][]id // acknowledged events by contact
}

type id = string

func (w *writer) mutate(ctx context.Context, verb, key, fields string, input vars) (*done, error) {
	document := fmt.Sprintf(`mutation($input: %s%sInput!) { done: %s(input: $input) {
		%s events { id idempotencyKey } userErrors { code message } } }`, strings.ToUpper(verb[:1]), verb[1:], verb, fields)
	input["idempotencyKey"] = key
	at, _ := w.location.now()
	for {
		status, a, err := caller{at, w.token}.post(ctx, document, vars{"input": input})
		if err != nil { // the server is gone; the mutation may have been committed
			w.repeated++
			if at, err = w.location.after(ctx, at); err != nil {
				return nil, err
			}
			continue
		}
		var result struct{ Done done }
		if status != http.StatusOK || len(a.Errors) > 0 {
			return nil, fmt.Errorf("%s: status %d %v", key, status, a.Errors)
		}
		if err := json.Unmarshal(a.Data, &result); err != nil {
			return nil, err
		}
		if len(result.Done.UserErrors) > 0 || len(result.Done.Events) != 1 || result.Done.Events[0].IdempotencyKey != key {
			return nil, fmt.Errorf("%s: acknowledged with %s", key, a.Data)
		}
		w.acknowledged()
		return &result.Done, nil
	}
}

// work carries out all episodes.
func (w *writer) work(ctx context.Context, assignee func(i int) string) error {
	for i := range episodes {
		key := func(verb string) string { return fmt.Sprintf("%s %d of %d", verb, i, w.number) }
		created, err := w.mutate(ctx, "createContact", key("create"), "contact { id }", vars{"name": key("contact")})
		if err != nil {
			return err
		}
		contact := created.Contact.ID
		opened, err := w.mutate(ctx, "openConversation", key("open"), "conversation { id }", vars{"contactId": contact, "channel": "email"})
		if err != nil {
			return err
		}
		conversation := opened.Conversation.ID
		assigned, err := w.mutate(ctx, "assignConversation", key("assign"), "", vars{"conversationId": conversation, "assigneeId": assignee(i)})
		if err != nil {
			return err
		}
		closed, err := w.mutate(ctx, "closeConversation", key("close"), "", vars{"conversationId": conversation})
		if err != nil {
			return err
		}
		for _, d := range []*done{created, opened, assigned, closed} {
			w.timelines[contact] = append(w.timelines[contact], d.Events[0].ID)
		}
	}
	return nil
}

// follower reads a subscription and resumes after its last cursor when the connection breaks.
type follower struct {
	name, document string // the item is called item and has a cursor
	cursor         string
	items          []string // in the order of arrival
	resumed        int
}

// theLast is the idempotency key of the mutation whose item is the last one.
const theLast = "the last one"

// follow reads until the last item has come.
func (f *follower) follow(ctx context.Context, token string, p *location) error {
	at, _ := p.now()
	for {
		err := f.read(ctx, caller{at, token})
		if err == nil {
			return nil
		}
		if at, err = p.after(ctx, at); err != nil {
			return fmt.Errorf("%s after %d items: %w", f.name, len(f.items), err)
		}
		f.resumed++
	}
}

func (f *follower) read(ctx context.Context, c caller) error {
	s, err := c.connect()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	defer func() { _ = s.Close() }()
	if err := s.subscribe(f.document, vars{"after": f.cursor}); err != nil {
		return err
	}
	for {
		data, err := s.next()
		if err != nil {
			return err
		}
		var item struct{ Item struct{ Cursor string } }
		if err := json.Unmarshal(data, &item); err != nil {
			return err
		}
		f.cursor, f.items = item.Item.Cursor, append(f.items, string(data))
		if strings.Contains(string(data), theLast) {
			return nil
		}
	}
}

var followed = map[string]string{
	"inboxChanged":  `subscription($after: EventCursor) { item: inboxChanged(view: ALL, after: $after) { cursor kind conversationId event { id __typename idempotencyKey } } }`,
	"statusChanged": `subscription($after: EventCursor) { item: statusChanged(after: $after) { cursor id __typename idempotencyKey } }`,
}

func TestKilledServerLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, writers)
	beginning := s.as(c.Token).asOf()
	p := &location{at: s, moved: make(chan struct{})}
	ctx, stop := context.WithTimeoutCause(t.Context(), 2*patience, fmt.Errorf("not done within %v", 2*patience))
	defer stop()
	ctx, fail := context.WithCancelCause(ctx) // all clients, with the first one's error
	defer fail(nil)

	var following sync.WaitGroup
	followers := map[string]*follower{}
	for name, document := range followed {
		f := &follower{name: name, document: document, cursor: beginning}
		followers[name] = f
		following.Go(func() {
			if err := f.follow(ctx, c.Token, p); err != nil {
				fail(err)
			}
		})
	}

	const mutations = writers * episodes * 4
	var count atomic.Int64
	milestones := make(chan struct{}, kills)
	acknowledged := func() {
		if n := count.Add(1); n%(mutations/(kills+1)) == 0 && n < mutations {
			milestones <- struct{}{}
		}
	}
	var working sync.WaitGroup
	all := make([]*writer, writers)
	for i := range all {
		w := &writer{number: i, token: c.agents[i].token, location: p, acknowledged: acknowledged, timelines: map[string][]id{}}
		all[i] = w
		working.Go(func() {
			if err := w.work(ctx, func(n int) string { return c.agents[(i+n)%writers].id }); err != nil {
				fail(err)
			}
		})
	}
	began := time.Now()
	for range kills {
		select {
		case <-milestones:
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		}
		s.kill()
		s = start(t, "--data-dir", dir)
		p.move(s)
	}
	working.Wait()
	t.Logf("%d mutations and %d kills in %v", count.Load(), kills, time.Since(began))
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}

	repeated, timelines := 0, map[string][]id{}
	for _, w := range all {
		repeated += w.repeated
		for contact, events := range w.timelines {
			timelines[contact] = events
		}
	}
	t.Logf("%d mutations had to be repeated", repeated)
	if repeated < kills {
		t.Error("the server was never killed in the middle of a mutation")
	}
	if len(timelines) != writers*episodes {
		t.Errorf("%d contacts were acknowledged, not %d", len(timelines), writers*episodes)
	}
	checkTimelines(t, s.as(c.Token), timelines)
	checkLog(t, dir, mutations)

	// The last event of the log, at which the followers stop.
	contact := slices.Sorted(maps.Keys(timelines))[0]
	s.as(c.Token).ask(&struct{}{}, `mutation($id: ID!, $key: String!) {
		openConversation(input: {contactId: $id, channel: "email", idempotencyKey: $key}) { userErrors { code } } }`,
		vars{"id": contact, "key": theLast})
	following.Wait()
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}
	for name, f := range followers {
		if f.resumed == 0 {
			t.Errorf("%s was never interrupted", name)
		}
		fresh := &follower{document: f.document, cursor: beginning}
		check(t, fresh.read(ctx, s.as(c.Token)))
		sameItems(t, name, f.items, fresh.items)
	}
	if t.Failed() {
		return
	}
	// open, assign, close of every episode and the last opening; without assign
	if n := len(followers["inboxChanged"].items); n != mutations*3/4+1 {
		t.Errorf("inboxChanged had %d items", n)
	}
	if n := len(followers["statusChanged"].items); n != mutations/2+1 {
		t.Errorf("statusChanged had %d items", n)
	}
}

// sameItems compares the items of a follower with those of a replay over one connection.
func sameItems(t *testing.T, name string, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s: item %d is %s, but in a fresh replay %s", name, i, got[i], want[i])
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d items came, a fresh replay has %d", name, len(got), len(want))
	}
}

// checkTimelines compares every contact's timeline with the acknowledged events and checks that
// there are no other contacts.
func checkTimelines(t *testing.T, c caller, want map[string][]id) {
	t.Helper()
	seen, after := 0, (*string)(nil)
	for {
		var page struct {
			Contacts struct {
				Nodes []struct {
					ID, Name string
					Timeline struct{ Nodes []struct{ ID string } }
				}
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		c.ask(&page, `query($after: String) { contacts(first: 50, after: $after) {
			nodes { id name timeline(first: 20) { nodes { id } } } pageInfo { hasNextPage endCursor } } }`, vars{"after": after})
		for _, contact := range page.Contacts.Nodes {
			events, ok := want[contact.ID]
			if seen++; !ok {
				t.Errorf("contact %s was never acknowledged", contact.Name)
			}
			var got []id
			for _, e := range contact.Timeline.Nodes {
				got = append(got, e.ID)
			}
			if !slices.Equal(got, events) {
				t.Errorf("%s: the timeline has %v, acknowledged were %v", contact.Name, got, events)
			}
		}
		if after = page.Contacts.PageInfo.EndCursor; !page.Contacts.PageInfo.HasNextPage {
			break
		}
	}
	if seen != len(want) {
		t.Errorf("of %d acknowledged contacts %d are there", len(want), seen)
	}
}

// checkLog checks the table of events: no gap, no duplicate, and no event without a request.
func checkLog(t *testing.T, dir string, mutations int) {
	t.Helper()
	d, leave := openDatabase(t, dir)
	defer leave()
	var events, last, ids, origins int
	check(t, d.QueryRowContext(t.Context(), `SELECT count(*), max(seq), count(DISTINCT id), count(DISTINCT (actor, origin)) FILTER (WHERE origin IS NOT NULL) FROM events`).
		Scan(&events, &last, &ids, &origins))
	if events != last || events != ids {
		t.Errorf("the log has %d events up to number %d with %d ids", events, last, ids)
	}
	if origins != mutations {
		t.Errorf("the log names %d idempotency keys, not %d", origins, mutations)
	}
}

func TestTwoServersOnOneDatabase(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	both := []*server{start(t, "--data-dir", dir, "--no-demo"), start(t, "--data-dir", dir)}
	c := found(t, both[0], dir, 2)
	conversation := both[0].as(c.Token).open("Ada")
	now := both[1].as(c.Token).asOf()
	subscribers := []*socket{both[0].as(c.Token).watch(assignments, now), both[1].as(c.Token).watch(assignments, now)}

	// One change after the other, through either server: both subscribers get each before the next.
	for i := range 20 {
		events := both[i%2].as(c.Token).assign(conversation, c.agents[i%2].id)
		for _, s := range subscribers {
			if got := s.change(t); len(events) != 1 || got.ID != events[0] {
				t.Fatalf("change %d is %v, a subscriber got %v", i, events, got)
			}
		}
	}
	// Many changes at once: both subscribers get all of them in the same order.
	const each = 25
	conversations := make([]string, 2*len(both))
	for i := range conversations {
		conversations[i] = both[0].as(c.Token).open(fmt.Sprint("Eve ", i))
	}
	var assigning sync.WaitGroup
	for i, conversation := range conversations {
		assigning.Go(func() {
			for n := range each {
				both[i%2].as(c.Token).assign(conversation, c.agents[n%2].id)
			}
		})
	}
	orders := make([][]string, len(subscribers))
	for i, s := range subscribers {
		for range each * len(conversations) {
			orders[i] = append(orders[i], s.change(t).ID)
		}
	}
	assigning.Wait()
	if !slices.Equal(orders[0], orders[1]) {
		t.Errorf("the order differs:\n%v\n%v", orders[0], orders[1])
	}

	both[0].kill()
	events := both[1].as(c.Token).assign(conversation, c.Manager)
	if got := subscribers[1].change(t); got.ID != events[0] {
		t.Errorf("after the other server was killed %v came instead of %v", got, events)
	}
	third := start(t, "--data-dir", dir)
	newcomer := third.as(c.Token).watch(assignments, now)
	for i, want := range slices.Concat(make([]string, 20), orders[0], events) {
		if got := newcomer.change(t); i >= 20 && got.ID != want {
			t.Fatalf("item %d of the replay through a third server is %v, want %s", i, got, want)
		}
	}
}

func TestTwoFirstStartsAtOnce(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	both := []*server{launch(t, "--data-dir", dir), launch(t, "--data-dir", dir)}
	for _, s := range both {
		s.ready()
	}
	var tokens [2][]string
	for i, s := range both {
		for _, d := range s.Developers {
			tokens[i] = append(tokens[i], d.Token)
		}
	}
	// The tokens of three people and of the connector are made.
	if len(tokens[0]) != 4 || !slices.Equal(tokens[0], tokens[1]) {
		t.Errorf("the tokens differ:\n%v\n%v", tokens[0], tokens[1])
	}
	var list []struct{ Workspace string }
	succeed(t, &list, "workspace", "list", "--data-dir", dir)
	if len(list) != 1 {
		t.Errorf("%d demo workspaces were made", len(list))
	}
}

func TestEventLatency(t *testing.T) {
	dir := newDir(t)
	trackCommits(t, dir)
	both := []*server{start(t, "--data-dir", dir, "--no-demo"), start(t, "--data-dir", dir)}
	c := found(t, both[0], dir, 2)
	conversation := both[0].as(c.Token).open("Ada")
	now := both[0].as(c.Token).asOf()
	for name, s := range map[string]*server{"the same server": both[0], "another server": both[1]} {
		subscriber := s.as(c.Token).watch(assignments, now)
		for both[0].as(c.Token).asOf() != now { // skip what the other round did
			now = subscriber.change(t).Cursor
		}
		received := map[id]time.Time{}
		for i := range sized(40, 1000) {
			both[0].as(c.Token).assign(conversation, c.agents[i%2].id)
			received[subscriber.change(t).ID] = time.Now()
		}
		took := sinceCommit(t, dir, received)
		t.Logf("from commit to a subscriber of %s: %v", name, took)
		if p50 := took[len(took)/2]; p50 > 500*time.Millisecond { // a lost wake-up costs a second
			t.Errorf("a subscriber of %s waits %v for an event", name, p50)
		}
	}
}

// trackCommits makes PostgreSQL record when each transaction began to commit.
func trackCommits(t *testing.T, dir string) {
	t.Helper()
	d, leave := openDatabase(t, dir)
	defer leave() // stops PostgreSQL, because the setting applies from its next start
	_, err := d.ExecContext(t.Context(), "ALTER SYSTEM SET track_commit_timestamp = on")
	check(t, err)
}

// sinceCommit returns how long after their commit the events were received.
func sinceCommit(t *testing.T, dir string, received map[id]time.Time) (took durations) {
	t.Helper()
	d, leave := openDatabase(t, dir)
	defer leave()
	rows, err := d.QueryContext(t.Context(), "SELECT id, pg_xact_commit_timestamp(xmin) FROM events")
	check(t, err)
	defer func() { check(t, rows.Close()) }()
	for rows.Next() {
		var event db.EventID
		var committed time.Time
		check(t, rows.Scan(&event, &committed))
		if at, ok := received[event.String()]; ok {
			took = append(took, at.Sub(committed))
		}
	}
	check(t, rows.Err())
	slices.Sort(took)
	return took
}
