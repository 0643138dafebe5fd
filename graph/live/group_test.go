package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/graph/live"
)

// sharing starts a server with a hub.
func sharing(t *testing.T, transport *live.WebSocket) *server {
	transport.Hub = &live.Hub{Share: share}
	return serve(t, transport)
}

// follow subscribes to a topic of the journal.
func (c *client) follow(id, topic, after string) {
	c.t.Helper()
	variables := map[string]any{"topic": topic}
	if after != "" {
		variables["after"] = after
	}
	text, _ := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{
		"query": "subscription($topic: String, $after: String) {names(topic: $topic, after: $after)}", "variables": variables,
	}})
	c.send(string(text))
}

// settled waits until the journal has want executions that read it.
func (s *server) settled(t *testing.T, want int) {
	t.Helper()
	becomes(t, "executions that read the journal", func() int { now, _ := s.world.log.readers(); return now }, want)
}

// becomes waits until a number is as wanted.
func becomes(t *testing.T, what string, number func() int, want int) {
	t.Helper()
	for end := time.Now().Add(deadline); number() != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: %d, not %d", what, number(), want)
		}
	}
}

func item(id string, n int) string {
	return fmt.Sprintf(`{"type":"next","id":"%s","payload":{"data":{"names":"text %d"}}}`, id, n)
}

// wantItems checks that the texts with these numbers come next, for the subscription "s".
func (c *client) wantItems(from, to int) {
	c.t.Helper()
	for n := from; n <= to; n++ {
		c.want(item("s", n))
	}
}

func texts(from, to int) (all []string) {
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprint("text ", n))
	}
	return all
}

// TestShared: equal subscriptions share one execution, and each client gets messages with its own
// id.
func TestShared(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	var clients []*client
	for i := range 20 {
		c := s.connect(t)
		c.follow(fmt.Sprint("s", i), "log", "0")
		clients = append(clients, c)
	}
	clients[0].follow("odd", "log odd", "0")
	s.world.log.write(texts(1, 2)...)
	for i, c := range clients[1:] {
		c.want(item(fmt.Sprint("s", i+1), 1))
		c.want(item(fmt.Sprint("s", i+1), 2))
		c.wantQuiet()
	}
	clients[0].wantAll(item("s0", 1), item("s0", 2), item("odd", 1))
	if _, ever := s.world.log.readers(); ever != 2 {
		t.Errorf("%d executions for two kinds of subscriptions", ever)
	}
	for _, c := range clients[1:] {
		c.Close()
	}
	clients[0].send(`{"id":"s0","type":"complete"}`)
	s.settled(t, 1)
	clients[0].Close()
	s.settled(t, 0)
}

// wantAll reads len(texts) messages, in any order.
func (c *client) wantAll(texts ...string) {
	c.t.Helper()
	missing := map[string]bool{}
	for _, text := range texts {
		missing[text] = true
	}
	for range texts {
		text, err := c.read()
		if err != nil || !missing[text] {
			c.t.Fatalf("got %s, %v, want one of %v", text, err, missing)
		}
		delete(missing, text)
	}
}

// TestResume: a subscription that starts in the past first runs alone, then is served by the group.
func TestResume(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	s.world.log.write(texts(1, 1000)...)
	first := s.connect(t)
	first.follow("s", "log", "1000")
	s.settled(t, 1)
	var clients []*client
	for i := range 10 {
		c := s.connect(t)
		c.follow("s", "log", fmt.Sprint(100*i))
		clients = append(clients, c)
	}
	for i, c := range clients {
		c.wantItems(100*i+1, 1000)
	}
	s.settled(t, 1)
	s.world.log.write("text 1001")
	for _, c := range append(clients, first) {
		c.want(item("s", 1001))
		c.wantQuiet()
	}
	first.follow("bad", "log", "x")
	first.want(`{"id":"bad","type":"error","payload":[{"message":"it is CURSOR_INVALID","extensions":{"code":"CURSOR_INVALID"}}]}`)
}

