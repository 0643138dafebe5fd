package command_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/db/dbtest"
)

// provider is a running identity provider, npm's oidc-provider, with the browser of one person.
type provider struct {
	t       *testing.T
	issuer  string
	browser *http.Client
	logout  atomic.Pointer[url.URL] // server that is told of logouts
	refresh string                  // token with which the person's application gets new ones
	id      string                  // token that names the session
}

// startProvider starts a provider whose tokens are valid for some seconds, for people of a console at
// an address.
func startProvider(t *testing.T, seconds, console string) *provider {
	t.Helper()
	p := &provider{t: t, browser: &http.Client{
		Jar: must(cookiejar.New(nil)), Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	hook := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(p.logout.Load()) }})
	t.Cleanup(hook.Close)
	ctx, cancel := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, "node", "provider.mjs")
	node.Dir = t.TempDir()
	check(t, copyFiles("testdata/provider", node.Dir, func(string) bool { return true }))
	installPackages(t, "provider", node.Dir)
	node.Env = append(os.Environ(), "TOKEN_SECONDS="+seconds, "LOGOUT_URI="+hook.URL+"/backchannel-logout", "CONSOLE="+console)
	log := &dbtest.Journal{}
	node.Stderr = log
	out := must(node.StdoutPipe())
	check(t, node.Start())
	t.Cleanup(func() {
		cancel()
		_ = node.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the provider did not start: %v\n%s", err, log.String())
	}
	p.issuer = strings.TrimSpace(line)
	return p
}

// browse opens an address or sends a form, follows redirects, and returns the page or the address
// at another host that it led to.
func (p *provider) browse(address string, form url.Values) (page string, end *url.URL) {
	p.t.Helper()
	for {
		method, body := http.MethodGet, io.Reader(nil)
		if form != nil {
			method, body = http.MethodPost, strings.NewReader(form.Encode())
		}
		r, err := http.NewRequestWithContext(p.t.Context(), method, address, body)
		check(p.t, err)
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := p.browser.Do(r)
		check(p.t, err)
		text, err := io.ReadAll(response.Body)
		check(p.t, errors.Join(err, response.Body.Close()))
		if response.StatusCode >= http.StatusBadRequest {
			p.t.Fatalf("%s is answered %s %s", address, response.Status, text)
		}
		to, err := response.Location()
		if err != nil {
			return string(text), response.Request.URL
		}
		if !strings.HasPrefix(to.String(), p.issuer) {
			return "", to
		}
		address, form = to.String(), nil
	}
}

// closeForbidden is the close code of a socket whose credential has ended.
const closeForbidden = 4403

const redirectURI = "https://inbox.example/signed-in"

// signIn signs a person in and returns the access token.
func (p *provider) signIn(name string) string {
	p.t.Helper()
	const verifier = "a verifier that has at least forty-three characters"
	challenge := sha256.Sum256([]byte(strings.ReplaceAll(verifier, " ", "-")))
	_, end := p.browse(p.issuer+"/auth?"+url.Values{
		"client_id": {"frontend"}, "response_type": {"code"}, "redirect_uri": {redirectURI}, "prompt": {"consent"},
		"scope": {"openid email offline_access inbox"}, "resource": {"https://desk.example"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil)
	for _, form := range []url.Values{{"prompt": {"login"}, "login": {name}, "password": {"any"}}, {"prompt": {"consent"}}} {
		_, end = p.browse(end.String(), form)
	}
	if !strings.HasPrefix(end.String(), redirectURI) {
		p.t.Fatalf("signing in led to %s", end)
	}
	return p.tokens(url.Values{
		"grant_type": {"authorization_code"}, "code": {end.Query().Get("code")}, "redirect_uri": {redirectURI},
		"code_verifier": {strings.ReplaceAll(verifier, " ", "-")},
	})
}

// renewed returns a new access token.
func (p *provider) renewed() string {
	p.t.Helper()
	return p.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}})
}

func (p *provider) tokens(form url.Values) string {
	p.t.Helper()
	form.Set("client_id", "frontend")
	page, _ := p.browse(p.issuer+"/token", form)
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	check(p.t, json.Unmarshal([]byte(page), &tokens))
	p.refresh, p.id = tokens.Refresh, tokens.ID
	return tokens.Access
}

