package auth

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/db"
	"switchboard/service"
)

// The access log is written in the background, so that no request waits for it. What is noted in
// between is counted by caller and outcome.

const (
	accessInterval = 5 * time.Second     // between two writes of the access log
	lastAccess     = time.Second         // for the last write, when the server stops
	accessAgain    = 10 * time.Minute    // after which a sign-in that lasts is noted again
	accessKept     = 90 * 24 * time.Hour // for which the access log is kept
	accessLimit    = 10_000              // the limit of records that wait to be written, and of sign-ins remembered
)

// accessKey is what is counted together in the access log.
type accessKey struct {
	workspace    db.WorkspaceKey
	outcome      db.AccessOutcome
	agent, token uuid.UUID // zero for none
	issuer       string
	hour         time.Time // zero for a sign-in
}

// access holds what is to be written to the access log.
type access struct {
	dropped prometheus.Counter
	writing chan struct{} // holds a value while the log is written

	mu      sync.Mutex
	waiting map[accessKey]*db.AccessRecord
	callers map[db.WorkspaceKey]int // that wait with refusals
	seen    map[accessKey]time.Time // when sign-ins were last noted
}

func newAccess() *access {
	return &access{
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_access_log_dropped_total",
			Help: "Sign-ins and refusals that the access log lacks, because too many waited to be written.",
		}),
		writing: make(chan struct{}, 1),
		waiting: map[accessKey]*db.AccessRecord{}, callers: map[db.WorkspaceKey]int{}, seen: map[accessKey]time.Time{},
	}
}

// A refused credential is known to belong to these callers, each of another workspace.
type refused struct {
	outcome db.AccessOutcome
	whose   []service.Actor
}

func keyOf(outcome db.AccessOutcome, actor service.Actor) accessKey {
	key := accessKey{workspace: actor.Workspace, outcome: outcome, token: actor.Token.UUID, issuer: actor.Issuer}
	if actor.Agent != nil {
		key.agent = actor.Agent.UUID
	}
	return key
}

// signedIn notes that a caller is signed in, unless that was noted a moment ago.
func (l *access) signedIn(actor service.Actor, address string, now time.Time) {
	key := keyOf(db.AccessSignedIn, actor)
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, known := l.seen[key]; known && now.Sub(at) < accessAgain {
		return
	}
	if !l.add(key, record(address, now)) {
		return
	}
	if len(l.seen) >= accessLimit {
		clear(l.seen)
	}
	l.seen[key] = now
}

// refuse notes a refusal in the workspaces of the callers. It may be nil, which notes nothing.
func (l *access) refuse(r *refused, address string, now time.Time) {
	if r == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, actor := range r.whose {
		key := keyOf(r.outcome, actor)
		key.hour = now.UTC().Truncate(time.Hour)
		l.add(key, record(address, now))
	}
}

func record(address string, now time.Time) *db.AccessRecord {
	r := &db.AccessRecord{Count: 1, FirstAt: now, LastAt: now}
	if address != "" {
		r.Address = &address
	}
	return r
}

// add counts a record that waits. It reports whether there was space for it. The mu is held.
func (l *access) add(key accessKey, r *db.AccessRecord) bool {
	isRefusal := key.outcome != db.AccessSignedIn
	if known := l.waiting[key]; known != nil {
		if isRefusal {
			known.Count += r.Count
		}
		known.Address = cmp.Or(r.Address, known.Address)
		if known.LastAt = r.LastAt; r.FirstAt.Before(known.FirstAt) {
			known.FirstAt = r.FirstAt
		}
		return true
	}
	if isRefusal && l.callers[key.workspace] >= db.AccessRefusals {
		others := accessKey{workspace: key.workspace, outcome: key.outcome, hour: key.hour}
		if key != others {
			r.Address = nil
			return l.add(others, r)
		}
	}
	if len(l.waiting) >= accessLimit {
		l.dropped.Add(float64(r.Count))
		return false
	}
	if isRefusal {
		l.callers[key.workspace]++
	}
	l.waiting[key] = key.describe(r)
	return true
}

// describe adds to a record whose it is.
func (k accessKey) describe(r *db.AccessRecord) *db.AccessRecord {
	r.Outcome = k.outcome
	if k.agent != uuid.Nil {
		r.AgentID = &db.AgentID{UUID: k.agent}
	}
	if k.token != uuid.Nil {
		r.TokenID = &db.TokenID{UUID: k.token}
	}
	if k.issuer != "" {
		r.Issuer = &k.issuer
	}
	return r
}

// take returns the records that wait, by their workspaces and keys, and keeps none.
func (l *access) take() map[db.WorkspaceKey]map[accessKey]*db.AccessRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[db.WorkspaceKey]map[accessKey]*db.AccessRecord{}
	for key, r := range l.waiting {
		if all[key.workspace] == nil {
			all[key.workspace] = map[accessKey]*db.AccessRecord{}
		}
		all[key.workspace][key] = r
	}
	clear(l.waiting)
	clear(l.callers)
	return all
}

// Forbid notes in the access log that a caller asked for what its role forbids.
func (a *Authenticator) Forbid(actor service.Actor, address string) {
	a.access.refuse(&refused{db.AccessForbidden, []service.Actor{actor}}, address, a.Now())
}

// keepAccess writes the access log, and removes what is old, until ctx ends.
func (a *Authenticator) keepAccess(ctx context.Context) {
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { every(ctx, forgetInterval, func() { a.forgetAccess(ctx) }) })
	every(ctx, accessInterval, func() {
		ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
		defer cancel()
		a.FlushAccess(ctx)
	})
	atEnd, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAccess)
	defer cancel()
	a.FlushAccess(atEnd)
}

// FlushAccess writes what waits to the access log. What it fails to write waits for the next time.
func (a *Authenticator) FlushAccess(ctx context.Context) {
	select {
	case a.access.writing <- struct{}{}:
		defer func() { <-a.access.writing }()
	case <-ctx.Done():
		return
	}
	for workspace, waiting := range a.access.take() {
		rows := make([]*db.AccessRecord, 0, len(waiting))
		for _, r := range waiting {
			rows = append(rows, r)
		}
		if err := a.db.ForWorkspace(workspace).RecordAccess(ctx, rows); err != nil {
			a.log.Warn("writing the access log failed; trying again", "workspace", int64(workspace), "error", service.Describe(err))
			a.access.putBack(waiting)
		}
	}
}

func (l *access) putBack(waiting map[accessKey]*db.AccessRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, r := range waiting {
		if later := l.waiting[key]; later != nil {
			r.LastAt = later.LastAt
		}
		l.add(key, r)
	}
}

func (a *Authenticator) forgetAccess(ctx context.Context) {
	if err := a.db.ForgetAccess(ctx, a.Now().Add(-accessKept)); err != nil && ctx.Err() == nil {
		a.log.Warn("removing old records of the access log failed; trying again", "error", err)
	}
}
