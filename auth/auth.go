// Package auth turns credentials into actors. It knows API tokens, of which the database stores a
// hash, and the development tokens of a server on its embedded database.
package auth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// An Authenticator finds out who is calling.
type Authenticator struct {
	db  *db.DB
	log *slog.Logger
	now func() time.Time

	development map[digest]developer // not changed once requests are served
	connectors  map[digest]digest    // development tokens to their rows' hashes; not changed either

	mu       sync.Mutex
	watches  map[digest]map[*tokenWatch]bool
	known    map[digest]time.Time // tokens seen valid, and since when they are missing
	recalled map[digest]recalled  // callers of the last moments
}

// A developer is the agent that a development token belongs to.
type developer struct {
	workspace db.WorkspaceKey
	agent     db.AgentID
}

// A tokenWatch is a call of Watch that has not been stopped.
type tokenWatch struct {
	actor service.Actor
	ended func(why *service.Error)
	once  sync.Once
}

// end calls ended once. Concurrent callers wait until that call has returned.
func (one *tokenWatch) end(why *service.Error) { one.once.Do(func() { one.ended(why) }) }

// New returns an authenticator for a database.
func New(d *db.DB, log *slog.Logger) *Authenticator {
	return &Authenticator{
		db: d, log: log, now: time.Now,
		development: map[digest]developer{}, connectors: map[digest]digest{},
		watches: map[digest]map[*tokenWatch]bool{}, known: map[digest]time.Time{}, recalled: map[digest]recalled{},
	}
}

// AddDeveloper derives the development token of an agent from a secret that never leaves this
// machine. The token is the same at every start and is not valid on another server. AddDeveloper
// must be called before requests are served.
func (a *Authenticator) AddDeveloper(secret []byte, workspace db.WorkspaceKey, agent db.AgentID) (token string) {
	mac := hmac.New(sha256.New, secret)
	mac.Write(agent.UUID[:])
	token = withChecksum(developmentPrefix, mac.Sum(nil))
	a.development[digestOf(token)] = developer{workspace, agent}
	return token
}

// AddConnector derives the development token of a workspace's connector, as AddDeveloper does for
// an agent. The log names the calling integration, so the connector gets a row among the
// workspace's tokens. The hash in that row belongs to no token, so the row grants nothing on
// another server. If the row is revoked, AddConnector returns an empty token. It must be called
// before requests are served, by one process at a time.
func (a *Authenticator) AddConnector(ctx context.Context, secret []byte, workspace db.WorkspaceKey) (token string, err error) {
	row, hash := keyed(secret, "connector's row", workspace), digest{}
	copy(hash[:], row)
	owners, err := a.db.TokensByHash(ctx, [][]byte{row})
	if err != nil || len(owners) > 0 && owners[0].RevokedAt != nil {
		return "", err
	}
	if len(owners) == 0 {
		err = a.db.ForWorkspace(workspace).InsertToken(ctx, &db.Token{
			ID: db.TokenID{UUID: db.NewUUID()}, Scope: db.ScopeIntegration, Name: "development connector",
			Hash: row, CreatedAt: a.now().UTC().Truncate(time.Microsecond),
		})
		if err != nil {
			return "", err
		}
	}
	token = withChecksum(developmentPrefix, keyed(secret, "connector", workspace))
	a.connectors[digestOf(token)] = hash
	return token, nil
}

// keyed derives 32 bytes from a secret for one purpose in one workspace.
func keyed(secret []byte, purpose string, workspace db.WorkspaceKey) []byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = fmt.Fprintf(mac, "%s of %d", purpose, workspace)
	return mac.Sum(nil)
}

func unauthenticated(message string) *service.Error {
	return &service.Error{Code: service.Unauthenticated, Message: message}
}

// Authenticate returns the caller that a token belongs to. The error is UNAUTHENTICATED,
// UNAVAILABLE while a token that was valid is missing, or that of the database.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (service.Actor, error) {
	if token == "" {
		return service.Actor{}, unauthenticated("send an API token: Authorization: Bearer <token>; `switchboard token create` makes one")
	}
	if !wellFormed(token) {
		return service.Actor{}, unauthenticated("the token is malformed: it is not one of this server, or it was copied only in part")
	}
	key := digestOf(token)
	states, err := a.lookUp(ctx, []digest{key})
	if err != nil {
		return service.Actor{}, err
	}
	if why := states[key].why; why != nil {
		return service.Actor{}, why
	}
	return states[key].actor, nil
}

// A state is the actor of a token, or why the token is not valid.
type state struct {
	actor service.Actor
	why   *service.Error
}

func invalid(reason string) state { return state{why: unauthenticated(reason)} }

// errUnknown is the error for a token that is not in the database.
var errUnknown = unauthenticated("the token is unknown: it may be for another server; `switchboard token create` makes one for this server")