// TestRush: after a restart all come back with cursors of about the same time. One execution that
// begins at the first of them serves those that come later; whoever missed more reads only that.
func TestRush(t *testing.T) {
	transport := &live.WebSocket{}
	s := sharing(t, transport)
	s.world.log.write(texts(1, 10)...)
	comes := func(after, end int) *client {
		t.Helper()
		c := s.connect(t)
		c.follow("s", "log", fmt.Sprint(after))
		c.wantItems(after+1, end)
		return c
	}
	all := []*client{comes(5, 10)}
	s.world.log.write(texts(11, 20)...)
	all[0].wantItems(11, 20)
	for _, after := range []int{5, 8, 10, 15, 20} {
		all = append(all, comes(after, 20))
	}
	wantRead := func(executions, items int) {
		t.Helper()
		s.world.log.mu.Lock()
		defer s.world.log.mu.Unlock()
		if s.world.log.started != executions || s.world.log.executed != items {
			t.Errorf("%d executions of %d items, not %d of %d", s.world.log.started, s.world.log.executed, executions, items)
		}
	}
	wantRead(1, 15)
	all = append(all, comes(2, 20))
	s.settled(t, 1)
	wantRead(2, 15+3)
	now := s.connect(t)
	now.follow("s", "log", "")
	becomes(t, "shared subscriptions", transport.Hub.Members, len(all)+1)
	s.world.log.write("text 21")
	for _, c := range append(all, now) {
		c.want(item("s", 21))
		c.wantQuiet()
	}
	wantRead(2, 15+3+1)
	// Items that were missed say nothing about how fast items come.
	wantReplayed(t, transport.Hub, 5+15+12+10+5+0+18)

	s.world.log.write(texts(22, 500)...) // more than is kept
	now.wantItems(22, 500)
	comes(20, 500)
	if _, ever := s.world.log.readers(); ever != 3 {
		t.Errorf("%d executions, but the last one's own is the third", ever)
	}
}

// TestRushAfterRestore: whoever comes after the log was replaced by an older one is given none of the
// items that an execution has read before.
func TestRushAfterRestore(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	s.world.log.write(texts(1, 10)...)
	for executions, replaced := range []bool{false, true} {
		s.world.log.replaced.Store(replaced)
		for range 2 {
			c := s.connect(t)
			c.follow("s", "log", "5")
			c.wantItems(6, 10)
		}
		if _, ever := s.world.log.readers(); ever != 1+2*executions {
			t.Errorf("replaced %t: %d executions", replaced, ever)
		}
	}
}

// wantReplayed checks how many items a hub says to have replayed.
func wantReplayed(t *testing.T, hub *live.Hub, want int) {
	t.Helper()
	for _, c := range hub.Measures() {
		if strings.Contains(fmt.Sprint(describe(c)), "switchboard_replayed_items_total") {
			becomes(t, "replayed items", func() int { return int(testutil.ToFloat64(c)) }, want)
			return
		}
	}
	t.Error("nobody counts what is replayed")
}

func describe(c prometheus.Collector) *prometheus.Desc {
	all := make(chan *prometheus.Desc, 10)
	c.Describe(all)
	return <-all
}

// TestFirstOfMany: the cursor of the first subscriber delays and refuses no other.
func TestFirstOfMany(t *testing.T) {
	const total = 1000
	for _, first := range []string{"x", "2000", "0"} {
		s := sharing(t, &live.WebSocket{})
		s.world.log.write(texts(1, total)...)
		c := s.connect(t)
		c.follow("s", "log", first)
		other := s.connect(t)
		other.follow("s", "log", fmt.Sprint(total))
		if first == "0" {
			c.wantItems(1, total)
		} else {
			c.want(`{"id":"s","type":"error","payload":[{"message":"it is CURSOR_INVALID","extensions":{"code":"CURSOR_INVALID"}}]}`)
		}
		s.settled(t, 1)
		s.world.log.write(fmt.Sprint("text ", total+1))
		other.want(item("s", total+1))
		other.wantQuiet()
		if now, ever := s.world.log.readers(); now != 1 || ever > 2 {
			t.Errorf("%d of %d executions after %q, not 1 of at most 2", now, ever, first)
		}
	}
}

