package auth

import (
	"context"
	"maps"
	"time"

	"switchboard/service"
)

const (
	recallTime  = 500 * time.Millisecond // for which a caller is known without asking the database again
	recallLimit = 10_000                 // callers kept; beyond it all are forgotten
)

// A recalled caller is one that Recall has read.
type recalled struct {
	actor service.Actor
	read  time.Time // before the database was asked
}

// Recall is Authenticate for calls that change nothing. It returns the caller that was read at most
// recallTime ago, so a token that was revoked elsewhere is refused that much later. fresh reports
// whether the database was asked just now.
func (a *Authenticator) Recall(ctx context.Context, c service.Credential) (actor service.Actor, fresh bool, err error) {
	key, now := c.ID(), a.Now()
	if actor, ok := a.recall(key, now); ok {
		return actor, false, nil
	}
	if actor, err = a.Authenticate(ctx, c); err != nil {
		return actor, true, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.recalled) >= recallLimit {
		clear(a.recalled)
	}
	a.recalled[key] = recalled{actor, now}
	return actor, true, nil
}

func (a *Authenticator) recall(key digest, now time.Time) (actor service.Actor, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	caller, ok := a.recalled[key]
	if !ok {
		return actor, false
	}
	if age := now.Sub(caller.read); age < 0 || age >= recallTime || caller.actor.Expires != nil && !now.Before(*caller.actor.Expires) {
		delete(a.recalled, key)
		return actor, false
	}
	return caller.actor, true
}

// forget makes Recall ask the database about these callers again.
func (a *Authenticator) forget(these func(service.Actor) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.recalled, func(_ digest, caller recalled) bool { return these(caller.actor) })
}
