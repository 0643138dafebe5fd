package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gorilla/websocket"

	"switchboard/web"
	"switchboard/web/webtest"
)

const (
	inboxAnswer = `{"data": {"asOf": "c_41", "viewer": {"name": "Ada Manager"},
		"inboxCounts": {"mine": 1, "unassigned": 1, "all": 2, "closed": 0, "blocked": 0},
		"inbox": {"totalCount": 1, "asOf": "c_41", "nodes": [{"id": "conv_1", "status": "OPEN", "version": 3,
			"contact": {"name": "Maria Contact", "avatarUrl": null}, "assignee": null,
			"lastMessage": {"preview": "My order has not arrived"},
			"lastActivityAt": "2024-05-01T10:00:00Z", "waitingSince": "2024-05-01T10:00:00Z"}],
			"pageInfo": {"hasNextPage": false, "endCursor": "p_1"}}}}`
	refusal  = `{"errors": [{"message": "no valid token was sent", "extensions": {"code": "UNAUTHENTICATED"}}]}`
	examples = `{"data": {"viewer": {"id": "agent_1"},
		"unassigned": {"nodes": [{"id": "conv_1", "contact": {"identities": [{"channel": "email", "externalId": "maria@example.com"}]}}]},
		"all": {"nodes": [{"id": "conv_2", "contact": {"identities": []}}]},
		"agents": {"nodes": [{"id": "agent_1"}, {"id": "agent_2"}]}}}`
	changed = `{"data": {"inboxChanged": {"kind": "UPDATED", "cursor": "c_42",
		"conversation": {"id": "conv_1", "assignee": {"name": "Bo Agent"}, "contact": {"name": "Maria Contact"}},
		"event": {"__typename": "ConversationAssigned", "occurredAt": "2024-05-01T10:00:01Z",
			"actor": {"__typename": "Agent", "name": "Ada Manager"}, "from": null, "to": {"name": "Bo Agent"}, "reason": null}}}}`
	written = `{"data": {"receiveMessage": {"message": {"id": "msg_1", "body": "Hello, is anybody there?"}, "userErrors": []}}}`
)

// wire is a stand-in for the GraphQL server that records what the page sends.
type wire struct {
	*httptest.Server
	introspection []byte

	mu      sync.Mutex
	posted  []string // Authorization of each POST
	written []string // variables of each receiveMessage
	started []string // connection_init of each socket
}

func newWire(t *testing.T) *wire {
	introspection, err := os.ReadFile("testdata/introspection.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &wire{introspection: introspection}
	mux := http.NewServeMux()
	mux.Handle("/playground", web.Playground())
	mux.Handle("/playground/", web.Playground())
	mux.HandleFunc("POST /graphql", s.post)
	mux.HandleFunc("GET /graphql", s.socket)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *wire) post(w http.ResponseWriter, r *http.Request) {
	var request struct {
		OperationName, Query string
		Variables            json.RawMessage
	}
	json.NewDecoder(r.Body).Decode(&request)
	authorization := r.Header.Get("Authorization")
	s.mu.Lock()
	s.posted = append(s.posted, authorization)
	if request.OperationName == "CustomerWrites" {
		s.written = append(s.written, string(request.Variables))
	}
	s.mu.Unlock()

	w.Header().Set("Content-Type", "application/graphql-response+json")
	switch {
	case !strings.HasPrefix(authorization, "Bearer "):
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, refusal)
	case request.OperationName == "IntrospectionQuery":
		w.Write(s.introspection)
	case strings.HasPrefix(request.Query, "query Examples"):
		fmt.Fprint(w, examples)
	case request.OperationName == "CustomerWrites":
		fmt.Fprint(w, written)
	default:
		fmt.Fprint(w, inboxAnswer)
	}
}

