package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// logout sends a logout token to an authenticator's endpoint and returns the answer.
func logout(a *Authenticator, form url.Values) (status int, body string) {
	r := httptest.NewRequest(http.MethodPost, "/backchannel-logout", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.Logout(w, r)
	if w.Header().Get("Cache-Control") != "no-store" {
		panic("the answer may be stored")
	}
	return w.Code, w.Body.String()
}

// logoutClaims are those of a valid logout token for all of Ali's sessions.
func (g *fixture) logoutClaims(p *provider) parts {
	return p.claims(g.Now()).with(parts{"jti": "1", "events": parts{logoutEvent: parts{}}})
}

func logoutToken(claims parts) url.Values {
	return url.Values{"logout_token": {sign(rsaKey, parts{"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}, claims)}}
}

// TestP7Logout: a logout at the issuer ends the tokens that it is about, on every server, within two
// seconds (reviewInterval and a look-up) on live connections too.
func TestP7Logout(t *testing.T) {
	t.Parallel()
	whole := newFixture(t)
	session := func(sid string) parts { return parts{"sid": sid} }
	for name, c := range map[string]struct {
		token  parts // of Ali's token; its iat is in seconds from now
		logout parts
		ends   bool
	}{
		"all of the person's":                        {nil, nil, true},
		"the session":                                {session("s"), session("s").with(parts{"sub": nil}), true},
		"the session and the person":                 {session("s"), session("s"), true},
		"the person, of a session":                   {session("s"), nil, true},
		"a session, of a token without":              {nil, session("s"), true},
		"another session":                            {session("s"), session("other"), false},
		"another session alone":                      {session("s"), session("other").with(parts{"sub": nil}), false},
		"another person":                             {nil, parts{"sub": "ola"}, false},
		"the session of another person":              {session("s"), session("s").with(parts{"sub": "ola"}), false},
		"a token issued afterwards":                  {parts{"iat": 10}, nil, false},
		"a session of which a token came afterwards": {session("s").with(parts{"iat": 10}), session("s"), true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			g := whole.apart(t).trusting(p)
			g.freeze()
			if later, ok := c.token["iat"].(int); ok {
				c.token = c.token.with(parts{"iat": g.Now().Unix() + int64(later)})
			}
			token, reasons := g.token(p, c.token), make(chan string, 10)
			defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why.Message })()
			stop := g.running()
			defer stop()
			elsewhere := New(g.db, slog.New(slog.DiscardHandler))
			issuers, err := NewIssuers([]IssuerOptions{{URL: p.URL, Audience: audience}})
			fine(t, err)
			fine(t, elsewhere.Trust(t.Context(), issuers, g.service))
			if _, _, err := elsewhere.Recall(t.Context(), local(token)); err != nil {
				t.Fatal(err)
			}
			if status, body := logout(elsewhere, logoutToken(g.logoutClaims(p).with(c.logout))); status != http.StatusOK {
				t.Fatalf("the logout is answered %d %s", status, body)
			}
			_, fresh, err := elsewhere.Recall(t.Context(), local(token))
			if !fresh || (err != nil) != c.ends {
				t.Errorf("a query at the server that was told: looked up: %t, %v", fresh, err)
			}
			if !c.ends {
				g.authenticated(token)
				fine(t, g.review(t.Context()))
				if len(reasons) > 0 {
					t.Errorf("ended with %q", <-reasons)
				}
				return
			}
			select {
			case why := <-reasons:
				if !strings.Contains(why, "signed out") {
					t.Errorf("ended with %q", why)
				}
			case <-time.After(timeout):
				t.Error("the connection goes on")
			}
			g.refused(token, "signed out")
		})
	}
}

// TestRefusedLogouts: what is not a logout token of an issuer ends nothing.
func TestRefusedLogouts(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	token := g.good(p)
	g.authenticated(token)
	good := g.logoutClaims(p)
	for name, c := range map[string]struct {
		form    url.Values
		because string
	}{
		"nothing":               {url.Values{}, "logout_token"},
		"two":                   {url.Values{"logout_token": {"a.b.c", "a.b.c"}}, "logout_token"},
		"no token":              {url.Values{"logout_token": {"a.b.c"}}, "malformed"},
		"too long":              {logoutToken(good.with(parts{"x": strings.Repeat("x", 8<<10)})), "too long"},
		"far too long":          {logoutToken(good.with(parts{"x": strings.Repeat("x", 1<<20)})), "logout_token"},
		"an access token":       {url.Values{"logout_token": {token}}, "events"},
		"no events":             {logoutToken(good.with(parts{"events": nil})), "events"},
		"other events":          {logoutToken(good.with(parts{"events": parts{"other": parts{}}})), "events"},
		"a nonce":               {logoutToken(good.with(parts{"nonce": "n"})), "nonce"},
		"no jti":                {logoutToken(good.with(parts{"jti": nil})), "jti"},
		"no iat":                {logoutToken(good.with(parts{"iat": nil})), "iat"},
		"no exp":                {logoutToken(good.with(parts{"exp": nil})), "exp"},
		"expired":               {logoutToken(good.with(parts{"exp": g.Now().Add(-time.Minute).Unix()})), "expired"},
		"neither sub nor sid":   {logoutToken(good.with(parts{"sub": nil})), "sub"},
		"another audience":      {logoutToken(good.with(parts{"aud": "other"})), "aud"},
		"another issuer":        {logoutToken(good.with(parts{"iss": "https://evil.example"})), "issuer"},
		"another's signature":   {url.Values{"logout_token": {sign(otherRSAKey, parts{"alg": "RS256", "kid": "rsa"}, good)}}, "signed"},
		"an access token's typ": {url.Values{"logout_token": {sign(rsaKey, parts{"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, good)}}, "type"},
	} {
		status, body := logout(g.Authenticator, c.form)
		if status != http.StatusBadRequest || !strings.Contains(body, c.because) || !strings.Contains(body, `"error":"invalid_request"`) {
			t.Errorf("%s is answered %d %s", name, status, body)
		}
	}
	g.authenticated(token)
}

// TestLogoutClient: logout tokens may have another audience than the tokens that sign people in.
func TestLogoutClient(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p, func(_ *fixture, o *IssuerOptions) { o.Client = "frontend" })
	token := g.good(p)
	if status, _ := logout(g.Authenticator, logoutToken(g.logoutClaims(p))); status != http.StatusBadRequest {
		t.Errorf("the audience of sign-ins is answered %d", status)
	}
	if status, body := logout(g.Authenticator, logoutToken(g.logoutClaims(p).with(parts{"aud": "frontend"}))); status != http.StatusOK {
		t.Errorf("the client is answered %d %s", status, body)
	}
	g.refused(token, "signed out")
}

// TestForgetSignOuts: a sign-out is kept for 90 days.
func TestForgetSignOuts(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	long := g.token(p, parts{"exp": g.Now().Add(365 * 24 * time.Hour).Unix()})
	fine(t, g.db.SignOut(t.Context(), db.SignIn{Issuer: p.URL, Subject: "ali", At: g.Now().Add(time.Second)}))
	for _, c := range []struct {
		after time.Duration
		kept  bool
	}{{signOutsKept - time.Minute, true}, {signOutsKept + time.Minute, false}} {
		g.clockAhead.Store(int64(c.after))
		g.forgetSignOuts(context.Background())
		g.refreshKeys(t.Context())
		if code := g.code(long); (code == service.Unauthenticated) != c.kept {
			t.Errorf("after %v the code is %q", c.after, code)
		}
	}
}
