package db

import (
	"context"
	"time"
)

// SignIn is a person's sign-in at an identity provider, as a token of that provider describes it.
type SignIn struct {
	Issuer  string
	Subject string    // the person's identifier at the provider; empty in a SignOut of a session
	Session string    // the provider's identifier of the session; empty if unknown
	At      time.Time // when the token was issued
}

// SignedIn is an agent who has a sign-in.
type SignedIn struct {
	WorkspaceID   WorkspaceKey
	Workspace     WorkspaceID
	WorkspaceName string
	AgentID       AgentID
	Role          Role
	Active        bool
	AsOf          Seq // number of the last event of the workspace when this was read
}

// SignInState is what the database knows of a sign-in.
type SignInState struct {
	SignedOut bool        // the provider has reported that the session has ended
	Agents    []*SignedIn // at most one of each workspace, in the order of the workspaces' creation
}

// signInRow is an agent with the sign-in, or the sign-in alone if no agent has it.
type signInRow struct {
	N         int // index of the sign-in that was asked for, from 1
	SignedOut bool

	WorkspaceID   *WorkspaceKey
	Workspace     *WorkspaceID
	WorkspaceName *string
	AgentID       *AgentID
	Role          *Role
	Active        *bool
	AsOf          *Seq
}

// SignIns returns the state of each of these sign-ins, in the same order, in all workspaces, since
// the sign-in determines which workspaces a caller may choose.
func (d *DB) SignIns(ctx context.Context, all []SignIn) ([]SignInState, error) {
	issuers, subjects, sessions := make([]string, len(all)), make([]string, len(all)), make([]string, len(all))
	times := make([]time.Time, len(all))
	for i, s := range all {
		issuers[i], subjects[i], sessions[i], times[i] = s.Issuer, s.Subject, s.Session, s.At
	}
	var rows []*signInRow
	err := d.ForWorkspace(0).query(ctx, &rows, `
		SELECT asked.n, agent.workspace_id, workspace.id AS workspace, workspace.name AS workspace_name,
			agent.id AS agent_id, agent.role, agent.active, COALESCE(head.seq, 0) AS as_of,
			EXISTS (SELECT FROM sign_outs WHERE sign_outs.issuer = asked.issuer AND sign_outs.subject = asked.subject
				AND (sign_outs.session = '' OR asked.session = '') AND sign_outs.at >= asked.at)
			OR EXISTS (SELECT FROM sign_outs WHERE sign_outs.issuer = asked.issuer AND sign_outs.session = asked.session
				AND sign_outs.session <> '' AND sign_outs.subject IN ('', asked.subject)) AS signed_out
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY AS asked (issuer, subject, session, at, n)
		LEFT JOIN agents AS agent ON agent.issuer = asked.issuer AND agent.subject = asked.subject
		LEFT JOIN workspaces AS workspace ON workspace.key = agent.workspace_id
		LEFT JOIN event_heads AS head ON head.workspace_id = agent.workspace_id
		ORDER BY asked.n, agent.workspace_id`, issuers, subjects, sessions, times)
	if err != nil {
		return nil, err
	}
	states := make([]SignInState, len(all))
	for _, row := range rows {
		s := &states[row.N-1]
		if s.SignedOut = row.SignedOut; row.AgentID != nil {
			s.Agents = append(s.Agents, &SignedIn{
				*row.WorkspaceID, *row.Workspace, *row.WorkspaceName, *row.AgentID, *row.Role, *row.Active, *row.AsOf,
			})
		}
	}
	return states, nil
}

// SignOut records that a provider has ended a session, or all sessions of a subject that began
// until then. Recording it again changes nothing.
func (d *DB) SignOut(ctx context.Context, s SignIn) error {
	_, err := d.ForWorkspace(0).exec(ctx, `
		INSERT INTO sign_outs (issuer, subject, session, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (issuer, subject, session) DO UPDATE SET at = greatest(sign_outs.at, excluded.at)`,
		s.Issuer, s.Subject, s.Session, s.At)
	return err
}

// ForgetSignOuts removes those that were reported before this time.
func (d *DB) ForgetSignOuts(ctx context.Context, before time.Time) error {
	_, err := d.ForWorkspace(0).exec(ctx, "DELETE FROM sign_outs WHERE at < $1", before)
	return err
}

// HasAgents reports whether any workspace has an agent.
func (d *DB) HasAgents(ctx context.Context) (exists bool, err error) {
	var rows []struct{ Found bool }
	err = d.ForWorkspace(0).query(ctx, &rows, "SELECT EXISTS (SELECT FROM agents) AS found")
	return err == nil && rows[0].Found, err
}
