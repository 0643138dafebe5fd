package auth

import (
	"cmp"
	"slices"
	"strings"
)

// consoleScope is what the console asks for by default: who signs in, and the e-mail address that
// links a first sign-in.
const consoleScope = "openid email"

// Endpoints are the addresses of an issuer that a browser uses (OpenID Connect Discovery 1.0,
// section 3).
type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	EndSession    string `json:"end_session_endpoint"`
}

// A Client is how the console signs people in at an issuer: as a public client, by authorization
// code with PKCE.
type Client struct {
	Issuer, ID, Scope, Resource string
	SendsID                     bool // the ID token is sent to the API; otherwise the access token is

	// Addresses of the issuer. They are empty until its configuration has been read, and if they
	// would be unsafe.
	Authorization, Token, EndSession string
}

// Clients returns how the console signs people in, in the order of the issuers' URLs.
func (a *Authenticator) Clients() (all []Client) {
	for _, i := range a.issuers.byURL {
		if i.options.Console != "" {
			all = append(all, i.client())
		}
	}
	slices.SortFunc(all, func(a, b Client) int { return strings.Compare(a.Issuer, b.Issuer) })
	return all
}

func (i *issuer) client() Client {
	o := i.options
	c := Client{
		Issuer: o.URL, ID: o.Console, Scope: cmp.Or(o.Scope, consoleScope), Resource: o.Resource,
		SendsID: o.Audience == o.Console, // the aud of an ID token is its client
	}
	if at := i.endpoints.Load(); at != nil && checkAddress(at.Authorization) == nil && checkAddress(at.Token) == nil {
		c.Authorization, c.Token = at.Authorization, at.Token
		if checkAddress(at.EndSession) == nil {
			c.EndSession = at.EndSession
		}
	}
	return c
}
