package document

import (
	"fmt"

	"github.com/google/uuid"

	"switchboard/bench/dataset"
	"switchboard/bench/harness"
	"switchboard/db"
)

const (
	postgraphileContact  = `contact: contactByWorkspaceIdAndContactId { id: rowId name email phone avatarUrl }`
	postgraphileAssignee = `assignee: agentByWorkspaceIdAndAssigneeId { id: rowId name availability }`

	postgraphilePage = `query Page($condition: ConversationCondition!) {
		inbox: allConversations(first: 50, condition: $condition, orderBy: [LAST_ACTIVITY_AT_DESC, ROW_ID_DESC]) {
		nodes { id: rowId ` + rows + ` ` + postgraphileContact + ` ` + postgraphileAssignee + `
		lastMessage: messageByWorkspaceIdAndLastMessageId { id: rowId kind body createdAt } } pageInfo { hasNextPage endCursor } } }`
	postgraphileConversation = `query Conversation($workspace: BigInt!, $id: UUID!) {
		conversation: conversationByWorkspaceIdAndRowId(workspaceId: $workspace, rowId: $id) { id: rowId ` + rows + ` ` + postgraphileContact + ` ` + postgraphileAssignee + `
		timeline: eventsByWorkspaceIdAndConversationId(first: 20, orderBy: SEQ_ASC) { nodes { id: rowId type occurredAt: createdAt } } } }`
	postgraphileAssign = `mutation Assign($input: AssignInput!) { assign(input: $input) {
		conversation: result { id: rowId version ` + postgraphileOwner + ` } } }`
	postgraphileBare = `mutation Assign($workspace: BigInt!, $conversation: UUID!, $agent: UUID!) {
		assign: updateConversationByWorkspaceIdAndRowId(input: {workspaceId: $workspace, rowId: $conversation, conversationPatch: {assigneeId: $agent}}) {
		conversation { id: rowId version ` + postgraphileOwner + ` } } }`
	postgraphileOwner  = `assignee: agentByWorkspaceIdAndAssigneeId { id: rowId name }`
	postgraphileCounts = `query Counts($all: ConversationCondition!, $unassigned: ConversationCondition!, $mine: ConversationCondition!,
		$closed: ConversationCondition!, $blocked: ConversationCondition!) {
		all: allConversations(condition: $all) { totalCount } unassigned: allConversations(condition: $unassigned) { totalCount }
		mine: allConversations(condition: $mine) { totalCount } closed: allConversations(condition: $closed) { totalCount }
		blocked: allConversations(condition: $blocked) { totalCount } }`
)

var postgraphile = Side{
	Name: "postgraphile", Program: "postgraphile",
	Page: func(c dataset.Loaded, view db.View, caller dataset.Caller) harness.Request {
		return harness.Request{Body: harness.Body(postgraphilePage, map[string]any{"condition": condition(c, view, caller)})}
	},
	Conversation: func(c dataset.Loaded, id uuid.UUID) harness.Request {
		return harness.Request{Body: harness.Body(postgraphileConversation, map[string]any{"workspace": key(c), "id": id})}
	},
	Assign: func(c dataset.Loaded, a Assignment) harness.Request {
		return harness.Request{Body: harness.Body(postgraphileAssign, map[string]any{"input": map[string]any{
			"workspace": key(c), "conversation": a.Conversation, "agent": a.Agent, "expectedVersion": a.Version, "key": a.Key}})}
	},
	Counts: func(c dataset.Loaded, caller dataset.Caller) harness.Request {
		variables := map[string]any{}
		for name, view := range map[string]db.View{"all": db.ViewAll, "unassigned": db.ViewUnassigned, "mine": db.ViewMine, "closed": db.ViewClosed, "blocked": db.ViewBlocked} {
			variables[name] = condition(c, view, caller)
		}
		return harness.Request{Body: harness.Body(postgraphileCounts, variables)}
	},
}

// key is the workspace's key as a BigInt of GraphQL.
func key(c dataset.Loaded) string { return fmt.Sprint(c.Key) }

// condition returns the condition of a view.
func condition(c dataset.Loaded, view db.View, caller dataset.Caller) map[string]any {
	is := map[string]any{"workspaceId": key(c), "blocked": false, "status": "OPEN"}
	switch view {
	case db.ViewUnassigned:
		is["assigneeId"] = nil
	case db.ViewMine:
		is["assigneeId"] = caller.Agent.UUID
	case db.ViewClosed:
		is["status"] = "CLOSED"
	case db.ViewBlocked:
		delete(is, "status")
		is["blocked"] = true
	}
	return is
}
