package service

import (
	"context"

	"switchboard/db"
)

// Operator reads for the commands of the person who runs the server. It sees every workspace and
// asks for no permission, so callers of the API must never reach it.
type Operator struct{ db *db.DB }

// Operator returns the reads of the person who runs the server.
func (s *Service) Operator() Operator { return Operator{s.DB} }

// Workspaces lists every workspace in the order of creation.
func (o Operator) Workspaces(ctx context.Context) ([]*db.Workspace, error) {
	return o.db.Workspaces(ctx)
}

// AgentByEmail finds an agent by e-mail address, case ignored; nil if there is none.
func (o Operator) AgentByEmail(ctx context.Context, workspace db.WorkspaceKey, email string) (*db.Agent, error) {
	a, err := o.db.ForWorkspace(workspace).AgentByEmail(ctx, email)
	if db.NotFound(err) {
		return nil, nil
	}
	return a, err
}

// AgentsByName reads the agents with exactly these names, deactivated ones included.
func (o Operator) AgentsByName(ctx context.Context, workspace db.WorkspaceKey, names []string) ([]*db.Agent, error) {
	return o.db.ForWorkspace(workspace).AgentsByName(ctx, names)
}

// Managers reads the active managers of a workspace.
func (o Operator) Managers(ctx context.Context, workspace db.WorkspaceKey) (managers []*db.Agent, err error) {
	return managers, o.db.Transact(ctx, workspace, func(tx db.Tx) (err error) {
		managers, err = tx.LockManagers(ctx)
		return err
	})
}

// Tokens reads the API tokens of a workspace, newest first, without their secrets.
func (o Operator) Tokens(ctx context.Context, workspace db.WorkspaceKey) ([]*db.Token, error) {
	return o.db.ForWorkspace(workspace).Tokens(ctx)
}

// UnfoldedIdentities lists the identities by which no message reaches their contacts,
// because another contact has the same one in the form in which identities are stored.
func (o Operator) UnfoldedIdentities(ctx context.Context) ([]db.ContactIdentity, error) {
	return o.db.UnfoldedIdentities(ctx)
}