func (s *wire) socket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"graphql-transport-ws"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		var message struct {
			ID, Type string
			Payload  json.RawMessage
		}
		if conn.ReadJSON(&message) != nil {
			return
		}
		switch message.Type {
		case "connection_init":
			s.mu.Lock()
			s.started = append(s.started, string(message.Payload))
			s.mu.Unlock()
			if !strings.Contains(string(message.Payload), "Bearer ") {
				closing := websocket.FormatCloseMessage(4403, "Forbidden")
				conn.WriteMessage(websocket.CloseMessage, closing)
				return
			}
			conn.WriteJSON(map[string]string{"type": "connection_ack"})
		case "subscribe":
			conn.WriteJSON(map[string]any{"id": message.ID, "type": "next", "payload": json.RawMessage(changed)})
		}
	}
}

func (s *wire) lastPosted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posted[len(s.posted)-1]
}

func (s *wire) lastWritten() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written[len(s.written)-1]
}

func (s *wire) lastStarted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started[len(s.started)-1]
}

const allTabs = "Inbox Agents Assign Subscribe A customer writes"

// patience limits how long a visitor waits for a condition.
const patience = time.Minute

// visitor operates the page through its buttons and editors.
type visitor struct {
	*testing.T
	ctx context.Context
}

func (v visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		webtest.Screenshot(v, v.ctx, "failed-"+v.Name())
		v.Fatal(err)
	}
}

func (v visitor) open(address string) {
	v.Helper()
	v.do(chromedp.Navigate(address), chromedp.WaitVisible(`.graphiql-query-editor .CodeMirror`))
	v.waitFor(headerEditor)
}

func (v visitor) click(selector string) {
	v.Helper()
	v.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (v visitor) openTab(title string) {
	v.Helper()
	v.do(chromedp.Click(`//button[contains(@class, "graphiql-tab-button") and text()="` + title + `"]`))
}

func (v visitor) eval(script string) string {
	v.Helper()
	result, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`String(`+script+`)`))
	if err != nil {
		v.Fatal(err)
	}
	return result
}

// waitFor waits until the expression script is true. It evaluates it from outside the page again
// and again, so that a reload does not end the wait.
func (v visitor) waitFor(script string) {
	v.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`Boolean(`+script+`)`))
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			webtest.Screenshot(v, v.ctx, "failed-"+v.Name())
			v.Fatalf("%s did not become true in time (%v)", script, err)
		}
	}
}

// run presses the execute button and waits until the result contains text.
func (v visitor) run(text string) {
	v.Helper()
	v.click(`.graphiql-execute-button`)
	v.waitFor(fmt.Sprintf(`document.querySelector('.result-window .CodeMirror').CodeMirror.getValue().includes(%q)`, text))
}

const headerEditor = `document.querySelectorAll('.graphiql-editor-tool .graphiql-editor')[1]?.querySelector('.CodeMirror')?.CodeMirror`

const variableEditor = `document.querySelectorAll('.graphiql-editor-tool .graphiql-editor')[0].querySelector('.CodeMirror').CodeMirror`

func (v visitor) typeHeaders(headers string) {
	v.Helper()
	v.eval(headerEditor + fmt.Sprintf(`.setValue(%q)`, headers))
}

func (v visitor) tabs() string {
	v.Helper()
	return v.eval(`[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.textContent).join(' ')`)
}

