package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"switchboard/service"
)

const (
	keyRefresh    = 4 * time.Minute  // age from which keys are read again
	keyFetchPause = 30 * time.Second // between the beginnings of two fetches
	keyStale      = time.Hour        // age from which keys are not used any more
	rsaBits       = 2048             // of an RSA key, at least
)

// A key verifies signatures.
type key struct {
	id         string // the kid of tokens that it verifies; empty for a key without a name
	algorithm  string // the only one that it may be used with; empty: any that fits its type
	public     any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or []byte for HS256
	thumbprint string // of the key and its name: a key that goes on under another name is withdrawn under this one
}

// asymmetric are the algorithms of tokens that are verified with a public key.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// newKey returns the key of a JSON Web Key, or nil if it does not verify signatures of a known
// kind.
func newKey(k jose.JSONWebKey) *key {
	public := k.Public()
	if !public.Valid() || k.Use != "" && k.Use != "sig" {
		return nil
	}
	one := &key{id: k.KeyID, algorithm: k.Algorithm, public: public.Key}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil || !slices.ContainsFunc(asymmetric, one.fits) {
		return nil
	}
	one.thumbprint = k.Algorithm + " " + hex.EncodeToString(sum) + " " + k.KeyID
	return one
}

// fits reports whether the key verifies signatures of an algorithm.
func (k *key) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= rsaBits && (algorithm[:2] == "RS" || algorithm[:2] == "PS")
	case *ecdsa.PublicKey:
		return algorithm == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[public.Params().BitSize]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	case []byte:
		return algorithm == "HS256"
	}
	return false
}

// A keySet is the keys of an issuer. Keys that are fetched are read again before they are old.
type keySet struct {
	fetch func(context.Context) ([]*key, error) // nil for keys that never change
	now   func() time.Time

	mu      sync.Mutex
	keys    []*key
	read    time.Time     // when the fetch began that returned keys
	tried   time.Time     // when the last fetch began
	failed  error         // of the last fetch
	running chan struct{} // closed when the running fetch ends; nil if none is running
}

var errNoKeys = &service.Error{Code: service.Unavailable,
	Message: "the identity provider's keys cannot be read, so its tokens cannot be checked; try again"}

var errBadSignature = errors.New("no key of the issuer has made this signature")

// verify returns the payload of a token and the thumbprint of the key that has signed it. A key
// that is not known is looked for at the issuer, unless that was done a moment ago.
func (s *keySet) verify(ctx context.Context, token *jose.JSONWebSignature) (payload []byte, thumbprint string, err error) {
	header := token.Signatures[0].Header
	for {
		keys, err := s.current()
		named := false
		for _, k := range keys {
			if header.KeyID != "" && k.id != "" && k.id != header.KeyID {
				continue
			}
			named = named || k.id == header.KeyID
			if !k.fits(header.Algorithm) {
				continue
			}
			if payload, err := token.Verify(k.public); err == nil {
				return payload, k.thumbprint, nil
			}
		}
		switch {
		case named && header.KeyID != "":
			return nil, "", errBadSignature
		case s.refetch(ctx):
		case err != nil:
			return nil, "", err
		default:
			return nil, "", errBadSignature
		}
	}
}

// current returns the keys unless they are stale.
func (s *keySet) current() ([]*key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetch != nil && (s.read.IsZero() || s.now().Sub(s.read) > keyStale) {
		return nil, errNoKeys
	}
	return s.keys, nil
}

// has returns an error if the issuer has withdrawn a key, or if that cannot be known.
func (s *keySet) has(thumbprint string) error {
	keys, err := s.current()
	if err == nil && !slices.ContainsFunc(keys, func(k *key) bool { return k.thumbprint == thumbprint }) {
		err = unauthenticated("the identity provider has withdrawn the key of the token; sign in again")
	}
	return err
}

// refresh reads the keys again if they are old, or if the last fetch has failed.
func (s *keySet) refresh(ctx context.Context) error {
	s.mu.Lock()
	due := s.fetch != nil && (s.failed != nil || s.now().Sub(s.read) >= keyRefresh)
	s.mu.Unlock()
	if !due || !s.refetch(ctx) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// refetch fetches the keys, or waits for a fetch that is running. It returns false at once if a
// fetch began less than keyFetchPause ago and has ended, and if ctx has ended.
func (s *keySet) refetch(ctx context.Context) bool {
	if s.fetch == nil {
		return false
	}
	s.mu.Lock()
	running := s.running
	if running == nil {
		if now := s.now(); s.tried.IsZero() || now.Sub(s.tried) >= keyFetchPause {
			running = make(chan struct{})
			s.tried, s.running = now, running
			// The fetch goes on without the caller, since others wait for it.
			go s.run(context.WithoutCancel(ctx), now)
		}
	}
	s.mu.Unlock()
	if running == nil {
		return false
	}
	select {
	case <-running:
		return true
	case <-ctx.Done():
		return false
	}
}

// run fetches the keys. Those of before are kept if that fails.
func (s *keySet) run(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed = err; err == nil {
		s.keys, s.read = keys, began
	}
	close(s.running)
	s.running = nil
}
