package auth

import (
	"reflect"
	"testing"
)

// TestClients: the console learns from the issuer's configuration where people sign in, and is told
// of no address that would be unsafe. An issuer without a client for the console is not among them.
func TestClients(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	read := Client{Authorization: "https://login.example/auth", Token: "https://tokens.example/token", EndSession: "https://login.example/end"}
	for name, c := range map[string]struct {
		change parts // of the configuration
		want   Client
	}{
		"read":                {parts{}, read},
		"no end of a session": {parts{"end_session_endpoint": nil}, Client{Authorization: read.Authorization, Token: read.Token}},
		"script":              {parts{"authorization_endpoint": "javascript:alert(1)"}, Client{}},
		"over http":           {parts{"token_endpoint": "http://tokens.example/token"}, Client{}},
		"another directive":   {parts{"token_endpoint": "https://tokens.example;script-src/token"}, Client{}},
		"no authorization":    {parts{"authorization_endpoint": nil}, Client{}},
	} {
		t.Run(name, func(t *testing.T) {
			p.change(func() {
				p.settings = parts{
					"issuer": p.URL, "jwks_uri": p.URL + "/jwks", "authorization_endpoint": read.Authorization,
					"token_endpoint": read.Token, "end_session_endpoint": read.EndSession,
				}.with(c.change)
			})
			issuers, err := NewIssuers([]IssuerOptions{
				{URL: p.URL, Audience: audience, Console: "inbox", Resource: "https://desk.example"},
				{URL: "https://other.example", Audience: audience},
			})
			fine(t, err)
			a := &Authenticator{issuers: issuers}
			want := Client{Issuer: p.URL, ID: "inbox", Scope: "openid email", Resource: "https://desk.example"}
			if got := a.Clients(); !reflect.DeepEqual(got, []Client{want}) {
				t.Errorf("before the configuration is read the clients are %+v", got)
			}
			fine(t, issuers.byURL[p.URL].keys.refresh(t.Context()))
			want.Authorization, want.Token, want.EndSession = c.want.Authorization, c.want.Token, c.want.EndSession
			if got := a.Clients(); !reflect.DeepEqual(got, []Client{want}) {
				t.Errorf("the clients are %+v instead of %+v", got, want)
			}
		})
	}
}

// TestClientSendsItsToken: the aud of an ID token is its client, so the console sends it if that is
// the audience, and otherwise the access token.
func TestClientSendsItsToken(t *testing.T) {
	t.Parallel()
	for client, want := range map[string]bool{audience: true, "inbox": false} {
		issuers, err := NewIssuers([]IssuerOptions{{URL: "https://login.example", Audience: audience, Console: client, Scope: "openid inbox"}})
		fine(t, err)
		got := (&Authenticator{issuers: issuers}).Clients()
		if len(got) != 1 || got[0].SendsID != want || got[0].Scope != "openid inbox" {
			t.Errorf("for the client %s it is %+v", client, got)
		}
	}
}
