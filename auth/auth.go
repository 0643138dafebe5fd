// Package auth turns credentials into actors. It knows API tokens, of which the database stores a
// hash (token.go, issue.go), tokens that identity providers sign (issuer.go, claims.go, sign_in.go)
// and the development tokens of a server on its embedded database. Live connections are watched, so
// that they end when their credential does (watch.go, withdraw.go, logout.go).
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/apitoken"
)

// An Authenticator finds out who is calling.
type Authenticator struct {
	Now func() time.Time // the clock; not changed once Run has begun

	db  *db.DB
	log *slog.Logger

	measures *measures
	access   *access

	development map[digest]developer // not changed once requests are served
	connectors  map[digest]digest    // development tokens to their rows' hashes; not changed either
	issuers     *Issuers             // not changed either
	linker      Linker               // of first sign-ins; nil if there are no issuers

	mu       sync.Mutex
	watches  map[digest]*watched
	known    map[digest]time.Time // tokens seen valid, and since when they are missing
	recalled map[digest]recalled  // callers of the last moments
	uses     map[digest]bool      // tokens whose use is to be recorded
}

// A developer is the agent that a development token belongs to.
type developer struct {
	workspace db.WorkspaceKey
	agent     db.AgentID
}

// New returns an authenticator for a database.
func New(d *db.DB, log *slog.Logger) *Authenticator {
	return &Authenticator{
		Now: time.Now, db: d, log: log, measures: newMeasures(), access: newAccess(),
		development: map[digest]developer{}, connectors: map[digest]digest{}, issuers: &Issuers{},
		watches: map[digest]*watched{}, known: map[digest]time.Time{}, recalled: map[digest]recalled{}, uses: map[digest]bool{},
	}
}

// AddDeveloper derives the development token of an agent from a secret that never leaves this
// machine. The token is the same at every start and is not valid on another server. AddDeveloper
// must be called before requests are served.
func (a *Authenticator) AddDeveloper(secret []byte, workspace db.WorkspaceKey, agent db.AgentID) (token string) {
	mac := hmac.New(sha256.New, secret)
	mac.Write(agent.UUID[:])
	token = apitoken.Of(apitoken.Development, mac.Sum(nil))
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
			Hash: row, CreatedAt: a.Now().UTC().Truncate(time.Microsecond),
		})
		if err != nil {
			return "", err
		}
	}
	token = apitoken.Of(apitoken.Development, keyed(secret, "connector", workspace))
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

// A presented credential is one that has the right form or signature, and so may be valid.
type presented struct {
	id     digest  // of the whole credential
	token  digest  // of the token, if it is an API or development token
	signed *claims // otherwise
	chosen string  // typed id of the workspace that the caller chose; empty if none

	settled db.WorkspaceKey // that of a live connection; zero for a new caller
}

// present checks the form or the signature of a credential. It sends no statement to the database.
// The error is UNAUTHENTICATED, or UNAVAILABLE if an issuer's keys cannot be read.
func (a *Authenticator) present(ctx context.Context, c service.Credential) (p presented, err error) {
	p = presented{id: c.ID(), chosen: c.Workspace}
	switch {
	case c.Token == "":
		return p, unauthenticated("send an API token: Authorization: Bearer <token>; `switchboard token create` makes one")
	case isSigned(c.Token) && len(a.issuers.byURL) > 0:
		p.signed, err = a.signedToken(ctx, c.Token)
		return p, err
	case !apitoken.IsWellFormed(c.Token):
		return p, unauthenticated("the token is malformed: it is not one of this server, or it was copied only in part")
	case isDevelopment(c.Token) && !c.Local:
		return p, unauthenticated("development tokens are accepted from this machine only, without a proxy between; `switchboard token create` makes other ones")
	}
	p.token = digestOf(c.Token)
	return p, nil
}

// Authenticate returns the caller who presents a credential. The error is UNAUTHENTICATED,
// UNAVAILABLE while a token that was valid is missing or an issuer's keys cannot be read, or that of
// the database.
func (a *Authenticator) Authenticate(ctx context.Context, c service.Credential) (_ service.Actor, err error) {
	defer func() { a.measures.checked(c.Token, err) }()
	p, err := a.present(ctx, c)
	if err != nil {
		return service.Actor{}, err
	}
	s, err := a.lookUpOne(ctx, p)
	if err == nil && s.why == errNoAgent {
		s, err = a.signInFirst(ctx, p)
	}
	switch {
	case err != nil:
		return service.Actor{}, err
	case s.choice != nil:
		return service.Actor{}, s.choice
	case s.why != nil:
		a.access.refuse(s.refused, c.Address, a.Now())
		return service.Actor{}, s.why
	}
	a.access.signedIn(s.actor, c.Address, a.Now())
	return s.actor, nil
}

