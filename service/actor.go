package service

import (
	"fmt"
	"time"

	"switchboard/db"
	"switchboard/service/apitoken"
)

// Actor is who is calling: an agent, or a program with an API token of its own.
type Actor struct {
	Workspace db.WorkspaceKey // the only workspace that the caller reads and writes
	Role      Role            // what the caller may do
	Agent     *db.AgentID     // nil for programs
	Token     db.TokenID      // of the API token in use, if one is
	Issuer    string          // of the identity provider's token in use, if one is
	Expires   *time.Time      // of that token; nil if it does not expire
	AsOf      db.Seq          // number of the event up to which this is known to hold; 0: of none
}

// A Credential is what a caller presents.
type Credential struct {
	Token     string
	Workspace string // typed id of the workspace that the caller chose; empty if the token decides
	Address   string // network address of the caller, for the access log; empty if unknown
	Local     bool   // whether the request came from this machine without a proxy between
}

// A CredentialID tells credentials apart without being one.
type CredentialID = apitoken.Digest

// ID returns a digest of what decides who presents the credential.
func (c Credential) ID() CredentialID {
	return apitoken.DigestOf(fmt.Sprintf("%t %q %s", c.Local, c.Workspace, c.Token))
}

// A ChoiceError reports that a caller has agents in several workspaces and must choose one. Clients
// receive it as UNAUTHENTICATED with the workspaces in its extensions.
type ChoiceError struct{ Workspaces []WorkspaceChoice }

// WorkspaceChoice is a workspace that a caller may choose.
type WorkspaceChoice struct {
	ID   db.WorkspaceID
	Name string
}

// Error returns what to do.
func (e *ChoiceError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the error without the workspaces.
func (e *ChoiceError) Unwrap() error {
	return &Error{Unauthenticated, "choose a workspace: you are an agent in several; name one in the header X-Switchboard-Workspace, " +
		"or as workspace in connection_init"}
}

// Audience returns an actor that stands for all callers of the same workspace and role. Use it only
// to read what is the same for all of them: it has no view MINE (BAD_USER_INPUT), and its
// Counts.Mine is 0.
func (a Actor) Audience() Actor { return Actor{Workspace: a.Workspace, Role: a.Role} }

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
	for scope, role := range programs {
		if a.Agent == nil && role == a.Role {
			return scope
		}
	}
	return db.ScopeAgent
}

// programs are the roles of programs, by the scopes of their tokens.
var programs = map[db.TokenScope]Role{
	db.ScopeIntegration: RoleIntegration, db.ScopeRead: RoleReader, db.ScopeDashboard: RoleDashboard,
}

// RoleOf returns the role of programs whose tokens have a scope; ok is false for other scopes.
func RoleOf(scope db.TokenScope) (role Role, ok bool) {
	role, ok = programs[scope]
	return role, ok
}

// source returns the source of a conversation that this caller opens.
func (a Actor) source() db.ConversationSource {
	if a.Role == RoleIntegration {
		return db.SourceIntegration
	}
	return db.SourceAgent
}
