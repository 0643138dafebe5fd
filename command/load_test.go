package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/auth"
	"switchboard/db"
)

// load is a workspace with a high rate of changes.
type load struct {
	*company
	fleet         *fleet
	dir           string
	program       string // an integration's token: an agent may have only few sockets
	conversations []string
	key           db.WorkspaceKey // of the workspace
	beginning     db.Head         // the end of the log before the load

	mu           sync.Mutex
	acknowledged []string // ids of events in the answers of mutations
	repeated     int      // requests
	took         durations
}

// newLoad returns a load with its conversations, on servers that share a data folder.
func newLoad(t *testing.T, dir string, conversations int, servers ...*server) *load {
	t.Helper()
	l := &load{company: found(t, servers[0], dir, 2), fleet: &fleet{servers: servers}, dir: dir}
	l.conversations = openMany(servers[0], l.Token, conversations)
	d, leave := openDatabase(t, dir)
	defer leave()
	all, err := d.Workspaces(t.Context())
	check(t, err)
	l.key = all[slices.IndexFunc(all, func(w *db.Workspace) bool { return w.ID.String() == l.Workspace })].Key
	l.program, _, err = auth.New(d, nil).Issue(t.Context(), l.key, db.ScopeIntegration, nil, "load", 0)
	check(t, err)
	l.begin(t, d)
	return l
}

// begin records the end of the log. Every subscriber must receive all events after it.
func (l *load) begin(t *testing.T, d *db.DB) {
	t.Helper()
	head, err := d.ForWorkspace(l.key).Head(t.Context())
	check(t, err)
	l.beginning, l.acknowledged = head, nil
}

// after returns the cursor after which all subscribers begin.
func (l *load) after() string { return l.beginning.Cursor().String() }

// crowd starts n subscribers of the usual streams.
func (l *load) crowd(t *testing.T, n int) *crowd {
	t.Helper()
	c := newCrowd(t, l.fleet, l.program)
	c.join(t, n, l.after(), streams()...)
	return c
}

// The number of writing clients, and the note with which they close conversations.
const clients = 16

var note = strings.Repeat("Sent a new one. ", 250)

// run sends mutations at a rate per second until stop is called, which waits for
// every answer. A mutation is repeated with its key, at the next server, until acknowledged.
func (l *load) run(t *testing.T, rate int) (stop func()) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 4*patience, fmt.Errorf("not done within %v", 4*patience))
	ended := make(chan struct{})
	var working sync.WaitGroup
	name, began := fmt.Sprintf("%x ", rand.Uint64()), time.Now()
	for i := range clients {
		working.Go(func() {
			pace := time.NewTicker(time.Second * clients / time.Duration(rate))
			defer pace.Stop()
			for n := 0; ; n++ {
				verb, input := l.step(i, n)
				if err := l.mutate(ctx, i, verb, fmt.Sprint(name, i, " ", n), input); err != nil {
					if t.Context().Err() == nil { // else the test has failed already
						t.Errorf("client %d, mutation %d: %v", i, n, err)
					}
					return
				}
				select {
				case <-pace.C:
				case <-ended:
					return
				}
			}
		})
	}
	t.Cleanup(working.Wait)
	return func() {
		close(ended)
		working.Wait()
		cancel()
		slices.Sort(l.took)
		t.Logf("%.0f mutations/s asked for, %.0f/s acknowledged, %d repeated, each took %v", float64(rate),
			float64(len(l.acknowledged))/time.Since(began).Seconds(), l.repeated, l.took)
		if t.Failed() {
			t.FailNow()
		}
	}
}

// step sends a client's next mutation. Each client has its own conversations, so that nothing is
// refused.
func (l *load) step(client, n int) (verb string, input vars) {
	own := len(l.conversations) / clients
	input = vars{"conversationId": l.conversations[client*own+n/4%own]}
	switch n % 4 {
	case 0:
		input["assigneeId"] = l.agents[n/4%len(l.agents)].id
		return "assignConversation", input
	case 1:
		return "unassignConversation", input
	case 2:
		input["note"] = vars{"text": note}
		return "closeConversation", input
	default:
		return "reopenConversation", input
	}
}

