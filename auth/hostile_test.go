package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"switchboard/service"
)

// rawSignature signs a text with the usual algorithm of the key; nil is no signature.
func rawSignature(key any, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(text))
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	return nil
}

// TestHostileTokens: of all tokens that look like an issuer's, only those that it has signed for
// this server and this time are accepted.
func TestHostileTokens(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	g.freeze()
	now := g.Now()
	g.trust(IssuerOptions{URL: p.URL, Audience: audience}, IssuerOptions{URL: "shared", Audience: audience, Secret: []byte(testSecret)})
	g.link(g.hire("sam"), "shared", "ali")
	good, at := p.claims(now), func(d time.Duration) int64 { return now.Add(d).Unix() }
	rs := parts{"alg": "RS256", "kid": "rsa"}
	publicKey := must(x509.MarshalPKIXPublicKey(rsaKey.Public()))
	shared := good.with(parts{"iss": "shared"})
	for _, c := range []struct {
		name    string
		key     any
		header  parts
		claims  parts
		because string // empty: it is accepted
	}{
		{"a good one", rsaKey, rs, good, ""},
		{"typ JWT", rsaKey, rs.with(parts{"typ": "JWT"}), good, ""},
		{"typ at+jwt", rsaKey, rs.with(parts{"typ": "application/AT+JWT"}), good, ""},
		{"no kid", rsaKey, rs.with(parts{"kid": nil}), good, ""},
		{"of an elliptic curve", ecKey, parts{"alg": "ES256", "kid": "ec"}, good, ""},
		{"Ed25519", edKey, parts{"alg": "EdDSA", "kid": "ed"}, good, ""},
		{"audience in a list", rsaKey, rs, good.with(parts{"aud": []string{"other", audience}}), ""},
		{"expired within the leeway", rsaKey, rs, good.with(parts{"exp": at(-29 * time.Second)}), ""},
		{"soon valid within the leeway", rsaKey, rs, good.with(parts{"nbf": at(29 * time.Second), "iat": at(29 * time.Second)}), ""},
		{"HS256 with the secret", []byte(testSecret), parts{"alg": "HS256"}, shared, ""},

		{"alg none", nil, rs.with(parts{"alg": "none"}), good, "signed"},
		{"alg None", nil, rs.with(parts{"alg": "None"}), good, "signed"},
		{"alg nOnE", nil, rs.with(parts{"alg": "nOnE"}), good, "signed"},
		{"alg empty", nil, rs.with(parts{"alg": ""}), good, "signed"},
		{"no alg", nil, rs.with(parts{"alg": nil}), good, "signed"},
		{"no signature", nil, rs, good, "signed"},
		{"another key", otherRSAKey, rs, good, "signed"},
		{"the key of another kid", rsaKey, rs.with(parts{"kid": "ec"}), good, "signed"},
		{"an RSA key that is too short", shortRSAKey, rs.with(parts{"kid": "short"}), good, "signed"},
		{"a key that is for RS512 only", rsaKey, rs.with(parts{"kid": "rs512"}), good, "signed"},
		{"a key that is for encryption", otherRSAKey, rs.with(parts{"kid": "encrypts"}), good, "signed"},
		{"HS256 with the RSA public key", publicKey, rs.with(parts{"alg": "HS256"}), good, "signed"},
		{"HS256 with its PEM", publicPEM(rsaKey.Public()), rs.with(parts{"alg": "HS256"}), good, "signed"},
		{"HS256 with the secret of another issuer", []byte(testSecret), rs.with(parts{"alg": "HS256"}), good, "signed"},
		{"RS256 of the HS256 issuer", rsaKey, rs, shared, "signed"},
		{"RS256 that says ES256", rsaKey, rs.with(parts{"alg": "ES256"}), good, "signed"},

		{"no aud", rsaKey, rs, good.with(parts{"aud": nil}), "aud"},
		{"another aud", rsaKey, rs, good.with(parts{"aud": "other"}), "aud"},
		{"an empty list of aud", rsaKey, rs, good.with(parts{"aud": []string{}}), "aud"},
		{"aud that begins alike", rsaKey, rs, good.with(parts{"aud": audience + "2"}), "aud"},
		{"no iss", rsaKey, rs, good.with(parts{"iss": nil}), "issuer"},
		{"another iss", rsaKey, rs, good.with(parts{"iss": "https://evil.example"}), "issuer"},
		{"iss with a slash more", rsaKey, rs, good.with(parts{"iss": p.URL + "/"}), "issuer"},
		{"no exp", rsaKey, rs, good.with(parts{"exp": nil}), "when it expires"},
		{"exp null", rsaKey, rs, good.with(parts{"exp": "null"}), "signed"},
		{"exp in the far future", rsaKey, rs, good.with(parts{"exp": 1e15}), "when it expires"},
		{"expired", rsaKey, rs, good.with(parts{"exp": at(-31 * time.Second)}), "expired"},
		{"exp 0", rsaKey, rs, good.with(parts{"exp": 0}), "expired"},
		{"nbf in the future", rsaKey, rs, good.with(parts{"nbf": at(40 * time.Second)}), "nbf"},
		{"iat in the future", rsaKey, rs, good.with(parts{"iat": at(40 * time.Second)}), "iat"},
		{"no sub", rsaKey, rs, good.with(parts{"sub": nil}), "sub"},
		{"an empty sub", rsaKey, rs, good.with(parts{"sub": ""}), "sub"},
		{"a long sub", rsaKey, rs, good.with(parts{"sub": strings.Repeat("a", 256)}), "sub"},
		{"a sub with NUL", rsaKey, rs, good.with(parts{"sub": "ali\x00"}), "sub"},
		{"the sub of nobody", rsaKey, rs, good.with(parts{"sub": "Ali"}), "no agent"},

		{"a hostile kid", rsaKey, rs.with(parts{"kid": "../../dev/null"}), good, "signed"},
		{"a kid with SQL", rsaKey, rs.with(parts{"kid": "' OR 1=1 --"}), good, "signed"},
		{"a kid that is a number", rsaKey, rs.with(parts{"kid": 1}), good, "signed"},
		{"jku", rsaKey, rs.with(parts{"jku": p.URL + "/jwks"}), good, "jku"},
		{"x5u", rsaKey, rs.with(parts{"x5u": p.URL + "/jwks"}), good, "x5u"},
		{"jwk", otherRSAKey, rs.with(parts{"jwk": map[string]string{"kty": "RSA"}}), good, "jwk"},
		{"crit", rsaKey, rs.with(parts{"crit": []string{"b64"}, "b64": true}), good, "crit"},
		{"crit that is unknown", rsaKey, rs.with(parts{"crit": []string{"x"}, "x": 1}), good, "crit"},
		{"an empty crit", rsaKey, rs.with(parts{"crit": []string{}}), good, "crit"},
		{"another typ", rsaKey, rs.with(parts{"typ": "dpop+jwt"}), good, "typ"},
		{"a logout token's typ", rsaKey, rs.with(parts{"typ": "logout+jwt"}), good, "typ"},
		{"a logout token", rsaKey, rs, good.with(parts{"events": parts{logoutEvent: parts{}}}), "logout"},
		{"more than 8 KiB", rsaKey, rs, good.with(parts{"x": strings.Repeat("x", 8<<10)}), "long"},
		{"1 MiB", rsaKey, rs, good.with(parts{"x": strings.Repeat("x", 1<<20)}), "long"},
	} {
		actor, err := g.Authenticate(t.Context(), local(sign(c.key, c.header, c.claims)))
		var known *service.Error
		switch {
		case c.because == "" && (err != nil || actor.Agent == nil || actor.Role != service.RoleAgent || actor.Workspace != g.workspace):
			t.Errorf("%s: the caller is %+v, %v", c.name, actor, err)
		case c.because == "":
		case !errors.As(err, &known) || known.Code != service.Unauthenticated || actor != (service.Actor{}):
			t.Errorf("%s is accepted: %+v, %v", c.name, actor, err)
		case !strings.Contains(known.Message, c.because):
			t.Errorf("%s is refused because %q", c.name, known.Message)
		}
	}
	if n := p.fetches.Load(); n > 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// TestStrangeForms: a token of an issuer has one form only.
func TestStrangeForms(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	good := g.good(p)
	g.authenticated(good)
	part := strings.Split(good, ".")
	flat := must(json.Marshal(parts{"protected": part[0], "payload": part[1], "signature": part[2]}))
	several := must(json.Marshal(parts{"payload": part[1], "signatures": []parts{{"protected": part[0], "signature": part[2]}}}))
	for _, token := range []string{
		".", "..", "...", "a.b.c", "." + part[1] + "." + part[2], part[0] + ".." + part[2], part[0] + "." + part[1] + ".",
		good + ".", "." + good, good + "." + part[2], good + "=", good + " ", " " + good, good + "\n", good + "A",
		part[0] + "\n." + part[1] + "." + part[2], part[0] + "." + part[1] + "=." + part[2], good[:len(good)-1], good[1:],
		string(flat), string(several), string(flat) + "..", ".." + string(flat), strings.ReplaceAll(string(flat), ",", ",."),
		part[1] + "." + part[0] + "." + part[2], strings.ToUpper(good),
	} {
		g.refused(token, "token")
	}
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}
