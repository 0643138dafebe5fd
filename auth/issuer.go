package auth

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"switchboard/db"
	"switchboard/service"
)

// IssuerOptions describe an issuer whose tokens are accepted. Its keys are at JWKS, in PEM, or
// Secret; without any of these they are found through the issuer's configuration (OpenID Connect
// Discovery).
type IssuerOptions struct {
	URL        string   // the iss of its tokens
	Audience   string   // which the aud of a token must contain
	Client     string   // which the aud of a logout token must contain; empty: Audience
	Workspaces []string // typed ids of those in which it may sign people in for the first time, and only in them; empty: all in which it was linked
	JWKS       string   // address of its keys
	PEM        []byte   // its public keys or certificates
	Secret     []byte   // shared with the issuer, which then signs with HS256 only

	Console  string // id of the client as which the console signs people in; empty: it does not
	Scope    string // which the console asks for; empty: consoleScope
	Resource string // whose tokens the console asks for (RFC 8707); empty: none is named
}

// secretLength is the least size of a shared secret in bytes: RFC 7518, section 3.2.
const secretLength = 32

// An issuer signs the tokens of people who sign in.
type issuer struct {
	options    IssuerOptions
	algorithms []string
	keys       *keySet
	workspaces []*db.Workspace // those of the options
	endpoints  atomic.Pointer[endpoints]
}

// Issuers are the issuers whose tokens an Authenticator accepts.
type Issuers struct{ byURL map[string]*issuer }

// NewIssuers returns these issuers, or an error that says why they would be unsafe. It reads
// nothing from them.
func NewIssuers(all []IssuerOptions) (*Issuers, error) {
	list := &Issuers{map[string]*issuer{}}
	for _, o := range all {
		one, err := newIssuer(o)
		if err == nil && list.byURL[o.URL] != nil {
			err = errors.New("it is named twice: name it once, with all its workspaces and either public keys or a secret")
		}
		if err != nil {
			return nil, fmt.Errorf("the issuer %q: %w", o.URL, err)
		}
		list.byURL[o.URL] = one
	}
	return list, nil
}

func newIssuer(o IssuerOptions) (*issuer, error) {
	sources := 0
	for _, given := range []bool{o.JWKS != "", o.PEM != nil, o.Secret != nil} {
		if given {
			sources++
		}
	}
	switch {
	case o.URL == "":
		return nil, errors.New("issuer is missing: it is the iss of the tokens")
	case o.Audience == "":
		return nil, errors.New("audience is missing: without it, tokens for other applications would be accepted")
	case sources > 1:
		return nil, errors.New("it has keys in several places: give one of jwks, pem and a secret")
	case sources > 0 && o.Console != "":
		return nil, errors.New("console needs the addresses that the issuer's configuration names: leave out jwks, pem and a secret")
	case o.Console == "" && (o.Scope != "" || o.Resource != ""):
		return nil, errors.New("scope and resource are what the console asks for: name its client with console")
	}
	one := &issuer{options: o, algorithms: asymmetric, keys: &keySet{now: time.Now}}
	switch {
	case o.Secret != nil:
		return one, one.share(o.Secret)
	case o.PEM != nil:
		return one, one.readPEM(o.PEM)
	case o.JWKS != "":
		one.keys.fetch = func(ctx context.Context) ([]*key, error) { return readKeys(ctx, o.JWKS) }
		return one, checkAddress(o.JWKS)
	}
	one.keys.fetch = one.discover
	return one, checkAddress(o.URL)
}

// share makes a secret the only key. Public keys of the same issuer are never accepted, so that
// nobody can sign with a public key as if it were the secret.
func (i *issuer) share(secret []byte) error {
	if len(secret) < secretLength {
		return fmt.Errorf("the secret has %d bytes: it needs %d random ones, such as those of `openssl rand -hex 32`", len(secret), secretLength)
	}
	sum := digestOf(string(secret))
	i.algorithms = []string{"HS256"}
	i.keys.keys = []*key{{algorithm: "HS256", public: secret, thumbprint: hex.EncodeToString(sum[:])}}
	return nil
}

// readPEM reads public keys and certificates.
func (i *issuer) readPEM(text []byte) error {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		var public any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			public, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			public, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var certificate *x509.Certificate
			if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
				public = certificate.PublicKey
			}
		default:
			return fmt.Errorf("the PEM has a %s: it must hold public keys or certificates only", block.Type)
		}
		if err != nil {
			return fmt.Errorf("the PEM has a %s that cannot be read: %w", block.Type, err)
		}
		one := newKey(jose.JSONWebKey{Key: public})
		if one == nil {
			return fmt.Errorf("the PEM has a key that is not used for signatures, or an RSA key of less than %d bits", rsaBits)
		}
		i.keys.keys = append(i.keys.keys, one)
	}
	if len(i.keys.keys) == 0 {
		return errors.New("the PEM has no key")
	}
	return nil
}

// A signature is the keys of an issuer while one token is verified. The verifier of go-oidc returns
// their errors as text only.
type signature struct {
	keys       *keySet
	thumbprint string
	err        error
}

// VerifySignature is called by go-oidc's verifier.
func (s *signature) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	algorithms := make([]jose.SignatureAlgorithm, 0, len(asymmetric)+1)
	for _, name := range append(slices.Clip(asymmetric), "HS256") { // the verifier has refused those of other issuers
		algorithms = append(algorithms, jose.SignatureAlgorithm(name))
	}
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	payload, s.thumbprint, s.err = s.keys.verify(ctx, parsed)
	return payload, s.err
}

// verify returns a token of the issuer whose signature is right, and the thumbprint of its key.
func (i *issuer) verify(ctx context.Context, token string) (*oidc.IDToken, string, error) {
	s := &signature{keys: i.keys}
	verifier := oidc.NewVerifier(i.options.URL, s, &oidc.Config{
		SupportedSigningAlgs: i.algorithms, SkipClientIDCheck: true, SkipExpiryCheck: true, // claims.go checks both
	})
	verified, err := verifier.Verify(ctx, token)
	var known *service.Error
	switch {
	case errors.As(s.err, &known):
		return nil, "", known
	case err != nil:
		return nil, "", errForged
	}
	return verified, s.thumbprint, nil
}

var errForged = unauthenticated("the token is malformed, or its issuer has not signed it so; sign in again")
