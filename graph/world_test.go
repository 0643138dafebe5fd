package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/graph"
	"switchboard/service"
	"switchboard/service/workflow"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var quietLog = slog.New(slog.DiscardHandler)

// patience is how long a test waits for a condition before it fails.
const patience = time.Minute

// world is a server with its own database, called over real HTTP.
type world struct {
	*company // the company that most tests use
	*server
	t   *testing.T
	url string // of the database
}

// server is the part of a server process that these tests need.
type server struct {
	db      *db.DB
	known   *db.DB // through which callers are known
	service *workflow.Service
	auth    *auth.Authenticator
	handler *graph.Handler
	http    *httptest.Server
}

// company is a workspace with a person of each role.
type company struct {
	key         db.WorkspaceKey
	workspace   *db.Workspace
	manager     *person
	agent       *person
	colleague   *person
	integration string // token
	reader      string // token
}

// person is an agent with a token.
type person struct {
	service.Actor
	id    db.AgentID
	name  string
	token string
}

// options change the configuration of a world.
type options struct {
	ping          time.Duration
	now           func() time.Time
	pool          db.Options
	rowMemory     int
	introspection bool
	rate          int                 // cost that an agent may cause each second
	documents     graph.DocumentsMode // what becomes of documents that are not trusted
	origins       graph.Origins
	clock         func() time.Time // of the handler and the authenticator
	shedAfter     time.Duration
	before        func(url string) // changes the database before the server connects
	issuers       *auth.Issuers    // whose tokens are accepted
	log           *slog.Logger
}

func newWorld(t *testing.T, change ...func(*options)) *world {
	t.Helper()
	o := options{log: quietLog}
	for _, f := range change {
		f(&o)
	}
	w := &world{t: t, url: dbtest.New(t, migrate)}
	if o.before != nil {
		o.before(w.url)
	}
	w.server = w.serve(o)
	w.company = w.found("Acme")
	return w
}

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

// serve starts one more server on the world's database. Callers are known through a pool
// of its own, so that statements of an operation can be counted, and broken, alone.
func (w *world) serve(o options) *server {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o.pool.MaxConns = 6
	d, err := db.Open(ctx, w.url, o.pool)
	must(w.t, err)
	known, err := db.Open(ctx, w.url, db.Options{MaxConns: 2})
	must(w.t, err)
	who := auth.New(known, o.log)
	if o.clock != nil {
		who.Now = o.clock
	}
	f := feed.New(d, feed.Options{Log: o.log, Now: o.now, Before: who.Withdraw})
	s := &server{db: d, known: known, service: workflow.New(service.New(d, f, service.Options{Log: o.log, Now: o.now, RowMemory: o.rowMemory})), auth: who}
	handler := graph.NewHandler(graph.Options{Service: s.service, Auth: s.auth, Log: o.log, Introspection: o.introspection, RateLimit: o.rate, Documents: o.documents, PingEvery: o.ping, ShedAfter: o.shedAfter, Origins: o.origins, Now: o.clock})
	s.handler, s.http = handler, httptest.NewServer(handler)
	if o.issuers != nil {
		must(w.t, who.Trust(ctx, o.issuers, s.service))
	}
	done := make(chan struct{}, 3)
	go func() { f.Run(ctx); done <- struct{}{} }()
	go func() { handler.Shed(ctx); done <- struct{}{} }()
	go func() { s.auth.Run(ctx); done <- struct{}{} }()
	w.t.Cleanup(func() {
		drain, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		if err := handler.Drain(drain); err != nil {
			w.t.Errorf("sockets or operations are left over: %v", err)
		}
		s.http.Close()
		cancel()
		for range cap(done) {
			<-done
		}
		f.Flush()
		_, _ = d.Close(), known.Close()
	})
	return s
}

// apart adds a company to the same server, for a test that needs no database of its own: tests of
// different companies do not affect each other.
func (w *world) apart(t *testing.T) *world {
	t.Helper()
	other := &world{server: w.server, t: t, url: w.url}
	other.company = other.found("Acme")
	return other
}

