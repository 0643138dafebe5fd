package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"switchboard/service"
)

// passes moves the authenticator's clock and lets it do what it does all the time.
func (g *fixture) passes(d time.Duration) {
	g.clockAhead.Add(int64(d))
	g.refreshKeys(g.t.Context())
}

// code returns the code of the error for a token; empty if it is accepted.
func (g *fixture) code(token string) service.ErrorCode {
	g.t.Helper()
	_, err := g.Authenticate(g.t.Context(), local(token))
	var known *service.Error
	if err != nil && !errors.As(err, &known) {
		g.t.Fatal(err)
	}
	if known == nil {
		return ""
	}
	return known.Code
}

func (g *fixture) want(what, token string, code service.ErrorCode) {
	g.t.Helper()
	if got := g.code(token); got != code {
		g.t.Errorf("%s: the code is %q, not %q", what, got, code)
	}
}

// TestBadSignatures: however many tokens with bad signatures and unknown keys arrive, the issuer is
// asked for its keys at most once in 30 seconds.
func TestBadSignatures(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	g.freeze()
	g.authenticated(g.good(p))
	flood := func() {
		t.Helper()
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := range 250 {
					kid := any(fmt.Sprint("unknown ", worker, " ", i))
					if i%3 == 0 {
						kid = "rsa"
					} else if i%3 == 1 {
						kid = nil
					}
					token := sign([]byte("not the key"), parts{"alg": "RS256"}.with(parts{"kid": kid}), p.claims(g.Now()))
					if g.code(token) != service.Unauthenticated {
						t.Error("a bad signature is accepted")
					}
				}
			})
		}
		all.Wait()
	}
	for want := int64(1); want <= 3; want++ {
		flood()
		if n := p.fetches.Load(); n != want {
			t.Fatalf("after %d floods the keys were fetched %d times", want, n)
		}
		g.clockAhead.Add(int64(keyFetchPause - time.Second))
		flood()
		if n := p.fetches.Load(); n != want {
			t.Fatalf("29 s later the keys were fetched %d times, not %d", n, want)
		}
		g.clockAhead.Add(int64(time.Second))
	}
}

// TestRotatedKey: a new key is found as soon as a token is signed with it.
func TestRotatedKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	g.freeze()
	token := func() string {
		return sign(otherRSAKey, parts{"alg": "RS256", "kid": "new"}, p.claims(g.Now()))
	}
	g.authenticated(g.good(p))
	g.clockAhead.Add(int64(time.Minute))
	g.want("a key that is not there yet", token(), service.Unauthenticated)
	p.change(func() { p.keys = append(p.keys, jose.JSONWebKey{KeyID: "new", Key: otherRSAKey.Public()}) })
	g.want("a new key half a minute too early", token(), service.Unauthenticated)
	g.clockAhead.Add(int64(keyFetchPause))
	g.want("a new key", token(), "")
	g.want("the old key", g.good(p), "")
}

// TestWithdrawnKey: a key that the issuer has withdrawn is refused within five minutes, on live
// connections too.
func TestWithdrawnKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	token := sign(rsaKey, parts{"alg": "RS256", "kid": "rsa"}, p.claims(g.Now().Add(time.Hour)).with(parts{"iat": g.Now().Unix()}))
	reasons := make(chan *service.Error, 10)
	defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why })()
	fine(t, g.review(t.Context()))
	p.change(func() { p.keys = p.keys[1:] })
	for age := time.Duration(0); age < 5*time.Minute-keyInterval; age += keyInterval {
		g.passes(keyInterval)
	}
	g.passes(keyInterval)
	g.want("a withdrawn key", token, service.Unauthenticated)
	fine(t, g.review(t.Context()))
	select {
	case why := <-reasons:
		if why.Code != service.Unauthenticated || !strings.Contains(why.Message, "withdrawn") {
			t.Errorf("ended with %v", why)
		}
	default:
		t.Error("the connection goes on")
	}
}

