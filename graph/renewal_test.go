package graph_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/graph"
	"switchboard/graph/live"
	"switchboard/service"
)

// A clock stands still until it is moved.
type clock struct {
	start time.Time
	ahead atomic.Int64
}

func (c *clock) set(o *options) {
	c.start = time.Now()
	o.clock = func() time.Time { return c.start.Add(time.Duration(c.ahead.Load())) }
}

func (c *clock) passes(d time.Duration) { c.ahead.Add(int64(d)) }

// expiring returns a token of an agent and when it expires, as the API writes times.
func (w *world) expiring(agent db.AgentID, after time.Duration) (secret, expires string) {
	w.t.Helper()
	secret, token, err := w.auth.Issue(w.t.Context(), w.key, db.ScopeAgent, &agent, "", after)
	must(w.t, err)
	return secret, token.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// renew sends a ping with a payload and returns the payload of the answer.
func (c *socket) renew(payload any) any {
	c.t.Helper()
	c.send(map[string]any{"type": "ping", "payload": payload})
	f := c.receive()
	if f.Type != "pong" {
		c.t.Fatalf("%s instead of pong", f.Type)
	}
	return parse(c.t, f.Payload)
}

func bearer(token string) map[string]any { return map[string]any{"authorization": "Bearer " + token} }

// TestP7Renewal: a socket whose credential is renewed goes on with what it has begun when the first
// one expires, and ends with the second; one that is not renewed is closed.
func TestP7Renewal(t *testing.T) {
	t.Parallel()
	var clock clock
	w := newWorld(t, clock.set)
	short, expires := w.expiring(w.agent.id, time.Minute)
	long, later := w.expiring(w.agent.id, time.Hour)
	c, control := w.dial(t, short), w.dial(t, short)
	for _, one := range []*socket{c, control} {
		if f := one.receive(); f.Type != "connection_ack" || get(parse(t, f.Payload), "expiresAt") != expires {
			t.Fatalf("%s %s", f.Type, f.Payload)
		}
	}
	_, conversation := w.opened(w.manager, "Ada")
	c.subscribe("1", subscriptions["statusChanged"], vars{"after": w.end()})
	answer := c.renew(bearer(long))
	if !same(answer, map[string]any{"expiresAt": later}) {
		t.Fatalf("the renewal is answered %v", answer)
	}
	c.subscribe("2", `{ session { expiresAt } }`, nil)
	if f := c.receive(); get(parse(t, f.Payload), "data", "session", "expiresAt") != later {
		t.Errorf("the session is %s", f.Payload)
	}
	c.receive() // its complete
	clock.passes(time.Minute)
	control.wantNoMore(live.CloseForbidden)
	w.close(w.manager, conversation)
	if f := c.receive(); f.Type != "next" || f.ID != "1" {
		t.Errorf("after the first token has expired: %s %s", f.Type, f.Payload)
	}
	_, err := w.service.DeactivateAgent(t.Context(), w.manager.Actor, service.DeactivateAgentInput{AgentID: w.agent.id})
	must(t, err)
	c.wantNoMore(live.CloseForbidden)
}

// TestP7RenewedTokenEnds: the credential that a renewed socket has now is the one that ends it.
func TestP7RenewedTokenEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, row, err := w.auth.Issue(t.Context(), w.key, db.ScopeAgent, &w.agent.id, "", 0)
	must(t, err)
	second, other, err := w.auth.Issue(t.Context(), w.key, db.ScopeAgent, &w.agent.id, "", 0)
	must(t, err)
	c, control := w.connect(t, first), w.connect(t, first)
	if answer := c.renew(bearer(second)); !same(answer, map[string]any{"expiresAt": nil}) {
		t.Fatalf("the renewal is answered %v", answer)
	}
	_, err = w.auth.Revoke(t.Context(), w.key, row.ID)
	must(t, err)
	control.wantNoMore(live.CloseForbidden)
	if answer := c.renew(map[string]any{"a": 1}); !same(answer, map[string]any{"a": 1.0}) {
		t.Errorf("a ping is answered %v", answer)
	}
	_, err = w.auth.Revoke(t.Context(), w.key, other.ID)
	must(t, err)
	c.wantNoMore(live.CloseForbidden)
}

