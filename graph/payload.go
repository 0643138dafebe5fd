package graph

import (
	"context"
	"errors"
	"slices"

	"switchboard/db"
	"switchboard/service"
)

// ConversationPayload is the payload of mutations of one conversation.
type ConversationPayload struct {
	payload
	Conversation *db.Conversation
	Contact      *db.Contact
	Ignored      []*service.Refusal // parts of a received message that were not applied
}

// ConversationsPayload is the payload of bulk mutations of conversations.
type ConversationsPayload struct {
	payload
	Outcomes []*service.ConversationOutcome
}

// ContactPayload is the payload of mutations of a contact.
type ContactPayload struct {
	payload
	Contact *db.Contact
}

// AgentPayload is the payload of mutations of an agent.
type AgentPayload struct {
	payload
	Agent *db.Agent
}

// DeactivateAgentPayload is the payload of deactivateAgent.
type DeactivateAgentPayload struct {
	payload
	Agent                 *db.Agent
	WorkflowsWithProblems []*db.Workflow
}

// WorkspacePayload is the payload of mutations of the workspace.
type WorkspacePayload struct {
	payload
	Workspace             *db.Workspace
	WorkflowsWithProblems []*db.Workflow
}

// payload is what the payloads of all mutations have.
type payload struct {
	Events     []Event
	UserErrors []*service.Refusal
}

// payloadOf returns a mutation's events, and its refusal as a user error. An err that is not a
// refusal is returned as the error.
func payloadOf(o *service.Outcome, err error) (payload, error) {
	var refusal *service.Refusal
	switch {
	case err == nil:
		return payload{toEvents(o.Events), []*service.Refusal{}}, nil
	case errors.As(err, &refusal):
		return payload{[]Event{}, []*service.Refusal{refusal}}, nil
	}
	return payload{}, err
}

// payloadRelations are the relations of payloads.
type payloadRelations struct{ *reads }

// AsOf reads the end of the log, now that the mutations are carried out.
func (r payloadRelations) AsOf(ctx context.Context, rows []payload) ([]*db.EventCursor, []error) {
	cursor, err := r.service.AsOf(ctx, r.actor)
	if err != nil {
		return make([]*db.EventCursor, len(rows)), failures(len(rows), err)
	}
	return slices.Repeat([]*db.EventCursor{&cursor}, len(rows)), nil
}

func conversationPayload(o *service.Outcome, err error) (*ConversationPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	ignored := append([]*service.Refusal{}, o.Ignored...) // never null
	return &ConversationPayload{p, o.Conversation, o.Contact, ignored}, nil
}

func conversationsPayload(o *service.Outcome, err error) (*ConversationsPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &ConversationsPayload{p, o.Conversations}, nil
}

func contactPayload(o *service.Outcome, err error) (*ContactPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &ContactPayload{p, o.Contact}, nil
}

func agentPayload(o *service.Outcome, err error) (*AgentPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &AgentPayload{p, o.Agent}, nil
}

func deactivateAgentPayload(o *service.Outcome, err error) (*DeactivateAgentPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &DeactivateAgentPayload{p, o.Agent, o.Workflows}, nil
}

func workspacePayload(o *service.Outcome, err error) (*WorkspacePayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &WorkspacePayload{p, o.Workspace, o.Workflows}, nil
}
