package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// vars are the variables of an operation.
type vars map[string]any

// answer is a response of the GraphQL API.
type answer struct {
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string `json:"message"`
		Extensions struct {
			Code string `json:"code"`
		} `json:"extensions"`
	} `json:"errors"`
}

// code is the code of the first error, empty if there is none.
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// caller calls one server with one token.
type caller struct {
	server *server
	token  string
}

func (s *server) as(token string) caller { return caller{s, token} }

var httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience}

// post sends one operation.
func (c caller) post(ctx context.Context, document string, variables vars) (status int, a answer, err error) {
	body, err := json.Marshal(vars{"query": document, "variables": variables})
	if err != nil {
		return 0, a, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.GraphQL, bytes.NewReader(body))
	if err != nil {
		return 0, a, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	response, err := httpClient.Do(r)
	if err != nil {
		return 0, a, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return response.StatusCode, a, fmt.Errorf("%s: %w in %s", response.Status, err, text)
	}
	return response.StatusCode, a, nil
}

// ask sends an operation that must succeed and reads its data.
func (c caller) ask(into any, document string, variables vars) {
	t := c.server.t
	t.Helper()
	status, a, err := c.post(t.Context(), document, variables)
	check(t, err)
	if status != http.StatusOK || len(a.Errors) > 0 {
		t.Fatalf("%s %v: status %d, %v", document, variables, status, a.Errors)
	}
	check(t, json.Unmarshal(a.Data, into))
}

// status returns the HTTP status of a small query.
func (c caller) status() int {
	c.server.t.Helper()
	status, _, err := c.post(c.server.t.Context(), `{ asOf }`, nil)
	check(c.server.t, err)
	return status
}

// asOf returns the cursor of the current end of the log.
func (c caller) asOf() string {
	c.server.t.Helper()
	var now struct{ AsOf string }
	c.ask(&now, `{ asOf }`, nil)
	return now.AsOf
}

// open opens a conversation with a new contact and returns its id.
func (c caller) open(name string) string {
	c.server.t.Helper()
	var contact struct {
		CreateContact struct{ Contact struct{ ID string } }
	}
	c.ask(&contact, `mutation($name: String!) { createContact(input: {name: $name}) { contact { id } } }`, vars{"name": name})
	var opened struct {
		OpenConversation struct{ Conversation struct{ ID string } }
	}
	c.ask(&opened, `mutation($id: ID!) { openConversation(input: {contactId: $id, channel: "email"}) { conversation { id } } }`,
		vars{"id": contact.CreateContact.Contact.ID})
	return opened.OpenConversation.Conversation.ID
}

// receive brings in a customer's message and returns its body as the server stored it.
func (c caller) receive(customer, body string) string {
	c.server.t.Helper()
	var done struct {
		ReceiveMessage struct{ Message struct{ Body string } }
	}
	c.ask(&done, `mutation($input: ReceiveMessageInput!) { receiveMessage(input: $input) { message { body } } }`,
		vars{"input": vars{"sender": vars{"contact": vars{"channel": "chat", "externalId": customer, "name": customer}}, "body": body}})
	return done.ReceiveMessage.Message.Body
}

// assign assigns a conversation to an agent and returns the ids of the events.
func (c caller) assign(conversation, agent string) []string {
	c.server.t.Helper()
	var done struct {
		AssignConversation struct{ Events []struct{ ID string } }
	}
	c.ask(&done, `mutation($conversation: ID!, $agent: ID!) {
		assignConversation(input: {conversationId: $conversation, assigneeId: $agent}) { events { id } } }`,
		vars{"conversation": conversation, "agent": agent})
	var ids []string
	for _, e := range done.AssignConversation.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

// socket is a client of graphql-transport-ws with one subscription.
type socket struct {
	*websocket.Conn
}

// message is one message of the protocol.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// connect opens a socket and waits until the server has accepted the token.
func (c caller) connect() (*socket, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: patience}
	conn, response, err := dialer.Dial(c.server.WebSocket, nil)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	s := &socket{conn}
	_ = s.SetReadDeadline(time.Now().Add(patience))
	err = s.send(message{Type: "connection_init"}, vars{"authorization": "Bearer " + c.token})
	if err == nil {
		var first message
		if err = s.ReadJSON(&first); err == nil && first.Type != "connection_ack" {
			err = fmt.Errorf("received %s instead of connection_ack", first.Type)
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *socket) send(m message, payload any) (err error) {
	if m.Payload, err = json.Marshal(payload); err != nil {
		return err
	}
	return s.WriteJSON(m)
}

// subscribe starts the one subscription.
func (s *socket) subscribe(document string, variables vars) error {
	return s.send(message{ID: "1", Type: "subscribe"}, vars{"query": document, "variables": variables})
}

// next returns the data of the next item and answers pings until then. If the peer closes the
// socket, the error is a *websocket.CloseError.
func (s *socket) next() (data json.RawMessage, err error) {
	_ = s.SetReadDeadline(time.Now().Add(patience))
	for {
		var m message
		if err := s.ReadJSON(&m); err != nil {
			return nil, err
		}
		switch m.Type {
		case "ping":
			if err := s.WriteJSON(message{Type: "pong"}); err != nil {
				return nil, err
			}
		case "next":
			var a answer
			if err := json.Unmarshal(m.Payload, &a); err != nil {
				return nil, err
			}
			if len(a.Errors) > 0 {
				return nil, fmt.Errorf("the item has errors: %v", a.Errors)
			}
			return a.Data, nil
		default:
			return nil, fmt.Errorf("the subscription ended: %s %s", m.Type, m.Payload)
		}
	}
}

// closed waits until the server closes the socket and returns the close code.
func (s *socket) closed() int {
	code, _ := s.rest()
	return code
}

// rest reads until the server closes the socket and returns the close code and the number of
// items that came before.
func (s *socket) rest() (code, items int) {
	defer func() { _ = s.Close() }()
	for {
		_, err := s.next()
		var end *websocket.CloseError
		switch {
		case errors.As(err, &end):
			return end.Code, items
		case err != nil:
			return -1, items
		}
		items++
	}
}

// watch connects and subscribes to what follows a cursor.
func (c caller) watch(document, after string) *socket {
	t := c.server.t
	t.Helper()
	s, err := c.connect()
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	check(t, s.subscribe(document, vars{"after": after}))
	return s
}

// assignments is the subscription that most tests use.
const assignments = `subscription($after: EventCursor) { item: assignmentChanged(after: $after) { id cursor occurredAt } }`

// change is an item of assignments.
type change struct {
	ID, Cursor string
	OccurredAt time.Time
}

// change waits for the next change of an assignment.
func (s *socket) change(t *testing.T) change {
	t.Helper()
	data, err := s.next()
	check(t, err)
	var item struct{ Item change }
	check(t, json.Unmarshal(data, &item))
	return item.Item
}