// found creates a workspace with a person of each role.
func (w *world) found(name string) *company {
	w.t.Helper()
	domain := "@" + strings.ToLower(name) + ".example"
	workspace, manager, err := w.service.CreateWorkspace(w.t.Context(), name, "Mia Manager", "mia"+domain)
	must(w.t, err)
	c := &company{key: workspace.Key, workspace: workspace}
	c.manager = w.person(c, manager)
	c.agent = w.hire(c, "Ann Agent", "ann"+domain, db.RoleAgent)
	c.colleague = w.hire(c, "Cem Colleague", "cem"+domain, db.RoleAgent)
	c.integration = w.issue(c, db.ScopeIntegration, nil)
	c.reader = w.issue(c, db.ScopeRead, nil)
	_, err = w.service.CursorKey(w.t.Context(), c.manager.Actor) // which is read once, so that it is in no operation's statements
	must(w.t, err)
	return c
}

// hire adds an agent.
func (w *world) hire(c *company, name, email string, role db.Role) *person {
	w.t.Helper()
	o, err := w.service.CreateAgent(w.t.Context(), c.manager.Actor, service.CreateAgentInput{Name: name, Email: email, Role: role})
	must(w.t, err)
	return w.person(c, o.Agent)
}

func (w *world) person(c *company, a *db.Agent) *person {
	w.t.Helper()
	actor := service.Actor{Workspace: c.key, Role: service.Role(a.Role), Agent: &a.ID}
	return &person{Actor: actor, id: a.ID, name: a.Name, token: w.issue(c, db.ScopeAgent, &a.ID)}
}

func (w *world) issue(c *company, scope db.TokenScope, agent *db.AgentID) string {
	w.t.Helper()
	secret, _, err := w.auth.Issue(w.t.Context(), c.key, scope, agent, "a token", 0)
	must(w.t, err)
	return secret
}

// vars are the variables of an operation.
type vars map[string]any

// plain converts ids and cursors to the form that clients send; as JSON of the database they are
// UUIDs.
func plain(value any) any {
	switch v := value.(type) {
	case vars:
		fields := map[string]any{}
		for name, field := range v {
			fields[name] = plain(field)
		}
		return fields
	case []any:
		items := []any{}
		for _, item := range v {
			items = append(items, plain(item))
		}
		return items
	case fmt.Stringer:
		return v.String()
	}
	return value
}

// answer is the response to an operation over HTTP.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// post sends an operation to a server, whatever the answer.
func (s *server) post(t *testing.T, token, doc string, v vars) *answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": doc, "variables": plain(v)})
	must(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL, bytes.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.do(t, r)
}

func (s *server) do(t *testing.T, r *http.Request) *answer {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return &answer{t, response.StatusCode, response.Header, text}
}

// query is post for operations that must succeed.
func (w *world) query(token, doc string, v vars) *answer {
	w.t.Helper()
	a := w.post(w.t, token, doc, v)
	if a.status != http.StatusOK || a.errors() != nil {
		w.t.Fatalf("%s\nanswered %d %s", doc, a.status, a.body)
	}
	return a
}

// get returns the value at a path of names and list indexes in the answer; nil if there is none.
func (a *answer) get(path ...any) any {
	a.t.Helper()
	return get(parse(a.t, a.body), path...)
}

// text is like get for a string.
func (a *answer) text(path ...any) string {
	a.t.Helper()
	text, ok := a.get(path...).(string)
	if !ok {
		a.t.Fatalf("no text at %v in %s", path, a.body)
	}
	return text
}

// wireError is an error as clients see it.
type wireError struct {
	Message    string
	Path       []any
	Extensions struct {
		Code, RequestID string
		Retryable       *bool
	}
}

func (a *answer) errors() (errs []wireError) {
	a.t.Helper()
	var body struct{ Errors []wireError }
	if err := json.Unmarshal(a.body, &body); err != nil {
		a.t.Fatalf("not JSON: %s", a.body)
	}
	return body.Errors
}

// wantCode checks that the answer is one top-level error with this code.
func (a *answer) wantCode(code string) wireError {
	a.t.Helper()
	errs := a.errors()
	if len(errs) != 1 || errs[0].Extensions.Code != code || errs[0].Message == "" {
		a.t.Fatalf("want one error %s, got %s", code, a.body)
	}
	return errs[0]
}

func parse(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("not JSON: %s", text)
	}
	return value
}

func get(value any, path ...any) any {
	for _, step := range path {
		switch at := value.(type) {
		case map[string]any:
			value = at[step.(string)]
		case []any:
			if i := step.(int); i < len(at) {
				value = at[i]
			} else {
				return nil
			}
		default:
			return nil
		}
	}
	return value
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same compares two JSON values.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }
