package auth

import (
	"context"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// Tokens are revoked, but never deleted. One that was valid and is not in the database any
// more is therefore missing only while somebody restores the database, or for good after
// an older state of it was restored. Clients take a refusal as final, so it is not refused
// before two looks agree that are a while apart.

const (
	doubtTime  = 15 * time.Second // between the two looks
	knownLimit = 10_000           // tokens remembered; of more, any
)

var errMissing = &service.Error{Code: service.Unavailable,
	Message: "the token is missing in the database, which may be being restored; try again"}

// doubt replaces the states of tokens that are unknown only for the moment.
func (a *Authenticator) doubt(ctx context.Context, states map[digest]state) error {
	strangers := a.doubtKnown(states)
	if len(strangers) == 0 {
		return nil
	}
	some, err := a.db.HasTokens(ctx)
	if some || err != nil {
		return err
	}
	// No token is there at all, though there were some: another server may know these.
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, token := range strangers {
		a.remember(token, a.now())
		states[token] = state{why: errMissing}
	}
	return nil
}

// doubtKnown is doubt for tokens that this server has seen valid. It returns the other
// unknown ones, if it has seen any token valid.
func (a *Authenticator) doubtKnown(states map[digest]state) (strangers []digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for token, s := range states {
		missing, known := a.known[token]
		switch {
		case s.why == nil && s.actor.Token == (db.TokenID{}): // of a developer, which is in no table
		case s.why == nil:
			a.remember(token, time.Time{})
		case s.why != errUnknown:
			delete(a.known, token)
		case !known && len(a.known) > 0:
			strangers = append(strangers, token)
		case !known:
		case missing.IsZero():
			a.known[token], states[token] = a.now(), state{why: errMissing}
		case a.now().Sub(missing) < doubtTime:
			states[token] = state{why: errMissing}
		default:
			delete(a.known, token)
		}
	}
	return strangers
}

// remember notes a token and since when it is missing. The mu is held.
func (a *Authenticator) remember(token digest, missing time.Time) {
	if _, known := a.known[token]; !known && len(a.known) >= knownLimit {
		for other := range a.known {
			delete(a.known, other)
			break
		}
	}
	a.known[token] = missing
}
