package graph

import (
	"errors"

	"switchboard/db"
	"switchboard/service"
)

// ConversationPayload is the payload of mutations of one conversation.
type ConversationPayload struct {
	Conversation *db.Conversation
	Contact      *db.Contact
	Events       []Event
	UserErrors   []*service.Refusal
	Ignored      []*service.Refusal // parts of a received message that were not applied
}

// ConversationsPayload is the payload of bulk mutations of conversations.
type ConversationsPayload struct {
	Outcomes   []*service.ConversationOutcome
	Events     []Event
	UserErrors []*service.Refusal
}

// ContactPayload is the payload of mutations of a contact.
type ContactPayload struct {
	Contact    *db.Contact
	Events     []Event
	UserErrors []*service.Refusal
}

// AgentPayload is the payload of mutations of an agent.
type AgentPayload struct {
	Agent      *db.Agent
	Events     []Event
	UserErrors []*service.Refusal
}

// DeactivateAgentPayload is the payload of deactivateAgent.
type DeactivateAgentPayload struct {
	Agent                 *db.Agent
	WorkflowsWithProblems []*db.Workflow
	Events                []Event
	UserErrors            []*service.Refusal
}

// WorkspacePayload is the payload of mutations of the workspace.
type WorkspacePayload struct {
	Workspace             *db.Workspace
	WorkflowsWithProblems []*db.Workflow
	Events                []Event
	UserErrors            []*service.Refusal
}

// split returns a mutation's events, and its refusal as the payload's user errors. An err that is
// not a refusal is returned as the error.
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