// lookUp returns the states of several tokens.
func (a *Authenticator) lookUp(ctx context.Context, tokens []digest) (map[digest]state, error) {
	states := map[digest]state{}
	var hashes [][]byte
	presented := map[digest]digest{} // by the hashes of their rows
	for _, token := range tokens {
		states[token] = state{why: errUnknown}
		if dev, ok := a.development[token]; ok {
			s, err := a.developerState(ctx, dev)
			if err != nil {
				return nil, err
			}
			if s != (state{}) {
				states[token] = s
			}
			continue
		}
		row, ok := a.connectors[token]
		if !ok {
			row = token
		}
		presented[row] = token
		hashes = append(hashes, row[:])
	}
	if hashes != nil {
		owners, err := a.db.TokensByHash(ctx, hashes)
		if err != nil {
			return nil, err
		}
		for _, owner := range owners {
			states[presented[digest(owner.Hash)]] = a.state(owner)
		}
	}
	return states, a.markMissing(ctx, states)
}

// developerState returns the state of a development token, or the zero state if its agent does not
// exist.
func (a *Authenticator) developerState(ctx context.Context, dev developer) (state, error) {
	w := a.db.ForWorkspace(dev.workspace)
	head, err := w.Head(ctx) // before the agent, so that AsOf is never too late
	if err != nil {
		return state{}, err
	}
	agents, err := w.Agents(ctx, []db.AgentID{dev.agent})
	if err != nil || len(agents) == 0 {
		return state{}, err
	}
	s := agentState(dev.workspace, agents[0].ID, agents[0].Role, agents[0].Active)
	if s.why == nil {
		s.actor.AsOf = head.Seq
	}
	return s, nil
}

func (a *Authenticator) state(t *db.TokenOwner) state {
	var s state
	switch {
	case t.RevokedAt != nil:
		return invalid("the token was revoked; `switchboard token create` makes a new one")
	case t.ExpiresAt != nil && !a.now().Before(*t.ExpiresAt):
		return invalid("the token has expired; `switchboard token create` makes a new one")
	case t.Scope == db.ScopeAgent && t.Role == nil: // while the database is being restored
		return state{why: errUnknown}
	case t.Scope == db.ScopeAgent:
		s = agentState(t.WorkspaceID, *t.AgentID, *t.Role, *t.Active)
	case t.Scope == db.ScopeIntegration:
		s.actor = service.Actor{Workspace: t.WorkspaceID, Role: service.RoleIntegration}
	default:
		s.actor = service.Actor{Workspace: t.WorkspaceID, Role: service.RoleReader}
	}
	if s.why == nil {
		s.actor.Token, s.actor.Expires, s.actor.AsOf = t.ID, t.ExpiresAt, t.AsOf
	}
	return s
}

func agentState(workspace db.WorkspaceKey, id db.AgentID, role db.Role, active bool) state {
	if !active {
		return invalid(deactivated)
	}
	return state{actor: service.Actor{Workspace: workspace, Role: service.Role(role), Agent: &id}}
}

// Watch calls ended once when a token stops being valid. The reason is UNAUTHENTICATED if it was
// revoked or has expired, or if its agent was deactivated or got another role; it is UNAVAILABLE if
// the token is missing. The actor is what Authenticate returned. ended must not block. stop ends
// the watch.
func (a *Authenticator) Watch(token string, actor service.Actor, ended func(why *service.Error)) (stop func()) {
	key, watch := digestOf(token), &tokenWatch{actor: actor, ended: ended}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watches[key] == nil {
		a.watches[key] = map[*tokenWatch]bool{}
	}
	a.watches[key][watch] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if delete(a.watches[key], watch); len(a.watches[key]) == 0 {
			delete(a.watches, key)
		}
	}
}

// reviewInterval is how often the tokens in use are checked. Revoking a token takes effect within
// this time.
const reviewInterval = 500 * time.Millisecond

// reviewTimeout is the limit for one review.
const reviewTimeout = 5 * time.Second

// Run checks the watched tokens until ctx ends.
func (a *Authenticator) Run(ctx context.Context) {
	tick := time.NewTicker(reviewInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.review(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
				a.log.Warn("checking the tokens in use failed; trying again", "error", err)
			}
		}
	}
}

// review ends the watches of tokens that are no longer valid.
func (a *Authenticator) review(ctx context.Context) error {
	a.mu.Lock()
	tokens := make([]digest, 0, len(a.watches))
	for token := range a.watches {
		tokens = append(tokens, token)
	}
	a.mu.Unlock()
	if len(tokens) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	states, err := a.lookUp(ctx, tokens)
	if err != nil {
		return err
	}
	for token, s := range states {
		for _, one := range a.affected(token, s) {
			one.end(cmp.Or(s.why, unauthenticated(roleChanged)))
		}
	}
	return nil
}

// Messages for callers whose rights have changed.
const (
	deactivated = "the agent is deactivated; a manager can reactivate it"
	roleChanged = "your role has changed; connect again"
)

// affected returns the watches that a token's new state ends.
func (a *Authenticator) affected(token digest, s state) (all []*tokenWatch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for one := range a.watches[token] {
		if s.why != nil || s.actor.Role != one.actor.Role {
			all = append(all, one)
		}
	}
	return all
}