func TestVisitorWithTokenQueriesAndSubscribes(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	v.open(server.URL + "/playground#token=swt_first")

	if title := v.eval(`document.title`); title != "Switchboard playground" {
		t.Errorf("the title is %q", title)
	}
	if address := v.eval(`location.href`); address != server.URL+"/playground" {
		t.Errorf("the token is still in the address: %s", address)
	}
	if tabs := v.tabs(); tabs != allTabs {
		t.Errorf("the tabs are %q", tabs)
	}
	if hidden := v.eval(`document.getElementById('sign-in').hidden`); hidden != "true" {
		t.Error("the page asks for a token although it has one")
	}

	v.run("Maria Contact")
	if got := server.lastPosted(); got != "Bearer swt_first" {
		t.Errorf("the query was sent with %q", got)
	}
	webtest.Screenshot(t, v.ctx, "playground-inbox")

	for _, title := range []string{"Agents", "Assign", "A customer writes", "Subscribe"} {
		v.openTab(title)
		v.waitFor(`document.querySelectorAll('.graphiql-query-editor .CodeMirror-lint-mark-error').length === 0`)
		v.nothingClipped()
		webtest.Screenshot(t, v.ctx, "playground-"+strings.ToLower(title))
	}

	v.run("ConversationAssigned")
	if got := server.lastStarted(); got != `{"authorization":"Bearer swt_first"}` {
		t.Errorf("the socket was opened with %s", got)
	}
	webtest.Screenshot(t, v.ctx, "playground-event")
	v.click(`.graphiql-execute-button`) // stops it

	v.click(`button[aria-label="Show Documentation Explorer"]`)
	v.waitFor(`document.querySelector('.graphiql-doc-explorer').innerText.includes('subscription')`)
	v.do(chromedp.Click(`//section[contains(@class, "graphiql-doc-explorer")]//a[text()="Query"]`))
	v.waitFor(`document.querySelector('.graphiql-doc-explorer').innerText.includes('inboxCounts')`)
	webtest.Screenshot(t, v.ctx, "playground-docs")
	v.click(`button[aria-label="Show History"]`)
	v.click(`button[aria-label="Open settings dialog"]`)
	v.waitFor(`document.querySelector('.graphiql-dialog') !== null`)
	webtest.Screenshot(t, v.ctx, "playground-settings")
	v.do(chromedp.KeyEvent(kb.Escape))

	if kept := v.eval(`JSON.stringify(localStorage)`); kept != "{}" {
		t.Errorf("left on disk: %s", kept)
	}
	if kept := v.eval(`Object.entries(sessionStorage).filter(([key, value]) => key !== 'switchboard:token' && value.includes('swt_')).join()`); kept != "" {
		t.Errorf("the token was also kept in %s", kept)
	}
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range webtest.Requests(v.ctx) {
		to, err := url.Parse(address)
		if err != nil || to.Scheme != "data" && to.Host != at.Host {
			t.Errorf("the page asked elsewhere: %s", address)
		}
	}
}

// nothingClipped checks that the query fits the width of its editor.
func (v visitor) nothingClipped() {
	v.Helper()
	v.waitFor(`(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('.graphiql-query-editor .CodeMirror-scroll .CodeMirror-lines'))`)
	v.waitFor(`(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth <= 50)(document.querySelector('.graphiql-query-editor .CodeMirror-scroll'))`)
}

func TestTabsBeginWithIdsOfTheServer(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	v.open(server.URL + "/playground#token=swt_agent&connector=swt_connector")
	v.openTab("Assign")
	v.waitFor(variableEditor + `.getValue().includes('"conv_1"')`)
	// agent_2 is not the visitor.
	v.waitFor(variableEditor + `.getValue().includes('"agent_2"')`)

	v.openTab("A customer writes")
	v.run("is anybody there?")
	if got := server.lastPosted(); got != "Bearer swt_connector" {
		t.Errorf("the customer's message was sent with %q", got)
	}
	want := `{"input":{"sender":{"contact":{"channel":"email","externalId":"maria@example.com"}},"body":"Hello, is anybody there?"}}`
	if got := server.lastWritten(); got != want {
		t.Errorf("the customer's message was sent as %s", got)
	}
	v.typeHeaders(`{"Authorization": "Bearer swt_typed"}`)
	v.run("is anybody there?")
	if got := server.lastPosted(); got != "Bearer swt_typed" {
		t.Errorf("with another token typed the customer's message was sent with %q", got)
	}
	v.openTab("Assign")
	v.run("Maria Contact")
	if got := server.lastPosted(); got != "Bearer swt_agent" {
		t.Errorf("after a customer wrote, Assign was sent with %q", got)
	}
}

