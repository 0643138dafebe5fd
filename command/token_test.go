package command_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// made is what `switchboard token create --json` prints.
type made struct {
	TokenID   string
	Token     string
	ExpiresAt *time.Time
}

// listed is a line of `switchboard token list --json`.
type listed struct {
	TokenID, Scope, Name, Agent, State string
	ExpiresAt, RevokedAt               *time.Time
}

func TestTokensOfARunningServer(t *testing.T) {
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	var company struct{ Workspace, Manager, TokenID, Token string }
	succeed(t, &company, "workspace", "create", "Acme", "--manager", "mia@acme.example", "--data-dir", dir)
	inWorkspace := func(args ...string) []string {
		return append(args, "--workspace", company.Workspace, "--data-dir", dir)
	}
	create := func(args ...string) (m made) {
		succeed(t, &m, inWorkspace(append([]string{"token", "create"}, args...)...)...)
		return m
	}

	agent := create("--agent", "mia@acme.example")
	integration := create("--scope", "integration", "--name", "shop")
	reader := create("--scope", "read", "--expires", "90d")

	// Each works at once, and for what it was made.
	const who = `{ viewer { name role } }`
	const write = `mutation { createContact(input: {name: "Ada"}) { contact { id } } }`
	for name, c := range map[string]struct {
		token, viewer, refusal string
	}{
		"manager":     {company.Token, `{"viewer":{"name":"mia","role":"MANAGER"}}`, ""},
		"agent":       {agent.Token, `{"viewer":{"name":"mia","role":"MANAGER"}}`, ""},
		"integration": {integration.Token, `{"viewer":null}`, ""},
		"read":        {reader.Token, `{"viewer":null}`, "FORBIDDEN"},
	} {
		if _, a, err := s.as(c.token).post(t.Context(), who, nil); err != nil || string(a.Data) != c.viewer {
			t.Errorf("the %s token is of %s %v %v, want %s", name, a.Data, a.Errors, err, c.viewer)
		}
		if _, a, err := s.as(c.token).post(t.Context(), write, nil); err != nil || a.code() != c.refusal {
			t.Errorf("writing with the %s token gives %v %v, want %q", name, a.Errors, err, c.refusal)
		}
	}
	if left := time.Until(*reader.ExpiresAt); left < 89*24*time.Hour || left > 90*24*time.Hour {
		t.Errorf("the token of 90 days ends in %v", left)
	}

	var tokens []listed
	succeed(t, &tokens, inWorkspace("token", "list")...)
	want := map[string]listed{
		company.TokenID:     {Scope: "agent", Name: "agent", Agent: company.Manager, State: "valid"},
		agent.TokenID:       {Scope: "agent", Name: "agent", Agent: company.Manager, State: "valid"},
		integration.TokenID: {Scope: "integration", Name: "shop", State: "valid"},
		reader.TokenID:      {Scope: "read", Name: "read", State: "valid"},
	}
	for _, got := range tokens {
		if w := want[got.TokenID]; got.Scope != w.Scope || got.Name != w.Name || got.Agent != w.Agent || got.State != w.State {
			t.Errorf("token list says %+v, want %+v", got, w)
		}
	}
	if len(tokens) != len(want) {
		t.Errorf("token list knows %d tokens, not %d", len(tokens), len(want))
	}

	// Without --json the same is printed as text, and no secret is printed again.
	plain := run(t, inWorkspace("token", "create", "--scope", "read", "--expires", "12h")...)
	if plain.status != 0 || !strings.Contains(plain.output, "swb_") || !strings.Contains(plain.output, "shown only now") {
		t.Errorf("token create says\n%s%s", plain.output, plain.log)
	}
	list := run(t, inWorkspace("token", "list")...)
	if strings.Contains(list.output, "swb_") || strings.Count(list.output, "valid") != 5 || !strings.Contains(list.output, integration.TokenID) {
		t.Errorf("token list says\n%s%s", list.output, list.log)
	}
	if r := run(t, "workspace", "list", "--data-dir", dir); !strings.Contains(r.output, company.Workspace+"  Acme\n") {
		t.Errorf("workspace list says\n%s%s", r.output, r.log)
	}
	if r := run(t, "workspace", "create", "Beta", "--manager", "ben@beta.example", "--data-dir", dir); r.status != 0 || !strings.Contains(r.output, "swb_") || !strings.Contains(r.output, "ws_") {
		t.Errorf("workspace create says\n%s%s", r.output, r.log)
	}

	t.Run("revoked", func(t *testing.T) {
		now := s.as(company.Token).asOf()
		ended := s.as(agent.Token).watch(assignments, now)
		other := s.as(company.Token).watch(assignments, now)
		succeed(t, &struct{}{}, inWorkspace("token", "revoke", agent.TokenID)...)
		began := time.Now()
		if status := s.as(agent.Token).status(); status != http.StatusUnauthorized {
			t.Errorf("HTTP answers %d after the token was revoked", status)
		}
		if code := ended.closed(); code != 4403 {
			t.Errorf("the socket was closed with %d, want 4403", code)
		}
		took := time.Since(began)
		t.Logf("closed %v after the command", took)
		if took > 10*time.Second {
			t.Errorf("the socket was closed %v after the command", took)
		}
		if _, err := s.as(agent.Token).connect(); err == nil {
			t.Error("a new socket is accepted")
		}
		// The other token of the same agent goes on.
		id := s.as(company.Token).open("Eve")
		if events := s.as(company.Token).assign(id, company.Manager); other.change(t).ID != events[0] {
			t.Error("the other socket got another event")
		}
		var tokens []listed
		succeed(t, &tokens, inWorkspace("token", "list")...)
		for _, one := range tokens {
			if revoked := one.TokenID == agent.TokenID; revoked != (one.State == "revoked") || revoked != (one.RevokedAt != nil) {
				t.Errorf("token list says %+v", one)
			}
		}
		refused(t, 1, inWorkspace("token", "revoke", agent.TokenID), "no valid token", agent.TokenID, "token list")
	})

	t.Run("expired", func(t *testing.T) {
		short := create("--scope", "read", "--expires", "2s")
		ended := s.as(short.Token).watch(assignments, s.as(company.Token).asOf())
		if code := ended.closed(); code != 4403 {
			t.Errorf("the socket was closed with %d, want 4403", code)
		}
		if late := time.Since(*short.ExpiresAt); late < 0 || late > 10*time.Second {
			t.Errorf("the socket was closed %v after the token's end", late)
		}
		if status := s.as(short.Token).status(); status != http.StatusUnauthorized {
			t.Errorf("HTTP answers %d after the token's end", status)
		}
	})

	t.Run("wrong ids", func(t *testing.T) {
		t.Parallel()
		const nobody = "01h455vb4pex5vsknk084sn02q"
		refused(t, 1, []string{"token", "list", "--workspace", "ws_" + nobody, "--data-dir", dir}, "ws_"+nobody, company.Workspace, "Acme")
		refused(t, 1, []string{"token", "list", "--workspace", "Acme", "--data-dir", dir}, `"Acme"`, company.Workspace)
		refused(t, 1, []string{"token", "list", "--workspace", company.Manager, "--data-dir", dir}, company.Manager, company.Workspace)
		refused(t, 1, inWorkspace("token", "create", "--agent", "nobody@acme.example"), "nobody@acme.example", "switchboard agent create")
		refused(t, 1, inWorkspace("token", "revoke", "token_"+nobody), "token_"+nobody, "token list")
		refused(t, 1, inWorkspace("token", "revoke", "swb_nonsense"), "swb_nonsense", "token list")
		refused(t, 1, []string{"workspace", "create", "", "--manager", "mia@acme.example", "--data-dir", dir}, "name")
		refused(t, 1, []string{"workspace", "create", "Acme", "--manager", "mia", "--data-dir", dir}, "e-mail")
	})
}