// TestNowInRush: whoever starts now gets nothing that another one still has to catch up with.
func TestNowInRush(t *testing.T) {
	transport := &live.WebSocket{}
	s := sharing(t, transport)
	const missed = 200
	for range 50 {
		before := len(s.world.log.texts)
		s.world.log.write(texts(before+1, before+missed)...)
		late, now := s.connect(t), s.connect(t)
		late.follow("s", "log", fmt.Sprint(before))
		now.follow("s", "log", "")
		becomes(t, "shared subscriptions", transport.Hub.Members, 2)
		late.wantItems(before+1, before+missed)
		s.settled(t, 1)
		s.world.log.write(fmt.Sprint("text ", before+missed+1))
		now.want(item("s", before+missed+1))
		late.want(item("s", before+missed+1))
		late.Close()
		now.Close()
		s.settled(t, 0)
	}
}

// TestExactlyOnceInOrder lets clients connect and reconnect while the log grows.
func TestExactlyOnceInOrder(t *testing.T) {
	s := sharing(t, &live.WebSocket{FramesPerSecond: -1})
	const total = 5000
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; n <= total; {
			size := min(1+rand.IntN(20), total+1-n)
			s.world.log.write(texts(n, n+size-1)...)
			n += size
			time.Sleep(rand.N(2 * time.Millisecond))
		}
	})
	for i := range 30 {
		topic, step := "log", 1
		if i%3 == 0 {
			topic, step = "log odd", 2
		}
		running.Go(func() {
			seen := 0 // number of the last item received
			for seen < total-step+1 {
				c := s.connect(t)
				c.follow("s", topic, fmt.Sprint(seen))
				for until := seen + rand.IntN(3000); seen < total-step+1 && seen <= until; {
					text, err := c.read()
					next := seen + step
					if seen == 0 {
						next = 1
					}
					if err != nil || text != item("s", next) {
						t.Errorf("after %d: %s, %v", seen, text, err)
						return
					}
					seen = next
				}
				c.Close()
			}
		})
	}
	running.Wait()
}

// TestLag: a member that does not read falls behind, delays no other, and gets everything once it
// reads.
func TestLag(t *testing.T) {
	s := sharing(t, &live.WebSocket{Ping: time.Hour})
	var charges charging
	s.exec.Use(&charges)
	slow, fast := s.connect(t), s.connect(t)
	_ = slow.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10)
	for _, c := range []*client{slow, fast} {
		c.follow("s", "log", "0")
	}
	s.settled(t, 1)
	pad := strings.Repeat("a", 4<<10)
	const total = 800
	for n := range total {
		s.world.log.write(fmt.Sprint(n, pad))
		fast.want(fmt.Sprintf(`{"id":"s","type":"next","payload":{"data":{"names":"%d%s"}}}`, n, pad))
	}
	if now, _ := s.world.log.readers(); now != 2 {
		t.Errorf("%d executions, but the group's and that of the one that lags are wanted", now)
	}
	for n := range total {
		slow.want(fmt.Sprintf(`{"id":"s","type":"next","payload":{"data":{"names":"%d%s"}}}`, n, pad))
	}
	s.settled(t, 1)
	s.world.log.write("text 1")
	slow.want(item("s", 1))
	fast.want(item("s", 1))
	if n := charges.Load(); n != 2 {
		t.Errorf("two subscribers were charged %d times", n)
	}
}

// charging counts the operations that are charged.
type charging struct {
	extension
	atomic.Int64
}

func (c *charging) MutateOperationContext(ctx context.Context, _ *graphql.OperationContext) *gqlerror.Error {
	if !live.IsContinued(ctx) {
		c.Add(1)
	}
	return nil
}

// TestStates: a new member gets the present state at once, a slow one only the latest.
func TestStates(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	state := func(n int) string {
		return fmt.Sprintf(`{"id":"s","type":"next","payload":{"data":{"names":"%d"}}}`, n)
	}
	first := s.connect(t)
	first.follow("s", "logged", "")
	first.want(state(0))
	s.world.log.write("a", "b")
	first.want(state(2))
	second := s.connect(t)
	second.follow("s", "logged", "")
	second.want(state(2))
	s.world.log.write("c")
	for _, c := range []*client{first, second} {
		c.want(state(3))
		c.wantQuiet()
	}
	s.settled(t, 1)
}

