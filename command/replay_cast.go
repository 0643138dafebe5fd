package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"switchboard/db"
	"switchboard/service"
)

// cast holds the callers of a replay: an integration that brings in the contacts' messages and
// an agent for each company. Their tokens are revoked when the replay ends.
type cast struct {
	backend   *backend
	workspace db.WorkspaceKey
	run       string // unique id of the replay, part of its idempotency keys
	api       *api
	connector caller
	manager   *caller           // creates agents; nil until one is needed
	agents    map[string]caller // by company
	tokens    []db.TokenID
}

// tokenLifetime limits a replay's duration. Its tokens expire after it if the replay was killed
// and could not revoke them.
const tokenLifetime = 30 * 24 * time.Hour

// cast finds the agents with these names, creates those that are missing through the API, and
// sets them online. The cast is returned even on error, so that the caller can call leave.
func (b *backend) cast(ctx context.Context, w *db.Workspace, server *api, names []string) (*cast, error) {
	c := &cast{backend: b, workspace: w.Key, run: db.NewUUID().String(), api: server, agents: map[string]caller{}}
	var err error
	if c.connector, err = c.caller(ctx, db.ScopeIntegration, nil); err != nil {
		return c, err
	}
	if err := c.connector.ask(ctx, `{ asOf }`, nil, &struct{}{}); err != nil {
		return c, err
	}
	known, err := b.service.Operator().AgentsByName(ctx, w.Key, names)
	if err != nil {
		return c, err
	}
	ids := map[string]*db.AgentID{}
	for _, a := range known {
		if a.Active {
			ids[a.Name] = &a.ID
		}
	}
	for i, name := range names {
		if ids[name] == nil {
			if ids[name], err = c.hire(ctx, i, name); err != nil {
				return c, err
			}
		}
		if c.agents[name], err = c.caller(ctx, db.ScopeAgent, ids[name]); err != nil {
			return c, err
		}
		if _, err := c.agents[name].mutate(ctx, "setAvailability", map[string]any{"availability": db.Online}); err != nil {
			return c, err
		}
	}
	return c, nil
}

// caller returns a caller with a new token of this scope, which acts as the agent unless nil.
func (c *cast) caller(ctx context.Context, scope db.TokenScope, agent *db.AgentID) (caller, error) {
	expires := time.Now().Add(tokenLifetime)
	o, err := c.backend.service.CreateToken(ctx, service.System(c.workspace),
		service.CreateTokenInput{Name: "replay", Scope: scope, AgentID: agent, ExpiresAt: &expires})
	if err != nil {
		return caller{}, err
	}
	c.tokens = append(c.tokens, o.Token.ID)
	return caller{c.api, o.Secret}, nil
}

// hire creates an agent through the API, as a manager.
func (c *cast) hire(ctx context.Context, number int, name string) (*db.AgentID, error) {
	if c.manager == nil {
		id, err := c.anyManager(ctx)
		if err != nil {
			return nil, err
		}
		manager, err := c.caller(ctx, db.ScopeAgent, id)
		if err != nil {
			return nil, err
		}
		c.manager = &manager
	}
	letters := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	address := fmt.Sprintf("%.40s-%d-%s@replay.example", letters, number, c.run)
	done, err := c.manager.mutate(ctx, "createAgent", map[string]any{"name": name, "email": address, "idempotencyKey": c.run + " " + name[:min(len(name), 40)]})
	if err != nil {
		return nil, err
	}
	if done.Agent == nil {
		return nil, fmt.Errorf("%s could not be added: %s", name, done.refusal())
	}
	var id db.AgentID
	return &id, id.UnmarshalGQL(done.Agent.ID)
}

// anyManager returns the id of a manager of the workspace.
func (c *cast) anyManager(ctx context.Context) (*db.AgentID, error) {
	managers, err := c.backend.service.Operator().Managers(ctx, c.workspace)
	if err != nil {
		return nil, err
	}
	if len(managers) == 0 {
		return nil, errors.New("the workspace has no manager, who is needed to create the agents of the replay: make one with `switchboard agent create NAME --role manager`")
	}
	return &managers[0].ID, nil
}

// leave revokes the tokens, even if ctx has ended.
func (c *cast) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, id := range c.tokens {
		_, _ = c.backend.service.RevokeToken(ctx, service.System(c.workspace), service.RevokeTokenInput{TokenID: id}) // on error the token expires
	}
}
