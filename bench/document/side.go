// Package document holds what the clients of the benchmarks ask each server for. The answers of all
// servers have the same form, so that they can be compared.
package document

import (
	"github.com/google/uuid"

	"switchboard/bench/dataset"
	"switchboard/bench/harness"
	"switchboard/db"
)

// A Side is a server with its own documents.
type Side struct {
	Name    string
	Program string // of bench/peer; empty: our server

	// Page asks for the first 50 conversations of a view, with contact, assignee and last message.
	Page func(c dataset.Loaded, view db.View, caller dataset.Caller) harness.Request
	// Conversation asks for a conversation with the first 20 events of its timeline.
	Conversation func(c dataset.Loaded, id uuid.UUID) harness.Request
	// Assign asks for an assignment with a check of the version and an idempotency key.
	Assign func(c dataset.Loaded, a Assignment) harness.Request
	// Search asks for the first 20 contacts that a text finds; nil: the side has no search.
	Search func(c dataset.Loaded, text string) harness.Request
	// Counts asks for the number of conversations in each view.
	Counts func(c dataset.Loaded, caller dataset.Caller) harness.Request
}

// An Assignment is what a caller asks for.
type Assignment struct {
	Conversation, Agent uuid.UUID
	Version             int    // that the conversation has
	Key                 string // the idempotency key
}

// Sides are all servers, ours first.
var Sides = []Side{ours, postgraphile, yoga}

// Peers are the names of the others.
var Peers = []string{postgraphile.Name, yoga.Name}

// rows is what every side is asked for about each conversation, but the names of its relations.
const rows = `status channel version openedAt lastActivityAt waitingSince`

const (
	oursPage = `query Page($view: InboxView!) { inbox(view: $view, first: 50) {
		nodes { id ` + rows + ` contact { id name email phone avatarUrl } assignee { id name availability } lastMessage { id kind body createdAt } }
		pageInfo { hasNextPage endCursor } } }`
	oursConversation = `query Conversation($id: ID!) { conversation(id: $id) { id ` + rows + `
		contact { id name email phone avatarUrl } assignee { id name availability } timeline(first: 20) { nodes { id type: __typename occurredAt } } } }`
	oursAssign = `mutation Assign($input: AssignConversationInput!) { assign: assignConversation(input: $input) {
		conversation { id version assignee { id name } } userErrors { code } } }`
	oursSearch = `query Search($search: String!) { contacts(search: $search, first: 20) { nodes { id name email phone avatarUrl } } }`
	oursCounts = `query Counts { inboxCounts { all unassigned mine closed blocked } }`
)

var ours = Side{
	Name: harness.Ours,
	Page: func(_ dataset.Loaded, view db.View, caller dataset.Caller) harness.Request {
		return harness.Request{Token: caller.Token, Body: harness.Body(oursPage, map[string]any{"view": view})}
	},
	Conversation: func(c dataset.Loaded, id uuid.UUID) harness.Request {
		return harness.Request{Token: c.Manager.Token, Body: harness.Body(oursConversation, map[string]any{"id": db.ConversationID{UUID: id}.String()})}
	},
	Assign: func(c dataset.Loaded, a Assignment) harness.Request {
		return harness.Request{Token: c.Manager.Token, Body: harness.Body(oursAssign, map[string]any{"input": map[string]any{
			"conversationId": db.ConversationID{UUID: a.Conversation}.String(), "assigneeId": db.AgentID{UUID: a.Agent}.String(),
			"expectedVersion": a.Version, "idempotencyKey": a.Key,
		}})}
	},
	Search: func(c dataset.Loaded, text string) harness.Request {
		return harness.Request{Token: c.Manager.Token, Body: harness.Body(oursSearch, map[string]any{"search": text})}
	},
	Counts: func(_ dataset.Loaded, caller dataset.Caller) harness.Request {
		return harness.Request{Token: caller.Token, Body: harness.Body(oursCounts, nil)}
	},
}

const (
	yogaPage = `query Page($workspace: Int!, $view: View!, $agent: ID) { inbox(workspace: $workspace, view: $view, agent: $agent, first: 50) {
		nodes { id ` + rows + ` contact { id name email phone avatarUrl } assignee { id name availability } lastMessage { id kind body createdAt } }
		pageInfo { hasNextPage endCursor } } }`
	yogaConversation = `query Conversation($workspace: Int!, $id: ID!) { conversation(workspace: $workspace, id: $id) { id ` + rows + `
		contact { id name email phone avatarUrl } assignee { id name availability } timeline(first: 20) { nodes { id type occurredAt } } } }`
	yogaAssign = `mutation Assign($workspace: Int!, $conversation: ID!, $agent: ID!, $version: Int!, $key: String!) {
		assign(workspace: $workspace, conversation: $conversation, agent: $agent, expectedVersion: $version, key: $key) {
		conversation { id version assignee { id name } } refusal } }`
	yogaBare = `mutation Assign($workspace: Int!, $conversation: ID!, $agent: ID!) {
		assign: assignBare(workspace: $workspace, conversation: $conversation, agent: $agent) { conversation { id version assignee { id name } } } }`
	yogaSearch = `query Search($workspace: Int!, $search: String!) { contacts(workspace: $workspace, search: $search, first: 20) {
		nodes { id name email phone avatarUrl } } }`
	yogaCounts = `query Counts($workspace: Int!, $agent: ID) { inboxCounts(workspace: $workspace, agent: $agent) { all unassigned mine closed blocked } }`
)

var yoga = Side{
	Name: "yoga", Program: "yoga",
	Page: func(c dataset.Loaded, view db.View, caller dataset.Caller) harness.Request {
		return harness.Request{Body: harness.Body(yogaPage, map[string]any{"workspace": c.Key, "view": view, "agent": caller.Agent.UUID})}
	},
	Conversation: func(c dataset.Loaded, id uuid.UUID) harness.Request {
		return harness.Request{Body: harness.Body(yogaConversation, map[string]any{"workspace": c.Key, "id": id})}
	},
	Assign: func(c dataset.Loaded, a Assignment) harness.Request {
		return harness.Request{Body: harness.Body(yogaAssign, map[string]any{
			"workspace": c.Key, "conversation": a.Conversation, "agent": a.Agent, "version": a.Version, "key": a.Key})}
	},
	Search: func(c dataset.Loaded, text string) harness.Request {
		return harness.Request{Body: harness.Body(yogaSearch, map[string]any{"workspace": c.Key, "search": text})}
	},
	Counts: func(c dataset.Loaded, caller dataset.Caller) harness.Request {
		return harness.Request{Body: harness.Body(yogaCounts, map[string]any{"workspace": c.Key, "agent": caller.Agent.UUID})}
	},
}

// Bare are the peers' assignments without anything but the row's update.
var Bare = []Side{
	{Name: "yoga-bare", Program: yoga.Program, Assign: func(c dataset.Loaded, a Assignment) harness.Request {
		return harness.Request{Body: harness.Body(yogaBare, map[string]any{"workspace": c.Key, "conversation": a.Conversation, "agent": a.Agent})}
	}},
	{Name: "postgraphile-bare", Program: postgraphile.Program, Assign: func(c dataset.Loaded, a Assignment) harness.Request {
		return harness.Request{Body: harness.Body(postgraphileBare, map[string]any{"workspace": key(c), "conversation": a.Conversation, "agent": a.Agent})}
	}},
}
