//go:build linux

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/db"
)

// A subject is a subscription of one kind.
type subject struct {
	name, document string
	variables      func(c cast) vars
	by             func(c cast) member
	// part reports whether an event is in the subscription's part of the log, and the kind of
	// change that the item names; nil for a subscription to states.
	part func(c cast, e *db.Event) (kind string, is bool)
}

func byManager(c cast) member { return c.manager }
func byAgent(c cast) member   { return c.agents[0] }
func noVariables(cast) vars   { return vars{} }

// inboxSubject is the live view of the first agent.
func inboxSubject(view db.View) subject {
	return subject{
		name:      "inboxChanged " + string(view),
		document:  fmt.Sprintf(`subscription($after: EventCursor) { item: inboxChanged(view: %s, after: $after) { cursor kind event { id } } }`, view),
		variables: noVariables, by: byAgent,
		part: func(c cast, e *db.Event) (string, bool) {
			if e.ConversationID == nil || e.Type == db.WorkflowRan { // a run changes no list
				return "", false
			}
			was, is := holds(view, e.Before, c.agents[0].id), holds(view, e.After, c.agents[0].id)
			switch {
			case was && is:
				return "UPDATED", true
			case was:
				return "LEFT", true
			}
			return "ENTERED", is
		},
	}
}

// ofTypes returns a part of the log by the types of its events.
func ofTypes(types ...db.EventType) func(cast, *db.Event) (string, bool) {
	return func(_ cast, e *db.Event) (string, bool) { return "", slices.Contains(types, e.Type) }
}

// subjects are the subscriptions of every kind.
var subjects = []subject{
	{
		name: "assignmentChanged", document: `subscription($after: EventCursor) { item: assignmentChanged(after: $after) { cursor id } }`,
		variables: noVariables, by: byManager, part: ofTypes(db.ConversationAssigned, db.ConversationUnassigned),
	}, {
		name: "statusChanged", document: `subscription($after: EventCursor) { item: statusChanged(after: $after) { cursor id } }`,
		variables: noVariables, by: byAgent, part: ofTypes(db.ConversationOpened, db.ConversationReopened, db.ConversationClosed),
	}, {
		name: "conversationChanged", document: `subscription($after: EventCursor, $id: ID!) { item: conversationChanged(conversationId: $id, after: $after) { cursor id } }`,
		variables: func(c cast) vars { return vars{"id": c.free[0].conversation.String()} }, by: byAgent,
		part: func(c cast, e *db.Event) (string, bool) {
			return "", e.ConversationID != nil && *e.ConversationID == c.free[0].conversation
		},
	}, {
		name: "events of a contact", document: `subscription($after: EventCursor, $id: ID!) { item: events(contactId: $id, after: $after) { cursor id } }`,
		variables: func(c cast) vars { return vars{"id": c.free[1].contact.String()} }, by: byManager,
		part: func(c cast, e *db.Event) (string, bool) {
			return "", e.ContactID != nil && *e.ContactID == c.free[1].contact
		},
	}, {
		name: "events", document: `subscription($after: EventCursor) { item: events(after: $after) { cursor id } }`,
		variables: noVariables, by: byManager, part: func(cast, *db.Event) (string, bool) { return "", true },
	}, {
		name: "agentsChanged", document: `subscription($after: EventCursor) { item: agentsChanged(after: $after) { cursor event { id } } }`,
		variables: noVariables, by: byAgent, part: changesAgents,
	},
	inboxSubject(db.ViewAll), inboxSubject(db.ViewMine), inboxSubject(db.ViewUnassigned), inboxSubject(db.ViewClosed), inboxSubject(db.ViewBlocked),
	{
		name: "inboxCountsChanged", document: `subscription { item: inboxCountsChanged { cursor: asOf mine unassigned all closed blocked } }`,
		variables: noVariables, by: byAgent,
	}, {
		name: "dashboardChanged", document: `subscription { item: dashboardChanged { cursor: asOf counts { open unassigned waiting } agents { agent { id } openConversations } } }`,
		variables: noVariables, by: byManager,
	},
}