// TestRenewalRefused: a socket keeps its credential if the new one is not that of the same caller;
// no credential is sent back.
func TestRenewalRefused(t *testing.T) {
	t.Parallel()
	var clock clock
	w := newWorld(t, clock.set)
	token := w.agent.token
	revoked, row, err := w.auth.Issue(t.Context(), w.key, db.ScopeAgent, &w.agent.id, "", 0)
	must(t, err)
	_, err = w.auth.Revoke(t.Context(), w.key, row.ID)
	must(t, err)
	c := w.connect(t, token)
	for name, try := range map[string]struct {
		payload any
		says    string
	}{
		"a colleague's":   {bearer(w.colleague.token), "another caller"},
		"a program's":     {bearer(w.integration), "another caller"},
		"a revoked one":   {bearer(revoked), "revoked"},
		"a malformed one": {bearer("secret"), "malformed"},
		"none":            {map[string]any{"authorization": "secret"}, "send an API token"},
		"a number":        {map[string]any{"token": 1}, "must be a string"},
		"two":             {map[string]any{"token": token, "authorization": "Bearer " + token}, "one credential"},
		"misspelt":        {map[string]any{"Authorization": "Bearer " + token}, "write it as authorization"},
	} {
		clock.passes(10 * time.Second)
		answer := c.renew(try.payload)
		refused, _ := get(answer, "refused").(string)
		if !strings.Contains(refused, try.says) || len(answer.(map[string]any)) != 1 || strings.Contains(refused, token) {
			t.Errorf("%s is answered %v", name, answer)
		}
	}
	for _, step := range []struct {
		after   time.Duration
		accepts bool
	}{{10 * time.Second, true}, {0, false}, {9 * time.Second, false}, {time.Second, true}} {
		clock.passes(step.after)
		answer := c.renew(bearer(token))
		if _, isRefused := answer.(map[string]any)["refused"]; isRefused == step.accepts {
			t.Errorf("%v later a renewal is answered %v", step.after, answer)
		}
	}
}

// TestP7StreamRenewal: an event stream in single connection mode is renewed by a request with a
// newer token of the same caller.
func TestP7StreamRenewal(t *testing.T) {
	t.Parallel()
	var clock clock
	w := newWorld(t, clock.set)
	short, _ := w.expiring(w.agent.id, time.Minute)
	long, _ := w.expiring(w.agent.id, time.Hour)
	open := func() (token string, events *bufio.Reader) {
		t.Helper()
		text, err := io.ReadAll(w.events(t, "PUT", short, "").Body)
		must(t, err)
		return string(text), bufio.NewReader(w.events(t, "GET", short, "", live.TokenHeader, string(text), "Accept", "text/event-stream").Body)
	}
	renewed, events := open()
	_, control := open()
	_, conversation := w.opened(w.manager, "Ada")
	start := func(token, id string) {
		t.Helper()
		body, err := json.Marshal(map[string]any{
			"query": subscriptions["statusChanged"], "variables": plain(vars{"after": w.end()}), "extensions": map[string]string{"operationId": id},
		})
		must(t, err)
		if r := w.events(t, "POST", token, string(body), live.TokenHeader, renewed); r.StatusCode != http.StatusAccepted {
			t.Fatal(r.Status)
		}
	}
	start(short, "1")
	start(long, "2")
	start(short, "3") // an older token does not replace the newer one
	clock.passes(time.Minute)
	if rest, err := io.ReadAll(control); err != nil {
		t.Errorf("the other stream ended with %q, %v", rest, err)
	}
	w.close(w.manager, conversation)
	for seen := 0; seen < 3; {
		line, err := events.ReadString('\n')
		must(t, err)
		if strings.HasPrefix(line, "data: ") {
			seen++
		}
	}
}

