package service

import (
	"time"

	"switchboard/db"
)

// Actor is who is calling: an agent, or a program with an API token of its own.
type Actor struct {
	Workspace db.WorkspaceKey // the only workspace that the caller reads and writes
	Role      Role            // what the caller may do
	Agent     *db.AgentID     // nil for programs
	Token     db.TokenID      // of the API token in use, if one is
	Expires   *time.Time      // of that token; nil if it does not expire
	AsOf      db.Seq          // number of the event up to which this is known to hold; 0: of none
}

// Audience returns an actor that stands for all callers of the same workspace and role. Use it only
// to read what is the same for all of them: it has no view MINE (BAD_USER_INPUT), and its
// Counts.Mine is 0.
func (a Actor) Audience() Actor { return Actor{Workspace: a.Workspace, Role: a.Role} }

// Role determines what a caller may do.
type Role string

// The roles of callers: agents have one of the first two, API tokens of programs one of the next
// two.
const (
	RoleAgent       Role = "AGENT"
	RoleManager     Role = "MANAGER"
	RoleIntegration Role = "INTEGRATION"
	RoleReader      Role = "READER"
	RoleWorkflow    Role = "WORKFLOW" // of the steps of workflow runs
)

// Ref returns the caller as the actor of an event; zero for the system.
func (a Actor) Ref() db.ActorRef {
	switch {
	case a.Agent != nil:
		return a.Agent.Ref()
	case a.Token != db.TokenID{}:
		return a.Token.Ref()
	}
	return db.ActorRef{}
}

// Scope returns what the caller's token may be used for.
func (a Actor) Scope() db.TokenScope {
	switch {
	case a.Agent != nil:
		return db.ScopeAgent
	case a.Role == RoleIntegration:
		return db.ScopeIntegration
	}
	return db.ScopeRead
}

// source returns the source of a conversation that this caller opens.
func (a Actor) source() db.ConversationSource {
	if a.Role == RoleIntegration {
		return db.SourceIntegration
	}
	return db.SourceAgent
}

// mayWrite refuses callers with a read token.
func mayWrite(a Actor) error {
	if a.Role == RoleReader || a.Role == "" {
		return &Error{Forbidden, "a read token cannot change anything"}
	}
	return nil
}

// MayManage refuses callers other than managers.
func MayManage(a Actor) error {
	if a.Role != RoleManager {
		return &Error{Forbidden, "only a manager may do this"}
	}
	return nil
}

// mayIntegrate refuses callers other than integrations.
func mayIntegrate(a Actor) error {
	if a.Role != RoleIntegration {
		return &Error{Forbidden, "only an integration may do this; make a token for it with the scope integration"}
	}
	return nil
}

// mayActAsAgent refuses callers that are not agents, as only agents can be assignees.
func mayActAsAgent(a Actor) error {
	if a.Agent == nil {
		return &Error{Forbidden, "only an agent may do this; the token belongs to a program"}
	}
	return nil
}

// maySetAvailability refuses agents other than managers who set another agent's availability.
func maySetAvailability(a Actor, agent db.AgentID) error {
	if a.Role == RoleManager || (a.Agent != nil && *a.Agent == agent) {
		return nil
	}
	return &Error{Forbidden, "only a manager may set somebody else's availability"}
}
