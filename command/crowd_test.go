package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/db"
)

// loadSize is SWITCHBOARD_TEST_LOAD: "small" runs the load tests too, with servers that have the race
// detector; "full" makes them as large as the documented limits.
var loadSize string

// full reports whether figures are wanted.
func full() bool { return loadSize == "full" }

// isLoad skips a test of many clients, or of a long random walk, unless load tests are wanted.
func isLoad(t *testing.T) {
	t.Helper()
	if loadSize == "" {
		t.Skip("left out: make race runs it, and make load if it has figures")
	}
}

// sized returns the usual size of a load test, or the promised one if full is set.
func sized(usual, promised int) int {
	if full() {
		return promised
	}
	return usual
}

// fleet is the set of servers that clients connect to.
type fleet struct {
	mu      sync.Mutex
	servers []*server
}

func (f *fleet) pick(n int) *server {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.servers[n%len(f.servers)]
}

func (f *fleet) replace(i int, by *server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[i] = by
}

// stream is a subscription with the items that all its subscribers must receive. The first
// subscriber to receive an item records it, the others are compared with it, and the end of the
// test compares all with the log.
type stream struct {
	name, document string // each item has a cursor, an event's id and its time
	picks          func(*db.Event) bool

	mu    sync.RWMutex
	items []item
}

type item struct {
	id       string
	occurred time.Time
}

// agree compares the nth item of a subscriber with the one that others received.
func (s *stream) agree(n int, id, occurred []byte) (time.Time, error) {
	s.mu.RLock()
	known := n < len(s.items)
	var there item
	if known {
		there = s.items[n]
	}
	s.mu.RUnlock()
	if !known {
		at, err := time.Parse(time.RFC3339Nano, string(occurred))
		if err != nil {
			return at, err
		}
		s.mu.Lock()
		if n == len(s.items) {
			s.items = append(s.items, item{string(id), at})
		}
		there = s.items[n]
		s.mu.Unlock()
	}
	if there.id != string(id) {
		return there.occurred, fmt.Errorf("item %d is %s, others saw %s", n, id, there.id)
	}
	return there.occurred, nil
}

func isAssignment(e *db.Event) bool {
	return e.Type == db.ConversationAssigned || e.Type == db.ConversationUnassigned
}

func isStatus(e *db.Event) bool {
	return e.Type == db.ConversationOpened || e.Type == db.ConversationReopened || e.Type == db.ConversationClosed
}

func wasOrIsOpen(e *db.Event) bool {
	open := func(f *db.Facets) bool { return f != nil && f.Status == "OPEN" }
	return e.ConversationID != nil && (open(e.Before) || open(e.After))
}

// streams returns the subscriptions that most of a crowd uses.
func streams() []*stream {
	return []*stream{
		{name: "inboxChanged", picks: wasOrIsOpen, document: `subscription($after: EventCursor) { item: inboxChanged(view: ALL, after: $after) { cursor kind event { id occurredAt } conversation { id assignee { name } contact { name } } } }`},
		{name: "assignmentChanged", picks: isAssignment, document: `subscription($after: EventCursor) { item: assignmentChanged(after: $after) { cursor id occurredAt conversation { contact { name } } } }`},
		{name: "statusChanged", picks: isStatus, document: `subscription($after: EventCursor) { item: statusChanged(after: $after) { cursor id occurredAt } }`},
	}
}

// crowd is a set of subscribers, each with a socket and one subscription. They reconnect after
// every break and resume after the last cursor they saw.
type crowd struct {
	fleet   *fleet
	token   string
	members []*member

	ctx     context.Context // ends with the first error
	fail    context.CancelCauseFunc
	running sync.WaitGroup
}

// member is one subscriber.
type member struct {
	crowd  *crowd
	number int
	stream *stream
	dialer *websocket.Dialer

	socket atomic.Pointer[websocket.Conn] // of the current session
	cursor string
	text   bytes.Buffer
	took   []time.Duration // from the start of the transaction to receipt, by item

	seen     atomic.Int64
	sessions atomic.Int64 // sockets that were accepted
	ended    atomic.Int64 // subscriptions that ended with an error
	since    atomic.Int64 // items of the current session
	newsAt   atomic.Int64 // when the first of these came, in Unix nanoseconds
}

