package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// token is the command group that creates, lists and revokes API tokens.
type token struct {
	Create tokenCreate `cmd:"" help:"Create an API token; it is printed once."`
	List   tokenList   `cmd:"" help:"List the tokens of a workspace, without their secrets."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token; live connections that use it are closed within two seconds."`
}

type tokenCreate struct {
	Workspace string   `required:"" placeholder:"ID" help:"The workspace."`
	Agent     string   `xor:"owner" placeholder:"EMAIL" help:"Create a token that acts as this agent. Give either this or --scope."`
	Scope     scope    `xor:"owner" placeholder:"integration|read|dashboard" help:"Create a token for a program: integration for one that brings in customers' messages, read for queries and subscriptions only, dashboard for counts and the dashboard without personal data. Give either this or --agent."`
	Name      string   `help:"What the token is for."`
	Expires   lifetime `placeholder:"90d" help:"How long it is valid, in days (d), hours (h) or minutes (m), or never for a token that does not expire. Left out: 90 days for an agent's token, never for a program's."`
}

// Validate returns an error unless --agent or --scope is given.
func (t tokenCreate) Validate() error {
	if t.Agent == "" && t.Scope == "" {
		return errors.New("give --agent EMAIL for a token that acts as an agent, or --scope integration, --scope read or --scope dashboard for one of a program")
	}
	return nil
}

// scope limits what a program's token may do; it is empty for an agent's token.
type scope db.TokenScope

// UnmarshalText parses integration, read or dashboard.
func (s *scope) UnmarshalText(text []byte) error {
	switch string(text) {
	case "integration":
		*s = scope(db.ScopeIntegration)
	case "read":
		*s = scope(db.ScopeRead)
	case "dashboard":
		*s = scope(db.ScopeDashboard)
	default:
		return errors.New("give the scope integration, read or dashboard")
	}
	return nil
}

// lifetime is a duration that can be written in days.
type lifetime time.Duration

// never is the lifetime of a token that does not expire.
const never lifetime = -1

// UnmarshalText parses a lifetime such as 90d, 12h or 30m, or never.
func (l *lifetime) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*l = never
		return nil
	}
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			return errors.New("give a lifetime such as 90d, 12h or 30m, or never")
		}
		*l = lifetime(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return errors.New("give a lifetime such as 90d, 12h or 30m, or never")
	}
	*l = lifetime(d)
	return nil
}

// Run creates the token and prints it.
func (t tokenCreate) Run(ctx context.Context, c *console, d *database) error {
	return d.inWorkspace(ctx, c, t.Workspace, func(b *backend, w *db.Workspace) error {
		scope, agent, err := t.owner(ctx, b, w)
		if err != nil {
			return err
		}
		in := service.CreateTokenInput{Name: t.Name, Scope: scope, AgentID: agent, Never: t.Expires == never}
		if t.Expires > 0 {
			at := time.Now().Add(time.Duration(t.Expires))
			in.ExpiresAt = &at
		}
		o, err := b.service.CreateToken(ctx, service.System(w.Key), in)
		if err != nil {
			return err
		}
		return c.result(map[string]any{"tokenId": o.Token.ID.String(), "token": o.Secret, "expiresAt": o.Token.ExpiresAt},
			"Token %s\n\n  %s\n\nIt is shown only now; send it as Authorization: Bearer <token>.\n", o.Token.ID, o.Secret)
	})
}

// owner returns the token's scope and, for ScopeAgent, the agent that it acts as.
func (t tokenCreate) owner(ctx context.Context, b *backend, w *db.Workspace) (db.TokenScope, *db.AgentID, error) {
	if t.Scope != "" {
		return db.TokenScope(t.Scope), nil, nil
	}
	agent, err := b.service.Operator().AgentByEmail(ctx, w.Key, t.Agent)
	if err != nil {
		return "", nil, err
	}
	if agent == nil {
		return "", nil, fmt.Errorf("the workspace has no agent with the e-mail address %s; add one with `switchboard agent create NAME --workspace %s --email %s`", t.Agent, t.Workspace, t.Agent)
	}
	if !agent.Active {
		return "", nil, fmt.Errorf("%s is deactivated; a manager reactivates them with the mutation reactivateAgent", t.Agent)
	}
	return db.ScopeAgent, &agent.ID, nil
}

type tokenList struct {
	Workspace string `required:"" placeholder:"ID" help:"The workspace."`
}

// Run lists the tokens.
func (t tokenList) Run(ctx context.Context, c *console, d *database) error {
	return d.inWorkspace(ctx, c, t.Workspace, func(b *backend, w *db.Workspace) error {
		tokens, err := b.service.Operator().Tokens(ctx, w.Key)
		if err != nil {
			return err
		}
		return c.tokens(tokens)
	})
}

func (c *console) tokens(tokens []*db.Token) error {
	var text strings.Builder
	rows := []map[string]any{}
	for _, t := range tokens {
		scope, state := strings.ToLower(string(t.Scope)), tokenState(t)
		rows = append(rows, map[string]any{"tokenId": t.ID.String(), "scope": scope, "agent": agentOf(t), "name": t.Name,
			"createdAt": t.CreatedAt, "expiresAt": t.ExpiresAt, "revokedAt": t.RevokedAt, "lastUsedAt": t.LastUsedAt, "state": state})
		fmt.Fprintf(&text, "%s  %-11s  %-7s  %s  %s  %s\n", t.ID, scope, state, t.CreatedAt.Format(time.DateTime), t.Name, agentOf(t))
	}
	if len(tokens) == 0 {
		text.WriteString("The workspace has no tokens.\n")
	}
	return c.result(rows, "%s", text.String())
}

func tokenState(t *db.Token) string {
	switch {
	case t.RevokedAt != nil:
		return "revoked"
	case t.ExpiresAt != nil && t.ExpiresAt.Before(time.Now()):
		return "expired"
	}
	return "valid"
}

// agentOf returns the id of the agent that a token acts as; empty for a program's token.
func agentOf(t *db.Token) string {
	if t.AgentID == nil {
		return ""
	}
	return t.AgentID.String()
}

type tokenRevoke struct {
	ID        string `arg:"" help:"The token_ id, as token list prints it."`
	Workspace string `required:"" placeholder:"ID" help:"The workspace."`
}

// Run revokes the token.
func (t tokenRevoke) Run(ctx context.Context, c *console, d *database) error {
	return d.inWorkspace(ctx, c, t.Workspace, func(b *backend, w *db.Workspace) error {
		var id db.TokenID
		if err := id.UnmarshalGQL(t.ID); err != nil {
			return fmt.Errorf("%w; see `switchboard token list --workspace %s`", err, t.Workspace)
		}
		o, err := b.service.RevokeToken(ctx, service.System(w.Key), service.RevokeTokenInput{TokenID: id})
		if err == nil && len(o.Events) == 0 || err != nil && service.Explain(err).Code == service.NotFound {
			err = fmt.Errorf("there is no valid token %s; see `switchboard token list --workspace %s`", t.ID, t.Workspace)
		}
		if err != nil {
			return err
		}
		return c.result(map[string]any{"revoked": t.ID}, "Revoked %s.\n", t.ID)
	})
}
