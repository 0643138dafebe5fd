package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// SignIn is how people can sign in to the console, apart from a token that they type in.
type SignIn struct {
	Development bool     `json:"development"`       // the server has printed development tokens
	Issuers     []Issuer `json:"issuers,omitempty"` // in the order in which the page offers them
}

// An Issuer is an identity provider at which the console signs people in as a public client, by
// authorization code with PKCE.
type Issuer struct {
	URL      string `json:"issuer"`
	ClientID string `json:"clientId"`
	Scope    string `json:"scope"`
	Resource string `json:"resource,omitempty"` // resource of the requests (RFC 8707); empty: none is named
	Token    string `json:"token"`              // which token is sent to the API: access_token or id_token

	// Addresses of the provider; empty while its configuration cannot be read.
	Authorization string `json:"authorizationEndpoint,omitempty"`
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`
	EndSession    string `json:"endSessionEndpoint,omitempty"`
}

// serve answers with the sign-in as JSON.
func (s SignIn) serve(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	text, _ := json.Marshal(s) // of texts only, which never fails
	_, _ = w.Write(text)
}

// policy allows the console only its own files, its own server, the pictures of people, which may
// come from other sites, and the requests to the providers at which people sign in.
func (s SignIn) policy() string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src " + strings.Join(s.connections(), " ") +
		"; img-src 'self' https:; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
}

// connections returns the sources to which the console may send requests.
func (s SignIn) connections() []string {
	all := []string{"'self'"}
	for _, i := range s.Issuers {
		for _, address := range []string{i.URL, i.TokenEndpoint} {
			u, err := url.Parse(address)
			if err != nil || u.Host == "" {
				continue
			}
			if origin := u.Scheme + "://" + u.Host; !slices.Contains(all, origin) {
				all = append(all, origin)
			}
		}
	}
	return all
}