// signOut signs the person out.
func (p *provider) signOut() {
	p.t.Helper()
	page, _ := p.browse(p.issuer+"/session/end?"+url.Values{"id_token_hint": {p.id}}.Encode(), nil)
	secret := regexp.MustCompile(`name="xsrf" value="([^"]+)"`).FindStringSubmatch(page)
	if secret == nil {
		p.t.Fatalf("no form in %s", page)
	}
	p.browse(p.issuer+"/session/end/confirm", url.Values{"xsrf": {secret[1]}, "logout": {"yes"}})
}

// TestProvider signs an agent in through a real identity provider. Sockets on two servers are
// renewed every few seconds with tokens that are valid for ten, and get every event; when the agent
// signs out at the provider, both end.
func TestProvider(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "10", "http://127.0.0.1:1/")
	dir := newDir(t)
	var made struct{ Workspace, Token string }
	succeed(t, &made, "workspace", "create", "Acme", "--manager", "mia@acme.example", "--data-dir", dir)
	var agent struct{ Agent string }
	succeed(t, &agent, "agent", "create", "Ali Agent", "--workspace", made.Workspace, "--email", "ali@acme.example", "--data-dir", dir)
	flag := "issuer=" + p.issuer + ",audience=switchboard,client=frontend,workspace=" + made.Workspace
	first := start(t, "--data-dir", dir, "--no-demo", "--oidc", flag)
	second := start(t, "--data-dir", dir, "--no-demo", "--oidc", flag)
	p.logout.Store(must(url.Parse(strings.TrimSuffix(first.GraphQL, "/graphql"))))

	token := p.signIn("ali")
	var viewer struct {
		Viewer struct{ ID, Email, Role string }
	}
	second.as(token).ask(&viewer, `{ viewer { id email role } }`, nil)
	if viewer.Viewer.ID != agent.Agent || viewer.Viewer.Role != "AGENT" {
		t.Fatalf("the caller is %+v, not %s", viewer.Viewer, agent.Agent)
	}
	manager := first.as(made.Token)
	conversation := manager.open("Ada Novak")
	after := manager.asOf()
	sockets := []*socket{first.as(token).watch(assignments, after), second.as(token).watch(assignments, after)}
	old := first.as(token).watch(assignments, after) // is not renewed

	renewals := 4
	if full() {
		renewals = 11 // more than a minute
	}
	var want []string
	for range renewals {
		time.Sleep(6 * time.Second) // a client renews before its token expires
		token = p.renewed()
		for _, s := range sockets {
			check(t, s.send(message{Type: "ping"}, vars{"authorization": "Bearer " + token}))
		}
		want = append(want, manager.assign(conversation, agent.Agent)...)
		manager.unassign(conversation)
		want = append(want, "")
	}
	if code := old.closed(); code != closeForbidden {
		t.Errorf("the socket that was not renewed was closed with %d", code)
	}
	for i, s := range sockets {
		pongs := 0
		for _, id := range want {
			got := s.changeAmongPongs(t, &pongs)
			if id != "" && got.ID != id {
				t.Errorf("socket %d got %s instead of %s", i, got.ID, id)
			}
		}
		if pongs != renewals {
			t.Errorf("socket %d was renewed %d times", i, pongs)
		}
	}

	p.signOut()
	began := time.Now()
	for i, s := range sockets {
		if code := s.closed(); code != closeForbidden {
			t.Errorf("socket %d was closed with %d", i, code)
		}
	}
	t.Logf("both sockets were closed %v after the person had signed out", time.Since(began))
	for _, s := range []*server{first, second} {
		if status := s.as(token).status(); status != http.StatusUnauthorized {
			t.Errorf("after the person has signed out a query is answered %d", status)
		}
	}
}

// changeAmongPongs waits for the next change and counts the renewals that are accepted until then.
func (s *socket) changeAmongPongs(t *testing.T, pongs *int) change {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	for {
		var m message
		check(t, s.ReadJSON(&m))
		switch {
		case m.Type == "pong" && strings.Contains(string(m.Payload), `"expiresAt":"`):
			*pongs++
		case m.Type == "next":
			var item struct {
				Data struct{ Item change }
			}
			check(t, json.Unmarshal(m.Payload, &item))
			return item.Data.Item
		case m.Type != "ping":
			t.Fatalf("received %s %s", m.Type, m.Payload)
		}
	}
}
