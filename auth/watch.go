package auth

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"switchboard/service"
)

// Watched are the live connections of one credential.
type watched struct {
	presented
	by map[*watch]bool
}

// A watch is a call of Watch that has not been stopped.
type watch struct {
	actor    service.Actor
	isSignIn bool // the credential is that of an identity provider
	ended    func(why *service.Error)
	once     sync.Once
}

// end calls ended once. Concurrent callers wait until that call has returned.
func (one *watch) end(why *service.Error) { one.once.Do(func() { one.ended(why) }) }

// Watch calls ended once when a credential stops being valid. The reason is UNAUTHENTICATED if it
// was revoked or has expired, or if its agent was deactivated, signed out or got another role; it is
// UNAVAILABLE if the token is missing or the issuer's keys cannot be read any more. The actor is
// what Authenticate returned. ended must not block. stop ends the watch.
func (a *Authenticator) Watch(c service.Credential, actor service.Actor, ended func(why *service.Error)) (stop func()) {
	p := presented{id: c.ID(), token: digestOf(c.Token), settled: actor.Workspace}
	one := &watch{actor: actor, ended: ended}
	if isSigned(c.Token) {
		ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
		defer cancel()
		var err error
		if p.signed, err = a.signedToken(ctx, c.Token); err != nil {
			one.end(service.Explain(err))
			return func() {}
		}
		one.isSignIn = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watches[p.id] == nil {
		a.watches[p.id] = &watched{p, map[*watch]bool{}}
	}
	a.watches[p.id].by[one] = true
	return func() { a.stop(p.id, one) }
}

func (a *Authenticator) stop(id digest, one *watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.watches[id]; w != nil {
		if delete(w.by, one); len(w.by) == 0 {
			delete(a.watches, id)
		}
	}
}

const (
	// reviewInterval is how often the credentials in use are checked. What ends them, such as their
	// expiry or revocation, takes effect within this time.
	reviewInterval = 500 * time.Millisecond
	reviewTimeout  = 5 * time.Second // for one review
	keyInterval    = 5 * time.Second // between two checks whether an issuer's keys are old
	forgetInterval = time.Hour       // between two removals of what is old
)

// Run checks the watched credentials, keeps the issuers' keys fresh, and writes the access log, until
// ctx ends.
func (a *Authenticator) Run(ctx context.Context) {
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { a.keepAccess(ctx) })
	if len(a.issuers.byURL) > 0 {
		others.Go(func() { a.keepKeys(ctx) })
		others.Go(func() { every(ctx, forgetInterval, func() { a.forgetSignOuts(ctx) }) })
	}
	every(ctx, reviewInterval, func() {
		if err := a.review(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			a.log.Warn("checking the tokens in use failed; trying again", "error", err)
		}
		a.recordUses(ctx)
	})
}

// every calls do at an interval until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// review ends the watches of credentials that are no longer valid. Those that have expired, and
// those whose key was withdrawn, end also while the database does not answer.
func (a *Authenticator) review(ctx context.Context) error {
	all := a.reviewAlone()
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	states, err := a.lookUp(ctx, all)
	if err != nil {
		return err
	}
	for id, s := range states {
		for _, one := range a.affected(id, s) {
			one.end(cmp.Or(s.why, unauthenticated(roleChanged)))
		}
	}
	return nil
}

// reviewAlone does the part of a review that needs no database. It returns what is left to review.
func (a *Authenticator) reviewAlone() (rest []presented) {
	ended := map[*watch]*service.Error{}
	now := a.Now()
	a.mu.Lock()
	for _, w := range a.watches {
		var why *service.Error
		if w.signed != nil {
			why = w.signed.stillSigned()
		}
		for one := range w.by {
			switch {
			case one.actor.Expires != nil && !now.Before(*one.actor.Expires):
				ended[one] = errExpired
			case why != nil:
				ended[one] = why
			}
		}
		if why == nil {
			rest = append(rest, w.presented)
		}
	}
	a.mu.Unlock()
	for one, why := range ended {
		one.end(why)
	}
	return rest
}

// Messages for callers whose rights have changed.
const (
	deactivated = "the agent is deactivated; a manager can reactivate it"
	revoked     = "the token was revoked; `switchboard token create` makes a new one"
	roleChanged = "your role has changed; connect again"
	unlinked    = "your sign-in was taken from the agent, or replaced; a manager can link it"
)

// affected returns the watches that a credential's new state ends.
func (a *Authenticator) affected(id digest, s state) (all []*watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.watches[id]
	if w == nil {
		return nil
	}
	for one := range w.by {
		if s.why != nil || s.actor.Role != one.actor.Role {
			all = append(all, one)
		}
	}
	return all
}