// A state is the actor of a credential, or why it is not valid.
type state struct {
	actor   service.Actor
	why     *service.Error
	choice  *service.ChoiceError // instead of why: the caller must choose a workspace
	refused *refused             // beside why: what the access log records; nil if nobody is known
}

// invalid returns the state of a credential that is known to belong to these callers.
func invalid(reason string, outcome db.AccessOutcome, whose ...service.Actor) state {
	return state{why: unauthenticated(reason), refused: &refused{outcome, whose}}
}

// errUnknown is the error for a token that is not in the database.
var errUnknown = unauthenticated("the token is unknown: it may be for another server; `switchboard token create` makes one for this server")

func (a *Authenticator) lookUpOne(ctx context.Context, p presented) (state, error) {
	states, err := a.lookUp(ctx, []presented{p})
	return states[p.id], err
}

// lookUp returns the states of several credentials.
func (a *Authenticator) lookUp(ctx context.Context, all []presented) (map[digest]state, error) {
	states := map[digest]state{}
	var signed []presented
	rows := map[digest][]presented{} // by the hashes of their rows
	for _, p := range all {
		states[p.id] = state{why: errUnknown}
		if p.signed != nil {
			signed = append(signed, p)
			continue
		}
		if dev, ok := a.development[p.token]; ok {
			s, err := a.developerState(ctx, dev)
			if err != nil {
				return nil, err
			}
			if s != (state{}) {
				states[p.id] = s
			}
			continue
		}
		row, ok := a.connectors[p.token]
		if !ok {
			row = p.token
		}
		rows[row] = append(rows[row], p)
	}
	if err := a.lookUpTokens(ctx, rows, states); err != nil {
		return nil, err
	}
	if err := a.lookUpSignIns(ctx, signed, states); err != nil {
		return nil, err
	}
	return states, a.markMissing(ctx, states)
}

// lookUpTokens adds the states of API tokens, which are given by the hashes of their rows.
func (a *Authenticator) lookUpTokens(ctx context.Context, rows map[digest][]presented, states map[digest]state) error {
	if len(rows) == 0 {
		return nil
	}
	var hashes [][]byte
	for row := range rows {
		hashes = append(hashes, row[:])
	}
	owners, err := a.db.TokensByHash(ctx, hashes)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		for _, p := range rows[digest(owner.Hash)] {
			if states[p.id] = a.state(owner); p.chosen != "" && p.chosen != owner.InID.String() {
				states[p.id] = invalid("the token belongs to another workspace than the one that was chosen", db.AccessOtherWorkspace, callerWith(owner))
			}
		}
	}
	return nil
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
	case t.Active != nil && !*t.Active: // which revokes the token as well
		return invalid(deactivated, db.AccessDeactivated, callerWith(t))
	case t.RevokedAt != nil:
		return invalid(revoked, db.AccessRevoked, callerWith(t))
	case t.ExpiresAt != nil && !a.Now().Before(*t.ExpiresAt):
		return invalid("the token has expired; `switchboard token create` makes a new one", db.AccessExpired, callerWith(t))
	case t.Scope == db.ScopeAgent && t.Role == nil: // while the database is being restored
		return state{why: errUnknown}
	case t.Scope == db.ScopeAgent:
		s = agentState(t.WorkspaceID, *t.AgentID, *t.Role, *t.Active)
	default:
		role, known := service.RoleOf(t.Scope)
		if !known {
			return state{why: unauthenticated("the token has a scope that this version does not know: " + string(t.Scope))}
		}
		s.actor = service.Actor{Workspace: t.WorkspaceID, Role: role}
	}
	if s.why == nil {
		s.actor.Token, s.actor.Expires, s.actor.AsOf = t.ID, t.ExpiresAt, t.AsOf
		a.noteUse(t)
	}
	return s
}

// callerWith returns the caller whose token it is.
func callerWith(t *db.TokenOwner) service.Actor {
	return service.Actor{Workspace: t.WorkspaceID, Agent: t.AgentID, Token: t.ID}
}

func agentState(workspace db.WorkspaceKey, id db.AgentID, role db.Role, active bool) state {
	actor := service.Actor{Workspace: workspace, Role: service.Role(role), Agent: &id}
	if !active {
		return invalid(deactivated, db.AccessDeactivated, actor)
	}
	return state{actor: actor}
}
