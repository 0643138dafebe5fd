package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
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
	token        string
	location     *location
	acknowledged func()

	repeated int // number of requests that were sent again
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
	isLoad(t)
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
