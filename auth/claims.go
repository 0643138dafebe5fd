package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"switchboard/db"
	"switchboard/service"
)

const (
	signedLimit = 8 << 10          // bytes of a signed token
	leeway      = 30 * time.Second // by which the issuer's clock may differ
	nameLimit   = 255              // bytes of a sub or sid: OpenID Connect Core 1.0, section 2
)

// Claims are what a signed token says.
type claims struct {
	issuer     *issuer
	thumbprint string // of the key that signed it
	signIn     db.SignIn
	email      string    // only if the issuer has verified it
	expires    time.Time // exp
	isLogout   bool      // the token reports a logout, and signs nobody in
	hasNonce   bool
	hasID      bool // it has a jti
}

// isSigned reports whether a credential has the form of a signed token (RFC 7515, section 7.1)
// rather than that of an API token.
func isSigned(token string) bool { return strings.Count(token, ".") == 2 }

// part decodes a part of a token, before its signature is known to be right.
func part(text string, into any) bool {
	b, err := encoding.DecodeString(text)
	return err == nil && json.Unmarshal(b, into) == nil
}

// isStrange reports whether a character cannot occur in a signed token.
func isStrange(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// A header is what the issuer says about a signature. Keys and their addresses are taken from the
// configuration only, and extensions (crit) are not known here.
type header struct {
	Type     string          `json:"typ"`
	Critical json.RawMessage `json:"crit"`
	JKU      json.RawMessage `json:"jku"`
	X5U      json.RawMessage `json:"x5u"`
	JWK      json.RawMessage `json:"jwk"`
}

// check refuses a header that asks for what is not done here, and a token of another type.
func (h header) check(types []string) error {
	kind := strings.TrimPrefix(strings.ToLower(h.Type), "application/")
	switch {
	case h.Critical != nil || h.JKU != nil || h.X5U != nil || h.JWK != nil:
		return unauthenticated("the token's header has crit, jku, x5u or jwk, which are not accepted")
	case !slices.Contains(types, kind):
		return unauthenticated("the token is of a type that is not accepted here: typ is at+jwt, JWT or left out")
	}
	return nil
}

// readSigned verifies a signed token for the audience that audience returns. The error is
// UNAUTHENTICATED, or UNAVAILABLE if the issuer's keys cannot be read.
func (a *Authenticator) readSigned(ctx context.Context, token string, audience func(IssuerOptions) string, types ...string) (*claims, error) {
	if len(token) > signedLimit {
		return nil, unauthenticated("the token is too long to be one")
	}
	parts := strings.Split(token, ".")
	var head header
	var body struct {
		Issuer string `json:"iss"`
	}
	// The library ignores white space, which would let one token have many forms.
	if len(parts) != 3 || strings.ContainsFunc(token, isStrange) || !part(parts[0], &head) || !part(parts[1], &body) {
		return nil, errForged
	}
	if err := head.check(types); err != nil {
		return nil, err
	}
	i := a.issuers.byURL[body.Issuer]
	if i == nil {
		return nil, unauthenticated("the token is of an issuer that this server does not accept")
	}
	verified, thumbprint, err := i.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(verified.Audience, audience(i.options)) {
		return nil, unauthenticated("the token is meant for another application: its aud does not name this one")
	}
	c := &claims{
		issuer: i, thumbprint: thumbprint, expires: verified.Expiry,
		signIn: db.SignIn{Issuer: i.options.URL, Subject: verified.Subject, At: verified.IssuedAt},
	}
	var more moreClaims
	if verified.Claims(&more) != nil {
		return nil, errForged
	}
	more.add(c)
	return c, c.check(a.Now(), more.NotBefore)
}

// moreClaims are the claims that go-oidc does not read.
type moreClaims struct {
	Session       string                     `json:"sid"`
	ID            string                     `json:"jti"`
	NotBefore     float64                    `json:"nbf"`
	Email         string                     `json:"email"`
	EmailVerified json.RawMessage            `json:"email_verified"`
	Nonce         json.RawMessage            `json:"nonce"`
	Events        map[string]json.RawMessage `json:"events"`
}

// logoutEvent is the member of events in a logout token: OpenID Connect Back-Channel Logout 1.0,
// section 2.4.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func (m moreClaims) add(c *claims) {
	c.signIn.Session = m.Session
	if string(m.EmailVerified) == "true" {
		c.email = m.Email
	}
	_, c.isLogout = m.Events[logoutEvent]
	c.hasNonce, c.hasID = m.Nonce != nil, m.ID != ""
}

// lastYear is the last year whose times the API can write.
const lastYear = 9999

// check refuses a token that is not valid at this moment.
func (c *claims) check(now time.Time, notBefore float64) error {
	switch {
	case c.expires.IsZero() || c.expires.Year() > lastYear:
		return unauthenticated("the token does not say when it expires, which it must (exp)")
	case !now.Before(c.expires.Add(leeway)):
		return errExpired
	case notBefore > float64(now.Add(leeway).Unix()):
		return unauthenticated("the token is not valid yet (nbf)")
	case c.signIn.At.After(now.Add(leeway)):
		return unauthenticated("the token was issued in the future (iat); is this server's clock right?")
	case !isName(c.signIn.Subject) || !isName(c.signIn.Session):
		return unauthenticated(fmt.Sprintf("the token's sub or sid is longer than %d bytes or has control characters", nameLimit))
	}
	return nil
}

var errExpired = unauthenticated("the token has expired; sign in again")

func isName(text string) bool {
	return len(text) <= nameLimit && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

// ends returns when a connection that begins now with the token is closed. A token that is accepted
// only because clocks may differ is accepted for the rest of that time.
func (c *claims) ends(now time.Time) time.Time {
	if now.Before(c.expires) {
		return c.expires
	}
	return c.expires.Add(leeway)
}

// signedToken verifies a token that signs somebody in.
func (a *Authenticator) signedToken(ctx context.Context, token string) (*claims, error) {
	c, err := a.readSigned(ctx, token, func(o IssuerOptions) string { return o.Audience }, "", "jwt", "at+jwt")
	switch {
	case err != nil:
		return nil, err
	case c.isLogout:
		return nil, unauthenticated("the token reports a logout: it signs nobody in")
	case c.signIn.Subject == "":
		return nil, unauthenticated("the token does not say whose it is (sub)")
	}
	return c, nil
}

// stillSigned returns an error if the key that signed the token was withdrawn.
func (c *claims) stillSigned() *service.Error {
	err, _ := c.issuer.keys.has(c.thumbprint).(*service.Error)
	return err
}