// TestOnAPhone: on a narrow screen lines wrap and the result is below the query.
func TestOnAPhone(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	v.do(chromedp.EmulateViewport(390, 844))
	v.open(server.URL + "/playground#token=swt_agent")
	v.run("Maria Contact")
	v.waitFor(`document.querySelector('.graphiql-response').getBoundingClientRect().top >= document.querySelector('.graphiql-editors').getBoundingClientRect().bottom`)
	webtest.Screenshot(t, v.ctx, "playground-phone")
	for _, title := range []string{"Inbox", "Agents", "Assign", "Subscribe", "A customer writes"} {
		v.eval(`[...document.querySelectorAll('.graphiql-tab-button')].find((tab) => tab.textContent === ` + fmt.Sprintf("%q", title) + `).click()`)
		v.nothingClipped()
	}
}

// TestSecondWindow: a button opens a second window with the same tokens, which cannot be copied
// from the address bar.
func TestSecondWindow(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	v.open(server.URL + "/playground#token=swt_agent&connector=swt_connector")
	v.eval(`window.open = (...all) => { window.opened = all.join(' ') }`)
	v.click(`#another`)
	if got := v.eval(`window.opened`); got != "/playground#token=swt_agent&connector=swt_connector _blank noopener" {
		t.Errorf("the second window is opened with %s", got)
	}
}

func TestWhatIsTypedIntoTheHeadersTabWins(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	v.open(server.URL + "/playground#token=swt_first")

	v.typeHeaders(`{"authorization": "Bearer swt_typed"}`)
	v.run("Maria Contact")
	if got := server.lastPosted(); got != "Bearer swt_typed" {
		t.Errorf("the query was sent with %q", got)
	}
	v.typeHeaders(``)
	v.run("Maria Contact")
	if got := server.lastPosted(); got != "Bearer swt_first" {
		t.Errorf("with an empty Headers tab the query was sent with %q", got)
	}

	v.openTab("Subscribe")
	for _, token := range []string{"swt_second", "swt_third"} {
		v.typeHeaders(`{"Authorization": "Bearer ` + token + `"}`)
		v.run("ConversationAssigned")
		if got := server.lastStarted(); got != `{"authorization":"Bearer `+token+`"}` {
			t.Errorf("the socket was opened with %s", got)
		}
		v.click(`.graphiql-execute-button`) // stops it
	}

	v.typeHeaders(`{}`)
	v.run("4403 Forbidden")
	v.waitFor(`!document.getElementById('sign-in').hidden`)
}

func TestAnotherPrintedAddressReplacesTheToken(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	v.open(server.URL + "/playground#token=swt_first")
	v.run("Maria Contact")
	v.openTab("Agents")
	v.waitFor(`JSON.parse(sessionStorage.getItem('graphiql:tabState'))?.activeTabIndex === 1`)

	v.eval(`location.hash = 'token=swt_second'`)
	v.waitFor(headerEditor + `?.getValue().includes('swt_second')`)
	if tabs := v.tabs(); tabs != allTabs {
		t.Errorf("after a reload the tabs are %q", tabs)
	}
	for _, title := range []string{"Inbox", "Agents"} {
		v.openTab(title)
		v.run("Maria Contact")
		if got := server.lastPosted(); got != "Bearer swt_second" {
			t.Errorf("%s was sent with %q", title, got)
		}
	}
}

func TestVisitorWithoutTokenIsToldHowToGetOne(t *testing.T) {
	server := newWire(t)
	v := visitor{t, webtest.Browser(t)}
	webtest.Expect(v.ctx, "401")
	v.open(server.URL + "/playground")
	v.run("UNAUTHENTICATED")
	if banner := v.eval(`document.getElementById('sign-in').innerText`); !strings.Contains(banner, "switchboard token create") {
		t.Errorf("the banner says %q", banner)
	}
	webtest.Screenshot(t, v.ctx, "playground-without-token")
	if got := server.lastPosted(); got != "" {
		t.Errorf("without a token the query was sent with %q", got)
	}

	v.typeHeaders(`{"Authorization": "Bearer swt_typed"}`)
	v.run("Maria Contact")
	if hidden := v.eval(`document.getElementById('sign-in').hidden`); hidden != "true" {
		t.Error("the banner stays although the token is accepted")
	}
}