// hs256 returns a signed token.
func hs256(secret string, claims map[string]any) string {
	encode := base64.RawURLEncoding.EncodeToString
	body, _ := json.Marshal(claims)
	text := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// TestChooseWorkspace: a person with agents in several workspaces chooses one by a header or in
// connection_init; without, the answer lists them.
func TestChooseWorkspace(t *testing.T) {
	t.Parallel()
	const secret = "a secret of 32 bytes, or of more"
	issuers, err := auth.NewIssuers([]auth.IssuerOptions{{URL: "backend", Audience: "switchboard", Secret: []byte(secret)}})
	must(t, err)
	w := newWorld(t, func(o *options) { o.issuers = issuers })
	other := w.found("Globex")
	for _, c := range []*company{w.company, other} {
		_, err := w.service.UpdateAgent(t.Context(), c.manager.Actor, service.UpdateAgentInput{
			AgentID: c.agent.id, Identity: &service.AgentIdentityInput{Issuer: "backend", Subject: "ann"},
		})
		must(t, err)
	}
	token := hs256(secret, map[string]any{"iss": "backend", "aud": "switchboard", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()})
	ask := func(workspaces ...string) *answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.http.URL, strings.NewReader(`{"query":"{ workspace { id } }"}`))
		must(t, err)
		r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "X-Switchboard-Workspace": workspaces}
		return w.do(t, r)
	}
	a := ask()
	want := []any{map[string]any{"id": w.workspace.ID.String(), "name": "Acme"}, map[string]any{"id": other.workspace.ID.String(), "name": "Globex"}}
	if e := a.wantCode("UNAUTHENTICATED"); a.status != http.StatusUnauthorized || !strings.HasPrefix(e.Message, "choose a workspace") ||
		!same(a.get("errors", 0, "extensions", "workspaces"), want) {
		t.Errorf("without a choice: %d %s", a.status, a.body)
	}
	w.dial(t, token).wantClose(live.CloseForbidden)
	for _, c := range []*company{w.company, other} {
		id := c.workspace.ID.String()
		if got := ask(id).text("data", "workspace", "id"); got != id {
			t.Errorf("%s was chosen, not %s", got, id)
		}
		s := w.dialWith(t, map[string]any{"token": token, "workspace": id})
		s.receive()
		s.subscribe("1", `{ workspace { id } }`, nil)
		if f := s.receive(); get(parse(t, f.Payload), "data", "workspace", "id") != id {
			t.Errorf("the socket's workspace: %s", f.Payload)
		}
	}
	ask("ws_00000000000000000000000000").wantCode("UNAUTHENTICATED")
	ask(w.workspace.ID.String(), other.workspace.ID.String()).wantCode("UNAUTHENTICATED")
	w.dialWith(t, map[string]any{"token": token, "workspace": 1}).wantClose(live.CloseForbidden)
}

// TestDevelopmentTokensAreLocal: a development token is accepted only from this machine, under one
// of its names, and without a proxy between.
func TestDevelopmentTokensAreLocal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	development := w.auth.AddDeveloper([]byte("secret"), w.key, w.agent.id)
	handler := graph.NewHandler(graph.Options{Service: w.service, Auth: w.auth, Log: quietLog})
	for _, c := range []struct {
		peer, host, header string
		local              bool
	}{
		{"127.0.0.1:1", "127.0.0.1:8080", "", true}, {"[::1]:1", "localhost", "", true}, {"127.0.0.2:1", "[::1]:8080", "", true},
		{"192.0.2.1:1", "127.0.0.1:8080", "", false}, {"[2001:db8::1]:1", "localhost", "", false}, {"127.0.0.1:1", "evil.example", "", false},
		{"127.0.0.1:1", "localhost.evil.example", "", false}, {"127.0.0.1:1", "127.0.0.1:8080", "Forwarded", false},
		{"127.0.0.1:1", "127.0.0.1:8080", "X-Forwarded-For", false}, {"127.0.0.1:1", "127.0.0.1:8080", "X-Forwarded-Proto", false},
		{"127.0.0.1:1", "127.0.0.1:8080", "X-Real-Ip", false},
	} {
		for token, works := range map[string]bool{development: c.local, w.agent.token: true} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.host+"/graphql", strings.NewReader(`{"query":"{ asOf }"}`))
			r.RemoteAddr = c.peer
			r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
			if c.header != "" {
				r.Header.Set(c.header, "for=127.0.0.1")
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, r)
			if (answer.Code == http.StatusOK) != works || !works && answer.Code != http.StatusUnauthorized {
				t.Errorf("%+v: the answer is %d %s", c, answer.Code, answer.Body)
			}
		}
	}
}