func (l *load) mutate(ctx context.Context, client int, verb, key string, input vars) error {
	document := fmt.Sprintf(`mutation($input: %s%sInput!) { done: %s(input: $input) { events { id } userErrors { code message } } }`,
		strings.ToUpper(verb[:1]), verb[1:], verb)
	input["idempotencyKey"] = key
	for attempt := client; ; attempt++ {
		began := time.Now()
		status, a, err := caller{l.fleet.pick(attempt), l.program}.post(ctx, document, vars{"input": input})
		if err != nil || status >= http.StatusInternalServerError || a.code() == "UNAVAILABLE" || a.code() == "INTERNAL" {
			if ctx.Err() != nil {
				return fmt.Errorf("%w; last: %d %v %w", context.Cause(ctx), status, a.Errors, err)
			}
			l.mu.Lock()
			l.repeated++
			l.mu.Unlock()
			time.Sleep(shortPause + rand.N(4*shortPause))
			continue
		}
		var result struct{ Done done }
		if status != http.StatusOK || len(a.Errors) > 0 {
			return fmt.Errorf("%s: status %d %v", verb, status, a.Errors)
		}
		if err := json.Unmarshal(a.Data, &result); err != nil {
			return err
		}
		if len(result.Done.UserErrors) > 0 || len(result.Done.Events) != 1 {
			return fmt.Errorf("%s: acknowledged with %s", verb, a.Data)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.acknowledged = append(l.acknowledged, result.Done.Events[0].ID)
		l.took = append(l.took, time.Since(began))
		return nil
	}
}

// log reads the events of the load from the database.
func (l *load) log(t *testing.T, d *db.DB) (events []*db.Event) {
	t.Helper()
	for at := l.beginning.Seq; ; {
		page, err := d.ForWorkspace(l.key).EventsAfter(t.Context(), at, 1000)
		check(t, err)
		if len(page) == 0 {
			return events
		}
		events, at = append(events, page...), page[len(page)-1].Seq
	}
}

// complete waits until every subscriber has received all events, and compares them with the log
// and the log with the acknowledged events.
func (l *load) complete(t *testing.T, crowds ...*crowd) {
	t.Helper()
	d, leave := openDatabase(t, l.dir)
	defer leave()
	events := l.log(t, d)
	wanted := map[*stream][]string{}
	for _, c := range crowds {
		for _, m := range c.members {
			if _, known := wanted[m.stream]; !known {
				wanted[m.stream] = idsOf(events, m.stream.picks)
			}
		}
		c.await(t, "complete", func(m *member) bool { return m.seen.Load() >= int64(len(wanted[m.stream])) })
		c.leave()
	}
	for s, want := range wanted {
		if len(want) == 0 {
			t.Errorf("%s: the log has no event for this subscription", s.name)
		}
		var got []string
		for _, one := range s.items {
			got = append(got, "evt_"+one.id)
		}
		sameItems(t, s.name, got, want)
	}
	if got, want := slices.Sorted(slices.Values(l.acknowledged)), slices.Sorted(slices.Values(idsOf(events, nil))); !slices.Equal(got, want) {
		t.Errorf("the %d acknowledged events differ from the %d in the log", len(got), len(want))
	}
}

func idsOf(events []*db.Event, picks func(*db.Event) bool) (ids []string) {
	for _, e := range events {
		if picks == nil || picks(e) {
			ids = append(ids, e.ID.String())
		}
	}
	return ids
}

// TestCrowdWhenAServerIsKilled: one of two servers is killed under load. Its subscribers connect
// to the other one or to its successor, and all subscribers receive exactly the log.
func TestCrowdWhenAServerIsKilled(t *testing.T) {
	isLoad(t)
	t.Parallel()
	dir := newDir(t)
	both := []*server{start(t, "--data-dir", dir, "--no-demo"), start(t, "--data-dir", dir)}
	l := newLoad(t, dir, sized(32, 320), both...)
	c := l.crowd(t, sized(100, 1000))
	stop := l.run(t, 200)
	phase := time.Duration(sized(1000, 3000)) * time.Millisecond
	time.Sleep(phase)
	both[1].kill()
	time.Sleep(phase)
	l.fleet.replace(1, start(t, "--data-dir", dir))
	time.Sleep(phase)
	stop()
	ended := time.Now()
	l.complete(t, c)
	t.Logf("complete %v after the last mutation; %d of %d subscribers resumed, %d items", time.Since(ended),
		c.count((*member).resumed), len(c.members), c.count(func(m *member) int64 { return m.seen.Load() }))
	for _, m := range c.members {
		if was := m.number%2 == 1; was != (m.resumed() > 0) {
			t.Errorf("subscriber %d began at the killed server: %v; it resumed %d times", m.number, was, m.resumed())
			break
		}
	}
}

// memory returns the most memory that a server has taken so far; empty if the system does not say.
func (s *server) memory(t *testing.T) string {
	t.Helper()
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}

// TestCrowdReconnectsAtOnce: the only server is killed, and all subscribers connect to its
// successor at the same moment, while changes continue.
func TestCrowdReconnectsAtOnce(t *testing.T) {
	isLoad(t)
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	l := newLoad(t, dir, clients, s)
	c := l.crowd(t, sized(200, 10_000))
	stop := l.run(t, sized(20, 4)) // each reaches two thirds of the crowd: 20 a second would be 133,000 frames
	time.Sleep(500 * time.Millisecond)
	s.kill()
	next := start(t, "--data-dir", dir)
	began := time.Now()
	l.mu.Lock()
	before := len(l.took)
	l.mu.Unlock()
	l.fleet.replace(0, next)
	c.await(t, "back", func(m *member) bool { return m.resumed() > 0 && m.since.Load() > 0 })
	took := time.Since(began)
	var back durations
	for _, m := range c.members {
		back = append(back, time.Unix(0, m.newsAt.Load()).Sub(began))
	}
	slices.Sort(back)
	l.mu.Lock()
	during := durations(slices.Sorted(slices.Values(l.took[before:])))
	l.mu.Unlock()
	t.Logf("%d subscribers were back and had news %v after the server was ready (%v); mutations meanwhile: %v; memory at most %s",
		len(c.members), took, back, during, next.memory(t))
	if took > time.Minute { // the limit is 30 s, doubled for the race detector and other tests
		t.Errorf("the last subscriber was back after %v", took)
	}
	if len(during) == 0 {
		t.Error("no mutation worked meanwhile")
	}
	stop()
	l.complete(t, c)
}

// TestCrowdThroughBulkAndReplay: no subscriber is disconnected by 500 changes in one mutation, by
// the deactivation of an agent with 10,000 open conversations, or by the replay of all that.
func TestCrowdThroughBulkAndReplay(t *testing.T) {
	isLoad(t)
	t.Parallel()
	const bulk = 500
	many := sized(1000, 10_000)
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	l := newLoad(t, dir, bulk, s)
	d, leave := openDatabase(t, dir)
	defer leave()
	l.put(t, d, many-bulk, l.agents[0].id)
	l.begin(t, d)

	c := newCrowd(t, l.fleet, l.program)
	assignments := streams()[1]
	c.join(t, sized(100, 1000), l.after(), assignments)
	through := func(n, total int, change func()) {
		t.Helper()
		began := time.Now()
		change()
		t.Logf("the mutation of %d changes took %v", n, time.Since(began))
		c.await(t, "through the changes", func(m *member) bool { return m.seen.Load() >= int64(total) })
		t.Logf("all %d subscribers had %d changes %v after they were sent", len(c.members), n, time.Since(began))
		uninterrupted(t, c)
	}
	through(bulk, bulk, func() { s.as(l.Token).assignAll(l.conversations, l.agents[0].id) })
	through(many, bulk+many, func() { s.as(l.Token).handOver(l.agents[0].id, l.agents[1].id) })
	c.leave()

	replayed := func(n int) {
		t.Helper()
		c := newCrowd(t, l.fleet, l.program)
		began := time.Now()
		c.join(t, n, l.after(), assignments)
		c.await(t, "through the replay", func(m *member) bool { return m.seen.Load() >= int64(bulk+many) })
		t.Logf("%d at once replayed %d missed events each in %v", n, bulk+many, time.Since(began))
		uninterrupted(t, c)
		c.leave()
	}
	replayed(1)
	replayed(10)
	want := idsOf(l.log(t, d), isAssignment)
	var got []string
	for _, one := range assignments.items {
		got = append(got, "evt_"+one.id)
	}
	if sameItems(t, assignments.name, got, want); len(want) != bulk+many {
		t.Errorf("%d changes were made, not %d", len(want), bulk+many)
	}
}

// put inserts open conversations of an agent into the tables, because creating so many through
// the API would take too long.
func (l *load) put(t *testing.T, d *db.DB, n int, owner string) {
	t.Helper()
	var agent db.AgentID
	check(t, agent.UnmarshalGQL(owner))
	for part := range slices.Chunk(make([]struct{}, n), 1000) {
		var contacts []*db.Contact
		var conversations []*db.Conversation
		for range part {
			contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: "Contact", AssigneeID: &agent, Version: 2, CreatedAt: time.Now()}
			contacts = append(contacts, contact)
			conversations = append(conversations, &db.Conversation{
				ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: contact.ID, Channel: "email", Status: db.StatusOpen, Latest: true,
				AssigneeID: &agent, Version: 2, OpenedAt: time.Now(), LastActivityAt: time.Now(),
			})
		}
		check(t, d.Transact(t.Context(), l.key, func(tx db.Tx) error {
			if err := tx.InsertContacts(t.Context(), contacts, nil); err != nil {
				return err
			}
			return tx.InsertConversations(t.Context(), conversations)
		}))
	}
	check(t, d.Analyze(t.Context()))
}

// uninterrupted checks that no socket or subscription ended.
func uninterrupted(t *testing.T, c *crowd) {
	t.Helper()
	if n := c.count((*member).resumed); n > 0 {
		t.Errorf("%d of %d subscribers were cut off", n, len(c.members))
	}
}

// assignAll assigns conversations to an agent in one mutation.
func (c caller) assignAll(conversations []string, agent string) {
	c.server.t.Helper()
	var items []vars
	for _, conversation := range conversations {
		items = append(items, vars{"conversationId": conversation})
	}
	c.ask(&struct{}{}, `mutation($input: AssignConversationsInput!) { assignConversations(input: $input) { outcomes { userErrors { code } } } }`,
		vars{"input": vars{"items": items, "assigneeId": agent}})
}

// handOver moves all open conversations of an agent to another one in one transaction, by
// deactivating the former, and then reactivates them.
func (c caller) handOver(from, to string) {
	c.server.t.Helper()
	c.ask(&struct{}{}, `mutation($from: ID!, $to: ID!) {
		deactivateAgent(input: {agentId: $from, handOverTo: $to}) { userErrors { code } }
		reactivateAgent(input: {agentId: $from}) { userErrors { code } } }`, vars{"from": from, "to": to})
}