// TestAllKeysWithdrawn: an issuer without any key has no valid tokens.
func TestAllKeysWithdrawn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	g.authenticated(g.good(p))
	p.change(func() { p.keys = []jose.JSONWebKey{} })
	g.passes(keyRefresh)
	g.want("a withdrawn key", g.good(p), service.Unauthenticated)
}

// TestIssuerAway: the server starts without the issuer, uses its keys for at most an hour after it
// has gone, and then answers UNAVAILABLE until it is back.
func TestIssuerAway(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	away := func() {
		p.change(func() {
			p.handler = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "away", http.StatusBadGateway) }
		})
	}
	back := func() { p.change(func() { p.handler = nil }) }
	away()
	g := trusting(t, p)
	g.freeze()
	g.passes(0)
	g.want("before the keys were ever read", g.good(p), service.Unavailable)
	g.want("an API token", first(g.issue("AGENT", 0)), "")
	back()
	g.passes(keyFetchPause)
	token := g.good(p)
	g.want("once the issuer is there", token, "")
	away()
	for range 14 {
		g.passes(keyRefresh)
		g.want("while the keys are less than an hour old", g.good(p), "")
	}
	reasons := make(chan *service.Error, 10)
	defer g.Watch(local(g.good(p)), g.authenticated(g.good(p)), func(why *service.Error) { reasons <- why })()
	g.passes(keyRefresh + time.Second)
	g.want("when they are older", g.good(p), service.Unavailable)
	fine(t, g.review(t.Context()))
	if why := <-reasons; why.Code != service.Unavailable {
		t.Errorf("the connection ended with %v", why)
	}
	back()
	g.passes(keyFetchPause)
	g.want("when the issuer is back", g.good(p), "")
}

func first[A, B any](a A, _ B) A { return a }

// TestBadProviders: what an issuer answers is read only within limits, and only from where it may be
// read.
func TestBadProviders(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "rsa", Key: rsaKey.Public()}}})
	}))
	t.Cleanup(elsewhere.Close)
	p := newProvider(t)
	for name, c := range map[string]struct {
		change func()
		says   string // empty: the keys are read
	}{
		"good":                     {func() {}, ""},
		"keys at another host":     {func() { p.settings["jwks_uri"] = elsewhere.URL }, ""},
		"another issuer":           {func() { p.settings["issuer"] = "https://evil.example" }, "names another issuer"},
		"keys over http":           {func() { p.settings["jwks_uri"] = "http://keys.example/jwks" }, "https://"},
		"keys in a file":           {func() { p.settings["jwks_uri"] = "file:///etc/passwd" }, "file:///etc/passwd"},
		"no address of keys":       {func() { delete(p.settings, "jwks_uri") }, "jwks_uri"},
		"more than 1 MiB":          {func() { p.settings["x"] = strings.Repeat("x", 1<<20) }, "more than 1024 KiB"},
		"more than 100 keys":       {func() { p.keys = make([]jose.JSONWebKey, 101); fill(p.keys) }, "101 keys"},
		"an answer without keys":   {func() { p.settings["jwks_uri"] = p.URL + "/configuration" }, "without keys"},
		"a redirect to itself":     {func() { p.handler = redirect(p, "/.well-known/openid-configuration?") }, "redirects too often"},
		"a redirect to another":    {func() { p.handler = redirect(p, elsewhere.URL) }, "another host"},
		"no JSON":                  {func() { p.handler = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") } }, "something other"},
		"an error":                 {func() { p.handler = http.NotFound }, "404"},
		"a page instead of a list": {func() { p.settings["jwks_uri"] = 1 }, "something other"},
	} {
		p.change(func() {
			p.handler, p.keys = nil, []jose.JSONWebKey{{KeyID: "rsa", Key: rsaKey.Public()}}
			p.settings = map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks"}
			c.change()
		})
		keys, err := (&issuer{options: IssuerOptions{URL: p.URL}}).discover(t.Context())
		if c.says == "" && (err != nil || len(keys) != 1) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

func fill(keys []jose.JSONWebKey) {
	for i := range keys {
		keys[i] = jose.JSONWebKey{KeyID: fmt.Sprint(i), Key: ecKey.Public()}
	}
}

func redirect(_ *provider, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// TestFetchGoesOn: a fetch that several callers wait for does not end when the first of them leaves.
func TestFetchGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan bool)
		s := &keySet{now: time.Now, fetch: func(ctx context.Context) ([]*key, error) {
			<-proceed
			return []*key{{id: "a"}}, ctx.Err()
		}}
		ctx, leave := context.WithCancel(t.Context())
		left, stayed := make(chan bool, 1), make(chan bool, 1)
		go func() { left <- s.refetch(ctx) }()
		synctest.Wait()
		go func() { stayed <- s.refetch(t.Context()) }()
		synctest.Wait()
		leave()
		if <-left {
			t.Error("the caller who left was told of keys")
		}
		close(proceed)
		if !<-stayed {
			t.Error("the caller who stayed was told of none")
		}
		if keys, err := s.current(); len(keys) != 1 || err != nil {
			t.Errorf("%d keys, %v", len(keys), err)
		}
	})
}

