package graph_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/graph/live"
)

// openStream requests an event stream and returns the status of the response.
func (s *server) openStream(t *testing.T, token string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL, strings.NewReader(`{"query": "subscription { inboxCountsChanged { all } }"}`))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestSilentDatabase (P8): a server whose database does not answer disconnects its clients and
// refuses new ones until it can read again.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	l := dbtest.NewLine(t)
	w := newWorld(t, func(o *options) {
		o.pool = db.Options{StatementTimeout: 1500 * time.Millisecond, Grace: 500 * time.Millisecond, Dial: l.Dial}
		o.shedAfter = 3 * time.Second
	})
	c := w.connect(t, w.agent.token)
	c.subscribe("1", "subscription { inboxCountsChanged { all } }", nil)
	if f := c.receive(); f.Type != "next" {
		t.Fatalf("%s instead of next", f.Type)
	}
	ended := make(chan error, 1)
	streamed := w.openStream(t, w.agent.token)
	go func() {
		b := make([]byte, 1024)
		for {
			if _, err := streamed.Body.Read(b); err != nil {
				ended <- err
				return
			}
		}
	}()

	l.Drop()
	c.wantClose(live.CloseTryAgain)
	<-ended
	if err := w.service.Ready(t.Context()); err == nil {
		t.Error("it is ready while it cannot read")
	}
	w.dial(t, w.agent.token).wantClose(live.CloseTryAgain)
	if status := w.openStream(t, w.agent.token).StatusCode; status != http.StatusServiceUnavailable {
		t.Errorf("a new stream is answered %d", status)
	}

	l.Pass()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for w.service.Ready(ctx) != nil || w.service.Silence() > time.Second {
		must(t, ctx.Err())
		time.Sleep(time.Millisecond)
	}
	c = w.connect(t, w.agent.token)
	c.subscribe("1", "subscription { inboxCountsChanged { all } }", nil)
	if f := c.receive(); f.Type != "next" {
		t.Errorf("%s instead of next", f.Type)
	}
}

// TestInjection: the server is safe even if the database is set to escape quotes by backslashes.
// Otherwise a quote after a backslash would end a text, and the rest of it would be executed as
// SQL on the rows of all workspaces.
func TestInjection(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"database": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database()); END $$",
		"role":     "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET standard_conforming_strings = off', current_user, current_database()); END $$",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *options) {
				o.before = func(url string) {
					conn, err := pgx.Connect(t.Context(), url)
					must(t, err)
					defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
					_, err = conn.Exec(t.Context(), set)
					must(t, err)
				}
			})
			other := w.found("Other")
			const text = `PWNED\' --`
			w.query(w.manager.token, `mutation($name: String!) { updateWorkspace(input: {name: $name}) { workspace { name } userErrors { code } } }`, vars{"name": text})
			names := map[db.WorkspaceKey]string{}
			all, err := w.known.Workspaces(t.Context())
			must(t, err)
			for _, found := range all {
				names[found.Key] = found.Name
			}
			if names[w.key] != text || names[other.key] != "Other" {
				t.Errorf("the workspaces are called %v", names)
			}
		})
	}
}
