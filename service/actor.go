package service

import (
	"time"

	"switchboard/db"
)

// Actor is who is calling: an agent, or a program with an API token of its own.
type Actor struct {
	Workspace db.WorkspaceKey // key of the workspace that everything is read and written in
	Role      Role            // what the caller may do
	Agent     *db.AgentID     // nil for programs
	Token     db.TokenID      // of the API token in use, if one is
	Expires   *time.Time      // of that token; nil if it does not
	AsOf      db.Seq          // number of the event up to which this is known to hold; 0: of none
}

// Audience is everybody who may see what this caller may: of the same workspace, with the
// same role, nobody in particular. It is for reading only, and for nothing that differs
// from one caller to another: it has no MINE (BAD_USER_INPUT), and Counts.Mine is 0 for it.
func (a Actor) Audience() Actor { return Actor{Workspace: a.Workspace, Role: a.Role} }

// Role is what a caller may do.
type Role string

// The roles of callers: agents have one of the first two, API tokens of programs one of
// the next two.
const (
	RoleAgent       Role = "AGENT"
	RoleManager     Role = "MANAGER"
	RoleIntegration Role = "INTEGRATION"
	RoleReader      Role = "READER"
	RoleWorkflow    Role = "WORKFLOW" // of the steps of runs
)

// Ref names the caller in the log; zero for the system.
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

// source says what an opening by this caller came from.
func (a Actor) source() db.ConversationSource {
	if a.Role == RoleIntegration {
		return db.SourceIntegration
	}
	return db.SourceAgent
}

// mayWrite holds for everybody but readers.
func mayWrite(a Actor) error {
	if a.Role == RoleReader || a.Role == "" {
		return &Error{Forbidden, "a read token cannot change anything"}
	}
	return nil
}

// MayManage refuses everybody but managers.
func MayManage(a Actor) error {
	if a.Role != RoleManager {
		return &Error{Forbidden, "only a manager may do this"}
	}
	return nil
}

// mayIntegrate holds for programs that bring in what happens elsewhere.
func mayIntegrate(a Actor) error {
	if a.Role != RoleIntegration {
		return &Error{Forbidden, "only an integration may do this; make a token for it with the scope integration"}
	}
	return nil
}

// mayActAsAgent holds for callers who are agents and so can be responsible themselves.
func mayActAsAgent(a Actor) error {
	if a.Agent == nil {
		return &Error{Forbidden, "only an agent may do this; the token belongs to a program"}
	}
	return nil
}

// maySetAvailability holds for managers, and for agents about themselves.
func maySetAvailability(a Actor, agent db.AgentID) error {
	if a.Role == RoleManager || (a.Agent != nil && *a.Agent == agent) {
		return nil
	}
	return &Error{Forbidden, "only a manager may set somebody else's availability"}
}
