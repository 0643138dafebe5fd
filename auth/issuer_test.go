package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"switchboard/db"
	"switchboard/service"
)

// keys of the tests, which take long to make.
var (
	rsaKey, otherRSAKey, shortRSAKey = newRSA(2048), newRSA(2048), newRSA(1024)
	ecKey                            = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, edKey, _                      = ed25519.GenerateKey(rand.Reader)
)

func newRSA(bits int) *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, bits)) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A provider is an identity provider.
type provider struct {
	*httptest.Server
	t       *testing.T
	fetches atomic.Int64 // of its keys

	mu       sync.Mutex
	handler  http.HandlerFunc // instead of its documents
	keys     []jose.JSONWebKey
	settings map[string]any // of its configuration
}

const (
	audience   = "switchboard"
	testSecret = "a secret of 32 bytes, or of more"
)

func newProvider(t *testing.T) *provider {
	p := &provider{t: t}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.keys = []jose.JSONWebKey{
		{KeyID: "rsa", Key: rsaKey.Public(), Use: "sig"}, {KeyID: "ec", Key: ecKey.Public(), Algorithm: "ES256"},
		{KeyID: "ed", Key: edKey.Public()}, {KeyID: "short", Key: shortRSAKey.Public()},
		{KeyID: "rs512", Key: rsaKey.Public(), Algorithm: "RS512"}, {KeyID: "encrypts", Key: otherRSAKey.Public(), Use: "enc"},
	}
	p.settings = map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks"}
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path == "/.well-known/openid-configuration" {
		p.fetches.Add(1)
	}
	switch {
	case p.handler != nil:
		p.handler(w, r)
	case r.URL.Path == "/jwks":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
	default:
		_ = json.NewEncoder(w).Encode(p.settings)
	}
}

// change changes what the provider answers.
func (p *provider) change(by func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	by()
}

// parts are claims or the header of a token; nil removes one.
type parts map[string]any

func (p parts) with(change parts) parts {
	all := maps.Clone(p)
	for name, value := range change {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// claims are those of a valid token of Ali's.
func (p *provider) claims(now time.Time) parts {
	return parts{"iss": p.URL, "aud": audience, "sub": "ali", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
}

// sign returns a token with exactly this header and these claims, whatever they mean.
func sign(key any, header, claims parts) string {
	text := encoding.EncodeToString(must(json.Marshal(header))) + "." + encoding.EncodeToString(must(json.Marshal(claims)))
	return text + "." + encoding.EncodeToString(rawSignature(key, text))
}

// trusting returns a fixture whose authenticator accepts the provider's tokens, in which Ali's
// sign-in is linked.
func trusting(t *testing.T, p *provider, change ...func(g *fixture, o *IssuerOptions)) *fixture {
	t.Helper()
	return newFixture(t).trusting(p, change...)
}

// trusting makes the fixture's authenticator accept the provider's tokens, and links Ali's sign-in.
func (g *fixture) trusting(p *provider, change ...func(g *fixture, o *IssuerOptions)) *fixture {
	g.t.Helper()
	o := IssuerOptions{URL: p.URL, Audience: audience}
	for _, c := range change {
		c(g, &o)
	}
	g.trust(o)
	g.link(g.agent, p.URL, "ali")
	return g
}

func (g *fixture) trust(all ...IssuerOptions) {
	g.t.Helper()
	issuers, err := NewIssuers(all)
	fine(g.t, err)
	fine(g.t, g.Trust(g.t.Context(), issuers, g.service))
}

func (g *fixture) link(agent db.AgentID, issuer, subject string) {
	g.t.Helper()
	_, err := g.service.UpdateAgent(g.t.Context(), g.manager, service.UpdateAgentInput{
		AgentID: agent, Identity: &service.AgentIdentityInput{Issuer: issuer, Subject: subject},
	})
	fine(g.t, err)
}

// hire adds an agent to a workspace of the fixture and returns its id.
func (g *fixture) hire(name string) db.AgentID {
	g.t.Helper()
	o, err := g.service.CreateAgent(g.t.Context(), g.manager, service.CreateAgentInput{Name: name, Email: name + "@acme.example", Role: db.RoleAgent})
	fine(g.t, err)
	return o.Agent.ID
}

// good returns a valid token of Ali's.
func (g *fixture) good(p *provider) string {
	return sign(rsaKey, parts{"alg": "RS256", "kid": "rsa"}, p.claims(g.Now()))
}

func publicPEM(key crypto.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key))})
}