// TestUnsafeIssuers: an issuer that would be unsafe is refused in words.
func TestUnsafeIssuers(t *testing.T) {
	t.Parallel()
	good := IssuerOptions{URL: "https://login.example", Audience: audience}
	private := []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	for _, c := range []struct {
		change func(o *IssuerOptions)
		says   string // empty: it is accepted
	}{
		{func(*IssuerOptions) {}, ""},
		{func(o *IssuerOptions) { o.URL = "http://127.0.0.1:3000" }, ""},
		{func(o *IssuerOptions) { o.URL = "http://localhost" }, ""},
		{func(o *IssuerOptions) { o.URL, o.Secret = "backend", []byte(testSecret) }, ""},
		{func(o *IssuerOptions) { o.URL, o.PEM = "backend", publicPEM(rsaKey.Public()) }, ""},
		{func(o *IssuerOptions) { o.URL, o.JWKS = "backend", "https://keys.example/" }, ""},
		{func(o *IssuerOptions) { o.URL = "" }, "issuer is missing"},
		{func(o *IssuerOptions) { o.Audience = "" }, "audience is missing"},
		{func(o *IssuerOptions) { o.URL = "http://login.example" }, "must begin with https://"},
		{func(o *IssuerOptions) { o.URL = "http://localhost.evil.example" }, "must begin with https://"},
		{func(o *IssuerOptions) { o.URL = "login.example" }, "is not an address"},
		{func(o *IssuerOptions) { o.URL = "https://user:password@login.example" }, "is not an address"},
		{func(o *IssuerOptions) { o.JWKS = "http://keys.example" }, "must begin with https://"},
		{func(o *IssuerOptions) { o.Secret = []byte(testSecret)[:31] }, "has 31 bytes"},
		{func(o *IssuerOptions) { o.Secret = []byte{} }, "has 0 bytes"},
		{func(o *IssuerOptions) { o.Secret, o.JWKS = []byte(testSecret), "https://keys.example" }, "several places"},
		{func(o *IssuerOptions) { o.PEM = private }, "PRIVATE KEY"},
		{func(o *IssuerOptions) { o.PEM = []byte("nothing") }, "no key"},
		{func(o *IssuerOptions) { o.PEM = publicPEM(shortRSAKey.Public()) }, "2048 bits"},
	} {
		o := good
		c.change(&o)
		_, err := NewIssuers([]IssuerOptions{o})
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v is refused because %v, not %q", o, err, c.says)
		}
	}
	if _, err := NewIssuers([]IssuerOptions{good, {URL: good.URL, Audience: audience, Secret: []byte(testSecret)}}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("one issuer with keys and a secret: %v", err)
	}
	g := newFixture(t)
	issuers, err := NewIssuers([]IssuerOptions{{URL: good.URL, Audience: audience, Workspaces: []string{"ws_00000000000000000000000000"}}})
	fine(t, err)
	if err := g.Trust(t.Context(), issuers, g.service); !errors.Is(err, ErrNoWorkspace) {
		t.Errorf("an unknown workspace: %v", err)
	}
}