// programSubjects are those that do not depend on who subscribes, for a program: an agent may have
// only few sockets at a server. All events are for managers only, who see changes of tokens.
func programSubjects() (some []subject) {
	for _, s := range subjects {
		if !slices.Contains([]string{"events", "inboxCountsChanged", inboxSubject(db.ViewMine).name}, s.name) {
			s.by = func(c cast) member { return c.integration }
			some = append(some, s)
		}
	}
	return some
}

// changesAgents reports whether an event changes an agent or how many open conversations one has.
func changesAgents(_ cast, e *db.Event) (string, bool) {
	switch e.Type {
	case db.AgentCreated, db.AgentUpdated, db.AgentDeactivated, db.AgentReactivated, db.AvailabilityChanged:
		return "", true
	}
	owner := func(f *db.Facets) (id db.AgentID) {
		if holds(db.ViewAll, f, id) && f.Assignee != nil {
			id = *f.Assignee
		}
		return id
	}
	return "", owner(e.Before) != owner(e.After)
}

// An item is what a subscriber received.
type item struct {
	event  string // id; empty in a state
	kind   string
	cursor string
	state  state
	at     time.Duration // since the start of the run

	connection int // the subscriber's first is 0
}

// A state is the item of a subscription to states, and what a read returns.
type state struct {
	Mine, Unassigned, All, Closed, Blocked int // of counts

	Counts *struct{ Open, Unassigned, Waiting int } // of a dashboard
	Agents []struct {
		Agent             struct{ ID string }
		OpenConversations int
	}
}

// A session is the part of a subscriber's life after it has loaded. It ends when the subscriber is
// told to load again.
type session struct {
	after string // cursor
	items []item
}

// subscriber resumes a subscription after every break.
type subscriber struct {
	*run
	subject
	number int

	mu       sync.Mutex
	sessions []session
	resumed  int
}

// errReload reports that the server told a subscriber to load again.
var errReload = errors.New("the cursor has expired")

// follow reads, and connects again after every break, to one server and the other in turn.
func (s *subscriber) follow(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := s.read(ctx, s.doors[(s.number+attempt)%len(s.doors)])
		if ctx.Err() != nil {
			return nil
		}
		unavailable := errUnavailable{}
		switch {
		case errors.Is(err, errReload):
			if err := s.load(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		case !errors.As(err, &unavailable):
			return fmt.Errorf("%s after %d items: %w", s.name, s.count(), err)
		}
		s.mu.Lock()
		s.resumed++
		s.mu.Unlock()
		_ = sleep(ctx, min(time.Second, 50*time.Millisecond<<min(attempt%8, 5)))
	}
}

// load takes the end of the log as the position after which it begins.
func (s *subscriber) load(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		var now struct{ AsOf string }
		err := s.doors[(s.number+attempt)%len(s.doors)].ask(ctx, impatient, s.by(s.cast).token, &now, `{ asOf }`, nil)
		if unavailable := (errUnavailable{}); errors.As(err, &unavailable) && sleep(ctx, 200*time.Millisecond) == nil {
			continue
		}
		if err == nil {
			s.mu.Lock()
			s.sessions = append(s.sessions, session{after: now.AsOf})
			s.mu.Unlock()
		}
		return err
	}
}

// position returns the cursor of the last item.
func (s *subscriber) position() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.sessions[len(s.sessions)-1]
	if len(last.items) == 0 {
		return last.after
	}
	return last.items[len(last.items)-1].cursor
}

// last returns the items of the present session.
func (s *subscriber) last() []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[len(s.sessions)-1].items
}

// count returns the number of all items.
func (s *subscriber) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		n += len(session.items)
	}
	return n
}

func (s *subscriber) add(i item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.connection = s.resumed
	last := &s.sessions[len(s.sessions)-1]
	last.items = append(last.items, i)
}

