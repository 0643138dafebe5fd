package command

import (
	"context"
	"strings"

	"switchboard/db"
	"switchboard/service"
)

// workspace is the command group that creates and lists workspaces.
type workspace struct {
	Create workspaceCreate `cmd:"" help:"Create a workspace with its first manager; prints its id and a token."`
	List   workspaceList   `cmd:"" help:"List the workspaces."`
}

type workspaceCreate struct {
	Name    string `arg:"" help:"The company's name."`
	Manager string `required:"" placeholder:"EMAIL" help:"E-mail address of the first manager."`
}

// Run creates the workspace and prints its id and a token for the manager.
func (w workspaceCreate) Run(ctx context.Context, c *console, d *database) error {
	b, err := d.open(ctx, c, false)
	if err != nil {
		return err
	}
	defer b.close()
	name, _, _ := strings.Cut(w.Manager, "@")
	made, manager, err := b.service.CreateWorkspace(ctx, w.Name, name, w.Manager)
	if err != nil {
		return err
	}
	o, err := b.service.CreateToken(ctx, service.System(made.Key), service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: &manager.ID})
	if err != nil {
		return err
	}
	return c.result(map[string]any{
		"workspace": made.ID.String(), "manager": manager.ID.String(), "tokenId": o.Token.ID.String(), "token": o.Secret, "expiresAt": o.Token.ExpiresAt,
	}, "Workspace %s (%s)\nManager   %s (%s)\nToken     %s\n\nThe token is shown only now and is valid for 90 days; send it as Authorization: Bearer <token>.\n",
		made.ID, made.Name, manager.ID, w.Manager, o.Secret)
}

type workspaceList struct{}

// Run lists the workspaces.
func (workspaceList) Run(ctx context.Context, c *console, d *database) error {
	b, err := d.open(ctx, c, false)
	if err != nil {
		return err
	}
	defer b.close()
	all, err := b.service.Operator().Workspaces(ctx)
	if err != nil {
		return err
	}
	var text strings.Builder
	rows := []map[string]any{}
	for _, w := range all {
		rows = append(rows, map[string]any{"workspace": w.ID.String(), "name": w.Name, "createdAt": w.CreatedAt})
		text.WriteString(w.ID.String() + "  " + w.Name + "\n")
	}
	if len(all) == 0 {
		text.WriteString("There is no workspace yet: make one with `switchboard workspace create NAME --manager EMAIL`.\n")
	}
	return c.result(rows, "%s", text.String())
}