// newCrowd returns an empty crowd, which is disconnected when the test ends.
func newCrowd(t *testing.T, f *fleet, token string) *crowd {
	c := &crowd{fleet: f, token: token}
	ctx, stop := context.WithTimeoutCause(t.Context(), 4*patience, fmt.Errorf("not done within %v", 4*patience))
	c.ctx, c.fail = context.WithCancelCause(ctx)
	t.Cleanup(func() { stop(); c.running.Wait() })
	return c
}

// newMember returns a subscriber that will begin after a cursor, without starting it.
func (c *crowd) newMember(s *stream, after string) *member {
	m := &member{crowd: c, number: len(c.members), stream: s, cursor: after, dialer: dialer(nil)}
	c.members = append(c.members, m)
	return m
}

// join starts n subscribers, spread over streams and servers, and waits until they are connected.
func (c *crowd) join(t *testing.T, n int, after string, among ...*stream) {
	t.Helper()
	for i := range n {
		c.newMember(among[i/len(c.fleet.servers)%len(among)], after).begin()
	}
	c.await(t, "connected", func(m *member) bool { return m.sessions.Load() > 0 })
}

func (m *member) begin() { m.crowd.running.Go(func() { m.run(m.session) }) }

// beginOn starts the subscriber on a socket that is already connected.
func (m *member) beginOn(conn *websocket.Conn) {
	m.crowd.running.Go(func() { m.run(func(*server) error { return m.follow(conn) }) })
}

