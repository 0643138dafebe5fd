package graph

import (
	"errors"

	"switchboard/db"
	"switchboard/service"
)

// ConversationPayload is what the mutations of conversations return.
type ConversationPayload struct {
	Conversation *db.Conversation
	Contact      *db.Contact
	Events       []Event
	UserErrors   []*service.Refusal
	Ignored      []*service.Refusal // of what comes in
}

// ConversationsPayload is what the bulk mutations of conversations return.
type ConversationsPayload struct {
	Outcomes   []*service.ConversationOutcome
	Events     []Event
	UserErrors []*service.Refusal
}

// ContactPayload is what the mutations of contacts return.
type ContactPayload struct {
	Contact    *db.Contact
	Events     []Event
	UserErrors []*service.Refusal
}

// AgentPayload is what the mutations of agents return.
type AgentPayload struct {
	Agent      *db.Agent
	Events     []Event
	UserErrors []*service.Refusal
}

// DeactivateAgentPayload is what deactivateAgent returns.
type DeactivateAgentPayload struct {
	Agent                 *db.Agent
	WorkflowsWithProblems []*db.Workflow
	Events                []Event
	UserErrors            []*service.Refusal
}

// WorkspacePayload is what the mutations of the workspace return.
type WorkspacePayload struct {
	Workspace             *db.Workspace
	WorkflowsWithProblems []*db.Workflow
	Events                []Event
	UserErrors            []*service.Refusal
}

// split tells a refusal, which is part of the payload, from an error, which is not.
func split(o *service.Outcome, err error) ([]Event, []*service.Refusal, error) {
	var refusal *service.Refusal
	switch {
	case err == nil:
		return toEvents(o.Events), []*service.Refusal{}, nil
	case errors.As(err, &refusal):
		return []Event{}, []*service.Refusal{refusal}, nil
	}
	return nil, nil, err
}

func conversationPayload(o *service.Outcome, err error) (*ConversationPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	ignored := append([]*service.Refusal{}, o.Ignored...) // never null
	return &ConversationPayload{o.Conversation, o.Contact, events, refusals, ignored}, nil
}

func conversationsPayload(o *service.Outcome, err error) (*ConversationsPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &ConversationsPayload{o.Conversations, events, refusals}, nil
}

func contactPayload(o *service.Outcome, err error) (*ContactPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &ContactPayload{o.Contact, events, refusals}, nil
}

func agentPayload(o *service.Outcome, err error) (*AgentPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &AgentPayload{o.Agent, events, refusals}, nil
}

func deactivateAgentPayload(o *service.Outcome, err error) (*DeactivateAgentPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &DeactivateAgentPayload{o.Agent, o.Workflows, events, refusals}, nil
}

func workspacePayload(o *service.Outcome, err error) (*WorkspacePayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &WorkspacePayload{o.Workspace, o.Workflows, events, refusals}, nil
}
