// Package auth turns credentials into actors. It knows API tokens, of which the database
// keeps a hash, and the development tokens of a server on its embedded database.
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

// Authenticator knows who is calling.
type Authenticator struct {
	db  *db.DB
	log *slog.Logger
	now func() time.Time

	development map[digest]developer // fixed before serving
	connectors  map[digest]digest    // development tokens of connectors to the hashes of their rows; fixed before serving

	mu       sync.Mutex
	attended map[digest]map[*attention]bool
	known    map[digest]time.Time // tokens that were valid, and since when they are missing; zero: they are not
}

// developer is the agent that a development token stands for.
type developer struct {
	workspace db.WorkspaceKey
	agent     db.AgentID
}

// attention is somebody who wants to know when a token ends.
type attention struct {
	actor service.Actor
	ended func(why *service.Error)
	once  sync.Once
}

// end tells that it has ended, once. Whoever else finds out waits until that is done.
func (one *attention) end(why *service.Error) { one.once.Do(func() { one.ended(why) }) }

// New makes an authenticator on a database.
func New(d *db.DB, log *slog.Logger) *Authenticator {
	return &Authenticator{
		db: d, log: log, now: time.Now,
		development: map[digest]developer{}, connectors: map[digest]digest{}, attended: map[digest]map[*attention]bool{}, known: map[digest]time.Time{},
	}
}

// AddDeveloper makes the development token of an agent out of a secret that never leaves
// this machine: the same at every start, and worth nothing on another server. To be
// called before serving.
func (a *Authenticator) AddDeveloper(secret []byte, workspace db.WorkspaceKey, agent db.AgentID) (token string) {
	mac := hmac.New(sha256.New, secret)
	mac.Write(agent.UUID[:])
	token = withChecksum(developmentPrefix, mac.Sum(nil))
	a.development[digestOf(token)] = developer{workspace, agent}
	return token
}

// AddConnector makes the development token of a workspace's connector, as AddDeveloper does
// for an agent. The log names the calling integration, so it gets a row among the workspace's
// tokens; its hash is that of no token, and so the row is worth nothing on another server.
// Once the row is revoked the token is empty. AddConnector must be called before serving, by
// one process at a time.
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

// Authenticate returns the caller to whom a token belongs. The error is UNAUTHENTICATED,
// UNAVAILABLE while a token that was valid is missing, or the database's.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (service.Actor, error) {
	if token == "" {
		return service.Actor{}, unauthenticated("send an API token: Authorization: Bearer <token>; `switchboard token create` makes one")
	}
	if !wellFormed(token) {
		return service.Actor{}, unauthenticated("the token is not one of this server, or part of it is missing")
	}
	key := digestOf(token)
	states, err := a.look(ctx, []digest{key})
	if err != nil {
		return service.Actor{}, err
	}
	if why := states[key].why; why != nil {
		return service.Actor{}, why
	}
	return states[key].actor, nil
}

// state is what is known of a token: its actor, or why it is not valid.
type state struct {
	actor service.Actor
	why   *service.Error
}

func invalid(reason string) state { return state{why: unauthenticated(reason)} }

// errUnknown is why a token is not valid that is not in the database.
var errUnknown = unauthenticated("the token is unknown; it may have been made for another server")

// look finds out about several tokens at once.
func (a *Authenticator) look(ctx context.Context, tokens []digest) (map[digest]state, error) {
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
	return states, a.doubt(ctx, states)
}

// developerState is that of a development token; zero if the agent is not there.
func (a *Authenticator) developerState(ctx context.Context, dev developer) (state, error) {
	w := a.db.ForWorkspace(dev.workspace)
	head, err := w.Head(ctx) // first: the agent may be as of later, which harms nobody
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
		return invalid("the token was revoked")
	case t.ExpiresAt != nil && !a.now().Before(*t.ExpiresAt):
		return invalid("the token has expired")
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
		s.actor.Token, s.actor.AsOf = t.ID, t.AsOf
	}
	return s
}

func agentState(workspace db.WorkspaceKey, id db.AgentID, role db.Role, active bool) state {
	if !active {
		return invalid(deactivated)
	}
	return state{actor: service.Actor{Workspace: workspace, Role: service.Role(role), Agent: &id}}
}

// Attend calls ended once when a token stops being valid: revoked, expired, its agent
// deactivated or given another role, which is UNAUTHENTICATED, or missing, which is
// UNAVAILABLE. The actor is what Authenticate returned for the token. Ended must not wait for anything. Attend stops looking when stop is called.
func (a *Authenticator) Attend(token string, actor service.Actor, ended func(why *service.Error)) (stop func()) {
	key, attending := digestOf(token), &attention{actor: actor, ended: ended}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.attended[key] == nil {
		a.attended[key] = map[*attention]bool{}
	}
	a.attended[key][attending] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if delete(a.attended[key], attending); len(a.attended[key]) == 0 {
			delete(a.attended, key)
		}
	}
}

// lookEvery is how often the tokens in use are looked at; revoking takes effect after
// this time at most.
const lookEvery = 500 * time.Millisecond

// lookTime is how long one look may take.
const lookTime = 5 * time.Second

// Run looks after the attended tokens until the context ends.
func (a *Authenticator) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.review(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
				a.log.Warn("looking at the tokens in use failed; trying again", "error", err)
			}
		}
	}
}

// review ends what is attended under tokens that are no longer valid.
func (a *Authenticator) review(ctx context.Context) error {
	a.mu.Lock()
	tokens := make([]digest, 0, len(a.attended))
	for token := range a.attended {
		tokens = append(tokens, token)
	}
	a.mu.Unlock()
	if len(tokens) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	states, err := a.look(ctx, tokens)
	if err != nil {
		return err
	}
	for token, s := range states {
		for _, one := range a.ending(token, s) {
			one.end(cmp.Or(s.why, unauthenticated(roleChanged)))
		}
	}
	return nil
}

// What those are told whose rights are no longer what they were.
const (
	deactivated = "the agent is deactivated"
	roleChanged = "your role has changed; connect again"
)

// ending gives those who have to be told that a token, or its role, is no longer what it
// was, until they stop attending.
func (a *Authenticator) ending(token digest, s state) (all []*attention) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for one := range a.attended[token] {
		if s.why != nil || s.actor.Role != one.actor.Role {
			all = append(all, one)
		}
	}
	return all
}