// await waits until a condition is true for each member.
func (c *crowd) await(t *testing.T, what string, holds func(*member) bool) {
	t.Helper()
	for _, m := range c.members {
		for !holds(m) {
			if c.ctx.Err() != nil {
				t.Fatalf("subscriber %d of %s is not %s after %d items and %d sockets: %v", m.number, m.stream.name, what, m.seen.Load(), m.sessions.Load(), context.Cause(c.ctx))
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// leave disconnects all members and waits for them. Afterwards their fields may be read.
func (c *crowd) leave() {
	c.fail(errors.New("sent home"))
	c.running.Wait()
}

// count returns the sum of a number over all members.
func (c *crowd) count(of func(*member) int64) (sum int64) {
	for _, m := range c.members {
		sum += of(m)
	}
	return sum
}

// resumed returns how often the member subscribed again.
func (m *member) resumed() int64 { return max(0, m.sessions.Load()-1) }

// errEnded reports a subscription that ended with an error and may be resumed.
var errEnded = errors.New("the subscription ended")

// run subscribes again and again, each time at the next server.
func (m *member) run(session func(*server) error) {
	ctx, pause := m.crowd.ctx, shortPause
	for attempt := m.number; ; attempt++ {
		before := m.sessions.Load()
		err := session(m.crowd.fleet.pick(attempt))
		if session = m.session; ctx.Err() != nil {
			return
		}
		if !mayComeBack(err) {
			m.crowd.fail(fmt.Errorf("subscriber %d of %s: %w", m.number, m.stream.name, err))
			return
		}
		if pause = min(2*pause, longPause); m.sessions.Load() > before {
			pause = shortPause
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return
		}
	}
}

const (
	shortPause = 20 * time.Millisecond
	longPause  = time.Second
)

// mayComeBack reports whether an error is a break after which clients reconnect, not a fault.
func mayComeBack(err error) bool {
	if end := (*websocket.CloseError)(nil); errors.As(err, &end) {
		return slices.Contains([]int{websocket.CloseGoingAway, websocket.CloseAbnormalClosure, websocket.CloseServiceRestart, websocket.CloseTryAgainLater}, end.Code)
	}
	var network net.Error
	return errors.Is(err, errEnded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) ||
		errors.Is(err, websocket.ErrBadHandshake) // askToComeBack
}

// dialer connects sockets whose client side needs little memory.
func dialer(control func(network, address string, c syscall.RawConn) error) *websocket.Dialer {
	d := &net.Dialer{Timeout: patience, Control: control}
	return &websocket.Dialer{
		Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: patience,
		ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10, NetDialContext: d.DialContext,
	}
}

// session connects, subscribes and reads until something ends it.
func (m *member) session(at *server) error {
	conn, err := m.connect(at)
	if err != nil {
		return err
	}
	return m.follow(conn)
}

// follow subscribes after the last cursor and reads.
func (m *member) follow(conn *websocket.Conn) error {
	if err := m.subscribe(conn); err != nil {
		return err
	}
	return m.read(conn)
}

func (m *member) subscribe(conn *websocket.Conn) error {
	return (&socket{conn}).subscribe(m.stream.document, vars{"after": m.cursor})
}

// askToComeBack are the statuses with which a server refuses a handshake while it stops or is
// overloaded.
var askToComeBack = []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}

// connect waits until the server has accepted the token.
func (m *member) connect(at *server) (_ *websocket.Conn, err error) {
	ctx := m.crowd.ctx
	conn, response, err := m.dialer.DialContext(ctx, at.WebSocket, nil)
	if err != nil {
		if response != nil && !slices.Contains(askToComeBack, response.StatusCode) {
			return nil, fmt.Errorf("the handshake was answered %s", response.Status)
		}
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	s := &socket{conn}
	if err := s.send(message{Type: "connection_init"}, vars{"authorization": "Bearer " + m.crowd.token}); err != nil {
		return nil, err
	}
	var first message
	if err := s.ReadJSON(&first); err != nil {
		return nil, err
	}
	if first.Type != "connection_ack" {
		return nil, fmt.Errorf("received %s instead of connection_ack", first.Type)
	}
	m.socket.Store(conn)
	m.since.Store(0)
	m.sessions.Add(1)
	return conn, nil
}

// interrupt closes the current connection without a close frame, as a broken network does.
func (m *member) interrupt() { _ = m.socket.Load().NetConn().Close() }

// read reads items until the socket or the subscription ends.
func (m *member) read(conn *websocket.Conn) error {
	defer context.AfterFunc(m.crowd.ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	for {
		_, r, err := conn.NextReader()
		if err != nil {
			return err
		}
		m.text.Reset()
		if _, err := m.text.ReadFrom(r); err != nil {
			return err
		}
		switch text := m.text.Bytes(); {
		case bytes.Contains(text, []byte(`"type":"next"`)):
			err = m.take(text)
		case bytes.Contains(text, []byte(`"type":"ping"`)):
			err = conn.WriteJSON(message{Type: "pong"})
		case bytes.Contains(text, []byte(`"type":"error"`)) && !bytes.Contains(text, []byte("CURSOR_")):
			m.ended.Add(1)
			err = fmt.Errorf("%w: %s", errEnded, text)
		default:
			err = fmt.Errorf("unexpected: %s", text)
		}
		if err != nil {
			return err
		}
	}
}

// take checks an item; for speed it does not decode the JSON.
func (m *member) take(text []byte) error {
	cursor, id, occurred := field(text, `"cursor":"`), field(text, `"id":"evt_`), field(text, `"occurredAt":"`)
	if bytes.Contains(text, []byte(`"errors":`)) || len(cursor)*len(id)*len(occurred) == 0 {
		return fmt.Errorf("no item: %s", text)
	}
	at, err := m.stream.agree(int(m.seen.Load()), id, occurred)
	if err != nil {
		return fmt.Errorf("%w; socket %d, item %d of it, the one before had the cursor %s", err, m.sessions.Load(), m.since.Load(), m.cursor)
	}
	m.cursor, m.took = string(cursor), append(m.took, time.Since(at))
	if m.since.Add(1) == 1 {
		m.newsAt.Store(time.Now().UnixNano())
	}
	m.seen.Add(1)
	return nil
}

// field returns the string that follows a name in JSON text.
func field(text []byte, name string) []byte {
	_, rest, _ := bytes.Cut(text, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return value
}

// between returns the sorted latencies of the items that occurred in a span of time. It must be
// called after leave.
func (c *crowd) between(from, to time.Time) (all durations) {
	for _, m := range c.members {
		for n, took := range m.took {
			if at := m.stream.items[n].occurred; at.After(from) && at.Before(to) {
				all = append(all, took)
			}
		}
	}
	slices.Sort(all)
	return all
}

// durations are sorted.
type durations []time.Duration

// String returns the percentiles.
func (d durations) String() string {
	if len(d) == 0 {
		return "none"
	}
	at := func(percent int) time.Duration { return d[(len(d)-1)*percent/100].Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p90 %v, p99 %v, max %v of %d", at(50), at(90), at(99), at(100), len(d))
}
