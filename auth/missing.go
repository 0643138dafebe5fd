package auth

import (
	"context"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// Tokens are revoked, but never deleted. A token that was valid and is not in the database any more
// is therefore missing while the database is being restored, or for good after an older state was
// restored. Clients treat a refusal as final, so such a token is refused only after it was missing
// twice with some time between.

const (
	missingGrace = 15 * time.Second // between two lookups that find it missing
	knownLimit   = 10_000           // tokens kept in known; beyond it any one is dropped
)

var errMissing = &service.Error{Code: service.Unavailable,
	Message: "the token is missing in the database, which may be being restored; try again"}

// markMissing changes the states of unknown tokens that may only be missing for a moment.
func (a *Authenticator) markMissing(ctx context.Context, states map[digest]state) error {
	unknown := a.markKnownMissing(states)
	if len(unknown) == 0 {
		return nil
	}
	some, err := a.db.HasTokens(ctx)
	if some || err != nil {
		return err
	}
	// The table is empty although it was not before: another server may know these tokens.
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, token := range unknown {
		a.remember(token, a.Now())
		states[token] = state{why: errMissing}
	}
	return nil
}

// markKnownMissing does what markMissing does for tokens that this server has seen valid. It
// returns the other unknown tokens, unless this server has seen none valid.
func (a *Authenticator) markKnownMissing(states map[digest]state) (unknown []digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for token, s := range states {
		missing, known := a.known[token]
		switch {
		case s.why == nil && s.actor.Token == (db.TokenID{}): // a development token has no row
		case s.why == nil:
			a.remember(token, time.Time{})
		case s.why != errUnknown:
			delete(a.known, token)
		case !known && len(a.known) > 0:
			unknown = append(unknown, token)
		case !known:
		case missing.IsZero():
			a.known[token], states[token] = a.Now(), state{why: errMissing}
		case a.Now().Sub(missing) < missingGrace:
			states[token] = state{why: errMissing}
		default:
			delete(a.known, token)
		}
	}
	return unknown
}

// remember records a token and since when it is missing. The mu is held.
func (a *Authenticator) remember(token digest, missing time.Time) {
	if _, known := a.known[token]; !known && len(a.known) >= knownLimit {
		for other := range a.known {
			delete(a.known, other)
			break
		}
	}
	a.known[token] = missing
}
