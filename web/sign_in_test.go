package web_test

import (
	"strings"
	"testing"

	"switchboard/web"
)

// TestConsoleSignsInAtProviders: anyone may read where people sign in. The page may send requests to
// the providers that are set, and to no other site.
func TestConsoleSignsInAtProviders(t *testing.T) {
	t.Parallel()
	provider := web.Issuer{URL: "https://login.example/acme", ClientID: "inbox", Scope: "openid email", Token: "id_token"}
	read := provider
	read.Authorization, read.TokenEndpoint = "https://login.example/auth", "https://tokens.example:8443/token"
	for _, c := range []struct {
		signIn        web.SignIn
		text, connect string
	}{
		{web.SignIn{}, `{"development":false}`, "connect-src 'self';"},
		{web.SignIn{Development: true}, `{"development":true}`, "connect-src 'self';"},
		{
			web.SignIn{Issuers: []web.Issuer{provider}},
			`{"development":false,"issuers":[{"issuer":"https://login.example/acme","clientId":"inbox","scope":"openid email","token":"id_token"}]}`,
			"connect-src 'self' https://login.example;",
		},
		{
			web.SignIn{Issuers: []web.Issuer{read}},
			`{"development":false,"issuers":[{"issuer":"https://login.example/acme","clientId":"inbox","scope":"openid email","token":"id_token",` +
				`"authorizationEndpoint":"https://login.example/auth","tokenEndpoint":"https://tokens.example:8443/token"}]}`,
			"connect-src 'self' https://login.example https://tokens.example:8443;",
		},
	} {
		console := consoleOf(t, web.Console{SignIn: func() web.SignIn { return c.signIn }})
		response := get(console, "GET", "/console/sign-in.json")
		if got := body(t, response); got != c.text || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%+v is %s, not %s", c.signIn, got, c.text)
		}
		for _, target := range []string{"/", "/inbox/mine", "/console/sign-in.json"} {
			if policy := get(console, "GET", target).Header.Get("Content-Security-Policy"); !strings.Contains(policy, c.connect) {
				t.Errorf("%s with %+v has the policy %s", target, c.signIn, policy)
			}
		}
	}
}