// A subscriber pings this often, and takes the connection for broken without any message for so
// long. It is what the client libraries do.
const (
	pingEvery  = 2 * time.Second
	silentTime = 6 * time.Second
)

// message is one message of graphql-transport-ws.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// read connects, subscribes after the last item, and reads until something ends it.
func (s *subscriber) read(ctx context.Context, at endpoint) error {
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: silentTime}
	conn, response, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(at.url, "http")+"/graphql", nil)
	if err != nil {
		if response != nil && response.StatusCode != 503 && response.StatusCode != 429 {
			return fmt.Errorf("the handshake was answered %s", response.Status)
		}
		return errUnavailable{err}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	writes := make(chan message, 4) // one goroutine writes
	ended := make(chan struct{})
	defer close(ended)
	go write(conn, writes, ended)
	writes <- message{Type: "connection_init", Payload: encode(vars{"authorization": "Bearer " + s.by(s.cast).token})}
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silentTime))
		var m message
		if err := conn.ReadJSON(&m); err != nil {
			return broken(err)
		}
		switch m.Type {
		case "connection_ack":
			variables := s.variables(s.cast)
			if s.part != nil {
				variables["after"] = s.position()
			}
			writes <- message{ID: "1", Type: "subscribe", Payload: encode(vars{"query": s.document, "variables": variables})}
		case "ping":
			writes <- message{Type: "pong"}
		case "pong":
		case "next":
			if err := s.take(m.Payload); err != nil {
				return err
			}
		case "error":
			return refusal(m.Payload)
		default:
			return fmt.Errorf("received %s %s", m.Type, m.Payload)
		}
	}
}

// write writes messages, and a ping from time to time, until the connection has ended.
func write(conn *websocket.Conn, messages <-chan message, ended <-chan struct{}) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		m := message{Type: "ping"}
		select {
		case m = <-messages:
		case <-ping.C:
		case <-ended:
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(silentTime))
		_ = conn.WriteJSON(m) // the reader notices
	}
}

func encode(v vars) json.RawMessage {
	b, _ := json.Marshal(v)
	return b
}

// initTimeout is the code with which a socket is closed whose connection_init did not come in time.
const initTimeout = 4408

// retryable are the codes after which client libraries connect again.
var retryable = []int{websocket.CloseGoingAway, websocket.CloseAbnormalClosure, websocket.CloseServiceRestart, websocket.CloseTryAgainLater, initTimeout}

// broken returns the error of a connection that ended: a break, unless the server closed it with a
// code after which clients do not come back.
func broken(err error) error {
	var end *websocket.CloseError
	if errors.As(err, &end) && !slices.Contains(retryable, end.Code) {
		return err
	}
	return errUnavailable{err}
}

// refusal returns the error that an error message stands for.
func refusal(payload json.RawMessage) error {
	switch text := string(payload); {
	case strings.Contains(text, "CURSOR_EXPIRED"):
		return errReload
	case strings.Contains(text, "UNAVAILABLE"):
		return errUnavailable{errors.New(text)}
	default:
		return fmt.Errorf("the subscription ended with %s", text)
	}
}

// take records an item.
func (s *subscriber) take(payload json.RawMessage) error {
	var a struct {
		Data struct {
			Item struct {
				ID, Cursor, Kind string
				Event            struct{ ID string }
				state
			}
		}
		Errors json.RawMessage
	}
	if err := json.Unmarshal(payload, &a); err != nil {
		return err
	}
	if a.Errors != nil {
		if strings.Contains(string(a.Errors), "UNAVAILABLE") {
			return errUnavailable{errors.New(string(a.Errors))}
		}
		return fmt.Errorf("an item with errors: %s", a.Errors)
	}
	i := a.Data.Item
	event := i.ID
	if event == "" {
		event = i.Event.ID
	}
	s.add(item{event: event, kind: i.Kind, cursor: i.Cursor, state: i.state, at: s.now()})
	return nil
}
