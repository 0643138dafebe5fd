package command

import (
	"context"
	"strings"

	"switchboard/db"
	"switchboard/service"
)

// agent is the command group that creates agents.
type agent struct {
	Create agentCreate `cmd:"" help:"Add an agent to a workspace; prints the agent's id."`
}

type agentCreate struct {
	Name      string `arg:"" help:"The agent's name, as customers and colleagues see it."`
	Workspace string `required:"" placeholder:"ID" help:"The workspace."`
	Email     string `required:"" placeholder:"EMAIL" help:"E-mail address of the agent; no other agent of the workspace may have it."`
	Role      string `default:"agent" enum:"agent,manager" help:"What the agent may do: agent, or manager for settings, workflows and other agents too."`
}

// Run creates the agent with a manager's rights and prints the command that makes a token for them.
func (a agentCreate) Run(ctx context.Context, c *console, d *database) error {
	return d.inWorkspace(ctx, c, a.Workspace, func(b *backend, w *db.Workspace) error {
		operator := service.Actor{Workspace: w.Key, Role: service.RoleManager}
		made, err := b.service.CreateAgent(ctx, operator, service.CreateAgentInput{
			Name: a.Name, Email: a.Email, Role: db.Role(strings.ToUpper(a.Role)),
		})
		if err != nil {
			return err
		}
		return c.result(map[string]any{"agent": made.Agent.ID.String(), "name": made.Agent.Name, "email": a.Email, "role": a.Role},
			"Agent %s (%s, %s)\n\nMake a token for them with: switchboard token create --workspace %s --agent %s\n",
			made.Agent.ID, made.Agent.Name, a.Role, w.ID, a.Email)
	})
}