// TestGroupEnds: all members get the error, and a later subscriber starts a new execution.
func TestGroupEnds(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	c, other := s.connect(t), s.connect(t)
	for range 2 {
		for _, c := range []*client{c, other} {
			c.follow("s", "log", fmt.Sprint(len(s.world.log.texts)))
		}
		s.settled(t, 1)
		s.world.log.write("text 1")
		s.world.log.fail(coded("CURSOR_EXPIRED"))
		for _, c := range []*client{c, other} {
			text, err := c.read()
			if err == nil && text == item("s", 1) {
				text, err = c.read()
			}
			if err != nil || !strings.Contains(text, "CURSOR_EXPIRED") {
				t.Fatal(text, err)
			}
			c.wantQuiet()
		}
		s.settled(t, 0)
		s.world.log.fail(nil)
	}
	for _, c := range []*client{c, other} {
		c.follow("r", "log refused", "")
		c.want(`{"id":"r","type":"error","payload":[{"message":"it is NOT_FOUND","extensions":{"code":"NOT_FOUND"}}]}`)
		c.wantQuiet()
	}
}

// TestNothingAfterRevocation: nothing is sent after revocation, not even an event of the same
// moment.
func TestNothingAfterRevocation(t *testing.T) {
	revoke := make(chan context.CancelCauseFunc, 1)
	s := sharing(t, &live.WebSocket{
		Init: func(ctx context.Context, _ *http.Request, _ map[string]any) (context.Context, error) {
			ctx, cancel := context.WithCancelCause(ctx)
			revoke <- cancel
			return ctx, nil
		},
	})
	for range 200 {
		c := s.connect(t)
		c.follow("s", "log", fmt.Sprint(len(s.world.log.texts)))
		s.settled(t, 1)
		receive(t, revoke)(&live.CloseError{Code: live.CloseForbidden, Reason: "Token revoked"})
		s.world.log.write("secret")
		c.wantClose(4403, "Token revoked")
		s.settled(t, 0)
	}
}

// TestPingCursor: a ping carries how far all subscriptions of the socket have delivered.
func TestPingCursor(t *testing.T) {
	s := sharing(t, &live.WebSocket{Ping: 5 * time.Millisecond})
	c := s.connect(t)
	c.want(`{"type":"ping"}`) // no subscription to resume
	s.world.log.write(texts(1, 7)...)
	c.follow("a", "log", "7")
	c.wantPing("7")
	c.follow("b", "log odd", "")
	s.world.log.write("text 8")
	c.wantPing("8") // b has skipped this event
	c.follow("state", "logged", "")
	c.wantPing("8") // states have no cursor
	s.world.log.write("text 9")
	c.wantPing("9")
	// A subscription that runs alone counts as well.
	c.send(`{"id":"alone","type":"subscribe","payload":{"query":"subscription {names(topic:\"log odd\", after:\"9\")}"}}`)
	s.settled(t, 4)
	s.world.log.write("text 10")
	c.wantPing("10")
	c.subscribe("own", "subscription {names}")
	receive(t, s.topic.begun)
	for range 20 { // no cursor: the position of a subscription without a source is unknown
		c.read()
	}
	s.world.log.write("text 11")
	c.wantPing("11")
}

// TestPongCursor: the answer to a ping without a payload carries the cursor that a ping would
// carry.
func TestPongCursor(t *testing.T) {
	s := sharing(t, &live.WebSocket{Ping: time.Hour})
	c := s.connect(t)
	c.send(`{"type":"ping"}`)
	c.want(`{"type":"pong"}`) // no subscription to resume
	s.world.log.write(texts(1, 7)...)
	c.follow("a", "log", "7")
	s.settled(t, 1)
	c.send(`{"type":"ping"}`)
	c.want(`{"type":"pong","payload":{"cursor":"7"}}`)
	c.send(`{"type":"ping","payload":{}}`)
	c.want(`{"type":"pong","payload":{}}`)
}
