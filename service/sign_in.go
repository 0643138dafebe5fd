package service

import (
	"context"
	"errors"

	"switchboard/db"
)

// The rules of a first sign-in through an identity provider.

// FirstSignIn is a sign-in that no agent has yet, with the e-mail address that the provider has
// verified.
type FirstSignIn struct {
	Issuer, Subject, Email string
	Keyed
}

// mayLink reports whether a first sign-in may be linked to the agent with its e-mail address. An
// agent whose sign-in was taken away is linked by a manager only.
func mayLink(a *db.Agent) bool { return a.Active && !a.Linked }

// MayLinkSignIn reports whether LinkSignIn would find an agent in the workspace.
func (s *Service) MayLinkSignIn(ctx context.Context, workspace db.WorkspaceKey, in FirstSignIn) (bool, error) {
	a, err := s.DB.ForWorkspace(workspace).AgentByEmail(ctx, in.Email)
	if db.NotFound(err) {
		return false, nil
	}
	return err == nil && mayLink(a), err
}

// LinkSignIn links a first sign-in to the active agent with its e-mail address, unless that agent
// has, or ever had, one. It reports whether there was such an agent. Only a sign-in at a provider
// that the workspace trusts may be passed.
func (s *Service) LinkSignIn(ctx context.Context, workspace db.WorkspaceKey, in FirstSignIn) (linked bool, err error) {
	a, err := s.DB.ForWorkspace(workspace).AgentByEmail(ctx, in.Email)
	if err != nil || !mayLink(a) {
		return false, ignoreNotFound(err)
	}
	self := Actor{Workspace: workspace, Role: RoleManager, Agent: &a.ID} // the workspace lets the provider decide
	_, err = s.Write(ctx, self, "linkSignIn", &in, func(w *Writer) (Changes, error) {
		linked = false // this may be another attempt
		now, err := w.lockAgent(ctx, a.ID)
		if err != nil || !mayLink(now) || now.Email == nil || *now.Email != *a.Email {
			return Unchanged, err
		}
		before := agentFields(now)
		now.Issuer, now.Subject = &in.Issuer, &in.Subject
		if err := w.UpdateAgent(ctx, now); err != nil {
			return nil, agentTaken(err)
		}
		linked = true
		return Changes{w.AboutAgent(now, db.IdentityLinked, db.EventData{Changes: Difference(before, agentFields(now))})}, nil
	})
	var refusal *Refusal
	if errors.As(err, &refusal) { // a manager has just linked the sign-in to another agent
		return false, nil
	}
	return linked && err == nil, err
}

// ignoreNotFound returns the error unless it is that of a missing row.
func ignoreNotFound(err error) error {
	if db.NotFound(err) {
		return nil
	}
	return err
}