func TestTokensBeforeThereIsAWorkspace(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	if r := run(t, "workspace", "list", "--data-dir", dir); r.status != 0 || !strings.Contains(r.output, "workspace create") {
		t.Errorf("workspace list says\n%s%s", r.output, r.log)
	}
	refused(t, 1, []string{"token", "list", "--workspace", "ws_01h455vb4pex5vsknk084sn02q", "--data-dir", dir}, "workspace create")
	if databaseRuns(dir) {
		t.Error("the commands have left the database running")
	}
}

// TestRevokedOnEachServer: after a token is revoked, its sockets on two servers are closed and get no
// event any more: at once, and within 30 s while no server is notified of events.
func TestRevokedOnEachServer(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	var company struct{ Workspace, Manager, Token string }
	succeed(t, &company, "workspace", "create", "Acme", "--manager", "mia@acme.example", "--data-dir", dir)
	servers := []*server{start(t, "--data-dir", dir, "--no-demo"), start(t, "--data-dir", dir, "--no-demo")}
	manager := servers[0].as(company.Token)
	conversation := manager.open("Ada")
	for _, c := range []struct {
		name   string
		deaf   bool // the servers' connections that listen for notifications are ended again and again
		within time.Duration
	}{
		{"notified", false, 10 * time.Second},
		{"not notified", true, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var token made
			succeed(t, &token, "token", "create", "--scope", "read", "--workspace", company.Workspace, "--data-dir", dir)
			after := manager.asOf()
			var sockets []*socket
			for i := range 100 {
				sockets = append(sockets, servers[i%2].as(token.Token).watch(assignments, after))
			}
			want := manager.assign(conversation, company.Manager)[0]
			for _, s := range sockets { // each is live
				if got := s.change(t).ID; got != want {
					t.Fatalf("a socket got %s, not %s", got, want)
				}
			}
			if c.deaf {
				defer deafen(t, dir)()
			}
			manager.ask(&struct{}{}, `mutation($id: ID!) { revokeToken(input: {tokenId: $id}) { token { id } } }`, vars{"id": token.TokenID})
			began := time.Now()
			for _, s := range sockets {
				if code, items := s.rest(); code != closeForbidden || items != 0 {
					t.Fatalf("a socket got %d items and was closed with %d", items, code)
				}
			}
			took := time.Since(began)
			t.Logf("100 sockets were closed within %v", took)
			if took > c.within {
				t.Errorf("the last socket was closed %v after the token was revoked", took)
			}
			for _, s := range servers {
				if status := s.as(token.Token).status(); status != http.StatusUnauthorized {
					t.Errorf("a query is answered %d", status)
				}
			}
			manager.unassign(conversation)
		})
	}
}

// deafen ends the connections that listen for notifications, as often as they come back, until stop
// is called.
func deafen(t *testing.T, dir string) (stop func()) {
	t.Helper()
	s := attach(t, dir)
	conn, err := pgx.Connect(t.Context(), s.URL("switchboard"))
	check(t, err)
	end := func() int64 {
		tag, err := conn.Exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
		check(t, err)
		return tag.RowsAffected()
	}
	if n := end(); n != 2 {
		t.Errorf("%d connections were listening, not one of each server", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			end()
			time.Sleep(20 * time.Millisecond)
		}
	})
	return func() {
		cancel()
		running.Wait()
		check(t, conn.Close(context.Background()))
		check(t, s.Close())
	}
}
