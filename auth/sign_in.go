package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// A Linker links first sign-ins to agents.
type Linker interface {
	MayLinkSignIn(ctx context.Context, workspace db.WorkspaceKey, in service.FirstSignIn) (bool, error)
	LinkSignIn(ctx context.Context, workspace db.WorkspaceKey, in service.FirstSignIn) (linked bool, err error)
}

// ErrNoWorkspace is the error of an issuer whose workspace does not exist.
var ErrNoWorkspace = errors.New("there is no such workspace")

// Trust accepts the tokens of these issuers from now on. The error is ErrNoWorkspace or that of the
// database. It must be called before requests are served.
func (a *Authenticator) Trust(ctx context.Context, all *Issuers, linker Linker) error {
	known, err := a.db.Workspaces(ctx)
	if err != nil {
		return err
	}
	for url, i := range all.byURL {
		i.keys.now, i.workspaces = func() time.Time { return a.Now() }, nil
		for _, id := range i.options.Workspaces {
			found := slices.IndexFunc(known, func(w *db.Workspace) bool { return w.ID.String() == id })
			if found < 0 {
				return fmt.Errorf("the issuer %q: %w: %q; `switchboard workspace list` lists them", url, ErrNoWorkspace, id)
			}
			i.workspaces = append(i.workspaces, known[found])
		}
	}
	a.issuers, a.linker = all, linker
	return nil
}

// keepKeys reads the issuers' keys, and reads them again before they are old, until ctx ends.
func (a *Authenticator) keepKeys(ctx context.Context) {
	a.refreshKeys(ctx)
	every(ctx, keyInterval, func() { a.refreshKeys(ctx) })
}

func (a *Authenticator) refreshKeys(ctx context.Context) {
	for url, i := range a.issuers.byURL {
		if err := i.keys.refresh(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("reading an identity provider's keys failed; trying again", "issuer", url, "error", err)
		}
	}
}

// errNoAgent is the error for a sign-in that no agent has. It is the same whether or not another
// workspace knows the sign-in.
var errNoAgent = unauthenticated("no agent has this sign-in; a manager can link it to one")

// lookUpSignIns adds the states of signed tokens.
func (a *Authenticator) lookUpSignIns(ctx context.Context, all []presented, states map[digest]state) error {
	if len(all) == 0 {
		return nil
	}
	signIns := make([]db.SignIn, len(all))
	for i, p := range all {
		signIns[i] = p.signed.signIn
	}
	known, err := a.db.SignIns(ctx, signIns)
	if err != nil {
		return err
	}
	isMissing := false
	for i, p := range all {
		states[p.id] = a.signInState(p, known[i])
		isMissing = isMissing || states[p.id].why == errNoAgent
	}
	if !isMissing {
		return nil
	}
	some, err := a.db.HasAgents(ctx)
	if some || err != nil {
		return err
	}
	for _, p := range all { // the database is being restored
		states[p.id] = state{why: errMissing}
	}
	return nil
}

func (a *Authenticator) signInState(p presented, known db.SignInState) state {
	agents := p.permitted(known.Agents)
	if known.SignedOut {
		return invalid("you have signed out; sign in again", db.AccessSignedOut, p.callers(agents)...)
	}
	active := slices.DeleteFunc(slices.Clone(agents), func(s *db.SignedIn) bool { return !s.Active })
	switch {
	case len(agents) == 0:
		return state{why: errNoAgent}
	case len(active) == 0:
		return invalid(deactivated, db.AccessDeactivated, p.callers(agents)...)
	case len(active) > 1:
		choice := &service.ChoiceError{}
		for _, s := range active {
			choice.Workspaces = append(choice.Workspaces, service.WorkspaceChoice{ID: s.Workspace, Name: s.WorkspaceName})
		}
		return state{choice: choice}
	}
	one := active[0]
	s := agentState(one.WorkspaceID, one.AgentID, one.Role, true)
	ends := p.signed.ends(a.Now())
	s.actor.Expires, s.actor.AsOf, s.actor.Issuer = &ends, one.AsOf, p.signed.signIn.Issuer
	return s
}

// callers returns the callers who these agents are with the sign-in.
func (p presented) callers(agents []*db.SignedIn) (all []service.Actor) {
	for _, s := range agents {
		all = append(all, service.Actor{Workspace: s.WorkspaceID, Agent: &s.AgentID, Issuer: p.signed.signIn.Issuer})
	}
	return all
}

// serves reports whether the issuer's people may call a workspace.
func (i *issuer) serves(workspace db.WorkspaceKey) bool {
	isIt := func(w *db.Workspace) bool { return w.Key == workspace }
	return len(i.workspaces) == 0 || slices.ContainsFunc(i.workspaces, isIt)
}

// permitted returns the agents of the workspaces for which the issuer is trusted and which the
// caller has chosen.
func (p presented) permitted(agents []*db.SignedIn) (permitted []*db.SignedIn) {
	for _, s := range agents {
		switch {
		case !p.signed.issuer.serves(s.WorkspaceID):
		case p.settled != 0 && p.settled != s.WorkspaceID:
		case p.settled == 0 && p.chosen != "" && p.chosen != s.Workspace.String():
		default:
			permitted = append(permitted, s)
		}
	}
	return permitted
}

// signInFirst links a sign-in that no agent has yet to the agent with the same e-mail address, if
// the issuer has verified it and is trusted with this in exactly one workspace that has such an
// agent. It returns the state afterwards.
func (a *Authenticator) signInFirst(ctx context.Context, p presented) (state, error) {
	c := p.signed
	first := service.FirstSignIn{Issuer: c.signIn.Issuer, Subject: c.signIn.Subject, Email: c.email}
	var found []*db.Workspace
	for _, workspace := range c.issuer.workspaces {
		if c.email == "" || p.chosen != "" && p.chosen != workspace.ID.String() {
			continue
		}
		may, err := a.linker.MayLinkSignIn(ctx, workspace.Key, first)
		if err != nil {
			return state{}, err
		}
		if may {
			found = append(found, workspace)
		}
	}
	switch len(found) {
	case 0:
		return state{why: errNoAgent, refused: p.stranger()}, nil
	case 1:
	default:
		choice := &service.ChoiceError{}
		for _, w := range found {
			choice.Workspaces = append(choice.Workspaces, service.WorkspaceChoice{ID: w.ID, Name: w.Name})
		}
		return state{choice: choice}, nil
	}
	if _, err := a.linker.LinkSignIn(ctx, found[0].Key, first); err != nil {
		return state{}, err
	}
	return a.lookUpOne(ctx, p)
}

// stranger returns what is recorded of a sign-in that no agent has. Only the one workspace that is
// meant records it: if several did, each would learn that no other one knows the sign-in either.
func (p presented) stranger() *refused {
	var meant []service.Actor
	for _, w := range p.signed.issuer.workspaces {
		if p.chosen == "" || p.chosen == w.ID.String() {
			meant = append(meant, service.Actor{Workspace: w.Key, Issuer: p.signed.signIn.Issuer})
		}
	}
	if len(meant) != 1 {
		return nil
	}
	return &refused{db.AccessUnlinked, meant}
}
