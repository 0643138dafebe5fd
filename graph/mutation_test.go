package graph_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// mutationCases are the golden answers of mutations, successes and refusals:
// testdata/mutation/<mutation>[.<code>].json.
var mutationCases = []struct {
	mutation, code string
	scene          func(w *world) (token string, input vars)
}{
	{"assignConversation", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "assigneeId": w.colleague.id, "expectedVersion": 2, "idempotencyKey": "a-1"}
	}},
	{"assignConversation", "AGENT_INACTIVE", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.deactivate(w.colleague)
		return w.agent.token, vars{"conversationId": c.ID, "assigneeId": w.colleague.id}
	}},
	{"assignConversation", "NOT_LATEST", func(w *world) (string, vars) {
		_, older, _ := w.twice(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": older.ID, "assigneeId": w.colleague.id}
	}},
	{"assignConversation", "CONFLICT", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "assigneeId": w.colleague.id, "expectedVersion": 1}
	}},
	{"assignConversation", "IDEMPOTENCY_KEY_REUSED", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		input := vars{"conversationId": c.ID, "assigneeId": w.colleague.id, "idempotencyKey": "a-1"}
		w.query(w.agent.token, mutations["assignConversation"], vars{"input": input})
		return w.agent.token, vars{"conversationId": c.ID, "assigneeId": w.agent.id, "idempotencyKey": "a-1"}
	}},

	{"assignToMe", "", func(w *world) (string, vars) {
		_, c := w.opened(w.manager, "Ada")
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"assignToMe", "NOT_OPEN", func(w *world) (string, vars) {
		_, c := w.opened(w.manager, "Ada")
		w.close(w.manager, c)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"assignToMe", "ALREADY_ASSIGNED", func(w *world) (string, vars) {
		_, c := w.opened(w.manager, "Ada")
		w.assign(w.manager, c, w.colleague)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"assignToMe", "CONFLICT", func(w *world) (string, vars) {
		_, c := w.opened(w.manager, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "expectedVersion": 7}
	}},

	{"unassignConversation", "", func(w *world) (string, vars) {
		_, c := w.opened(w.manager, "Ada")
		w.assign(w.manager, c, w.colleague)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"unassignConversation", "NOT_LATEST", func(w *world) (string, vars) {
		_, older, _ := w.twice(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": older.ID}
	}},
	{"unassignConversation", "CONFLICT", func(w *world) (string, vars) {
		_, c := w.opened(w.manager, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "expectedVersion": 7}
	}},

	{"assignContact", "", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "assigneeId": w.agent.id}
	}},
	{"assignContact", "AGENT_INACTIVE", func(w *world) (string, vars) {
		w.deactivate(w.colleague)
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "assigneeId": w.colleague.id}
	}},
	{"assignContact", "CONFLICT", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "assigneeId": w.agent.id, "expectedVersion": 2}
	}},

	{"unassignContact", "", func(w *world) (string, vars) {
		contact, c := w.opened(w.agent, "Ada")
		w.assign(w.agent, c, w.colleague)
		w.close(w.agent, c)
		return w.agent.token, vars{"contactId": contact.ID}
	}},
	{"unassignContact", "CONFLICT", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "expectedVersion": 2}
	}},

	{"closeConversation", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "note": vars{"category": "Question", "text": "Sent a new one"}}
	}},
	{"closeConversation", "CONTACT_BLOCKED", func(w *world) (string, vars) {
		contact, c := w.opened(w.agent, "Ada")
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"closeConversation", "ALREADY_CLOSED", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.close(w.colleague, c)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"closeConversation", "UNKNOWN_CATEGORY", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "note": vars{"category": "Nonsense"}}
	}},
	{"closeConversation", "CONFLICT", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "expectedVersion": 1}
	}},

	{"openConversation", "", func(w *world) (string, vars) {
		contact, c := w.opened(w.agent, "Ada")
		w.assign(w.agent, c, w.colleague)
		w.close(w.agent, c)
		w.deactivate(w.colleague) // so that there are two events
		return w.integration, vars{"contactId": contact.ID, "channel": "email", "idempotencyKey": "o-1"}
	}},
	{"openConversation", "CONTACT_BLOCKED", func(w *world) (string, vars) {
		contact := w.contact(w.agent, "Ada")
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"contactId": contact.ID, "channel": "email"}
	}},
	{"openConversation", "ALREADY_OPEN", func(w *world) (string, vars) {
		contact, _ := w.opened(w.colleague, "Ada")
		return w.agent.token, vars{"contactId": contact.ID, "channel": "email"}
	}},
	{"openConversation", "CONFLICT", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "channel": "email", "expectedVersion": 2}
	}},

	{"reopenConversation", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.close(w.agent, c)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"reopenConversation", "CONTACT_BLOCKED", func(w *world) (string, vars) {
		contact, c := w.opened(w.agent, "Ada")
		w.close(w.agent, c)
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"reopenConversation", "ALREADY_OPEN", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"reopenConversation", "NOT_LATEST", func(w *world) (string, vars) {
		_, older, latest := w.twice(w.agent, "Ada")
		w.close(w.agent, latest)
		return w.agent.token, vars{"conversationId": older.ID}
	}},
	{"reopenConversation", "CONFLICT", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.close(w.agent, c)
		return w.agent.token, vars{"conversationId": c.ID, "expectedVersion": 2}
	}},

	{"assignConversations", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		_, mine := w.opened(w.agent, "Bob")
		w.assign(w.agent, mine, w.colleague)
		_, older, latest := w.twice(w.agent, "Cyd")
		return w.agent.token, vars{"assigneeId": w.colleague.id, "idempotencyKey": "b-1", "items": []any{
			vars{"conversationId": c.ID, "expectedVersion": 2}, vars{"conversationId": mine.ID}, vars{"conversationId": older.ID}, vars{"conversationId": latest.ID},
			vars{"conversationId": latest.ID, "expectedVersion": 4}, vars{"conversationId": db.ConversationID{UUID: db.NewUUID()}}}}
	}},
	{"assignConversations", "NOT_FOUND", func(w *world) (string, vars) {
		return w.agent.token, vars{"assigneeId": w.colleague.id, "items": []any{vars{"conversationId": db.ConversationID{UUID: db.NewUUID()}}}}
	}},
	{"assignConversations", "AGENT_INACTIVE", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.deactivate(w.colleague)
		return w.agent.token, vars{"assigneeId": w.colleague.id, "items": []any{vars{"conversationId": c.ID}}}
	}},
	{"closeConversations", "NOT_FOUND", func(w *world) (string, vars) {
		return w.agent.token, vars{"items": []any{vars{"conversationId": db.ConversationID{UUID: db.NewUUID()}}}}
	}},
	{"closeConversations", "CONFLICT", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"items": []any{vars{"conversationId": c.ID, "expectedVersion": 7}}}
	}},
	{"closeConversations", "UNKNOWN_CATEGORY", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"note": vars{"category": "Nonsense"}, "items": []any{vars{"conversationId": c.ID}}}
	}},
	{"createWorkflowFromTemplate", "INVALID_WORKFLOW", func(w *world) (string, vars) {
		return w.manager.token, vars{"templateKey": "nonsense"}
	}},
	{"createWorkflowFromTemplate", "LIMIT_REACHED", func(w *world) (string, vars) {
		for range 50 {
			w.workflow("unassign-after-close", nil)
		}
		return w.manager.token, vars{"templateKey": "unassign-after-close"}
	}},
	{"updateWorkflow", "INVALID_WORKFLOW", func(w *world) (string, vars) {
		return w.manager.token, vars{"workflowId": w.workflow("unassign-after-close", nil), "definition": vars{"triggers": []any{}, "steps": []any{vars{"unassign": vars{}}}}}
	}},
	{"unassignConversations", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.assign(w.agent, c, w.colleague)
		_, nobodys := w.opened(w.agent, "Bob")
		_, older, latest := w.twice(w.agent, "Cyd")
		return w.agent.token, vars{"items": []any{
			vars{"conversationId": c.ID, "expectedVersion": 3}, vars{"conversationId": nobodys.ID}, vars{"conversationId": older.ID},
			vars{"conversationId": latest.ID, "expectedVersion": 7}, vars{"conversationId": db.ConversationID{UUID: db.NewUUID()}}}}
	}},
	{"closeConversations", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		blocked, of := w.opened(w.agent, "Bob")
		w.block(w.agent, blocked.ID)
		_, older, latest := w.twice(w.agent, "Cyd")
		return w.agent.token, vars{"note": vars{"category": "Question", "text": "Sent to all"}, "items": []any{
			vars{"conversationId": c.ID}, vars{"conversationId": of.ID}, vars{"conversationId": older.ID}, vars{"conversationId": latest.ID, "expectedVersion": 4}}}
	}},
	{"closeConversations", "IDEMPOTENCY_KEY_REUSED", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		input := vars{"items": []any{vars{"conversationId": c.ID}}, "idempotencyKey": "b-1"}
		w.query(w.agent.token, mutations["closeConversations"], vars{"input": input})
		return w.agent.token, vars{"items": []any{vars{"conversationId": c.ID, "expectedVersion": 2}}, "idempotencyKey": "b-1"}
	}},

	{"createContact", "", func(w *world) (string, vars) {
		return w.integration, vars{"name": "Ada Nováková", "email": "ada@customer.example", "phone": "+420 555 123",
			"avatarUrl": "https://pictures.example/ada.png", "identities": []vars{{"channel": "twitter", "externalId": "@ada"}}}
	}},
	{"createContact", "IDENTITY_TAKEN", func(w *world) (string, vars) {
		w.contact(w.agent, "Ada")
		return w.agent.token, vars{"name": "Eve", "identities": []vars{{"channel": "twitter", "externalId": "@Ada"}}}
	}},
	{"updateContact", "", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "name": "Ada L.", "phone": "", "identities": []vars{{"channel": "email", "externalId": "ada@customer.example"}}}
	}},
	{"updateContact", "IDENTITY_TAKEN", func(w *world) (string, vars) {
		w.contact(w.agent, "Ada")
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Bob").ID, "name": "Not Bob", "identities": []vars{{"channel": "twitter", "externalId": "@Ada"}}}
	}},
	{"blockContact", "", func(w *world) (string, vars) {
		contact, _ := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"contactId": contact.ID}
	}},
	{"blockContact", "ALREADY_BLOCKED", func(w *world) (string, vars) {
		contact := w.contact(w.agent, "Ada")
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"contactId": contact.ID}
	}},
	{"blockContact", "CONFLICT", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID, "expectedVersion": 2}
	}},
	{"unblockContact", "", func(w *world) (string, vars) {
		contact, _ := w.opened(w.agent, "Ada")
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"contactId": contact.ID}
	}},
	{"unblockContact", "NOT_BLOCKED", func(w *world) (string, vars) {
		return w.agent.token, vars{"contactId": w.contact(w.agent, "Ada").ID}
	}},
	{"unblockContact", "CONFLICT", func(w *world) (string, vars) {
		contact := w.contact(w.agent, "Ada")
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"contactId": contact.ID, "expectedVersion": 1}
	}},

	{"receiveMessage", "", func(w *world) (string, vars) { // from an unknown sender
		return w.integration, vars{"sender": vars{"contact": vars{"channel": "twitter", "externalId": "@ada", "name": "Ada", "email": "ada@customer.example", "avatarUrl": "http://pictures.example/ada.png"}}, "body": "Where is it?",
			"sentAt": "2026-03-01T10:00:00+01:00", "externalMessageId": "m-1", "idempotencyKey": "r-1"}
	}},
	{"receiveMessage", "IDEMPOTENCY_KEY_REUSED", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		input := vars{"sender": vars{"known": vars{"contactId": c.ContactID, "channel": "twitter"}}, "body": "Where is it?", "idempotencyKey": "r-1"}
		w.query(w.integration, mutations["receiveMessage"], vars{"input": input})
		return w.integration, vars{"sender": vars{"known": vars{"contactId": c.ContactID, "channel": "twitter"}}, "body": "Where?", "idempotencyKey": "r-1"}
	}},
	{"receiveMessage", "EXTERNAL_ID_REUSED", func(w *world) (string, vars) {
		input := vars{"sender": vars{"contact": vars{"channel": "Twitter", "externalId": "@ada"}}, "body": "Where is it?", "externalMessageId": "m-1"}
		w.query(w.integration, mutations["receiveMessage"], vars{"input": input})
		input["body"] = "Where?"
		return w.integration, input
	}},
	{"recordBusinessEvent", "EXTERNAL_ID_REUSED", func(w *world) (string, vars) {
		input := vars{"sender": vars{"contactId": w.contact(w.agent, "Ada").ID}, "type": "order.placed", "payload": vars{"order": 1}, "externalEventId": "e-1"}
		w.query(w.integration, mutations["recordBusinessEvent"], vars{"input": input})
		input["payload"] = vars{"order": 2}
		return w.integration, input
	}},
	{"recordBusinessEvent", "", func(w *world) (string, vars) { // that reopens a conversation, unassigned
		contact, c := w.opened(w.agent, "Ada")
		w.assign(w.agent, c, w.colleague)
		w.close(w.agent, c)
		w.deactivate(w.colleague)
		return w.integration, vars{"sender": vars{"contactId": contact.ID}, "type": "order.placed", "requiresAction": true, "externalEventId": "e-1",
			"payload": vars{"order": 4711, "total": json.RawMessage("19.90"), "lines": []any{vars{"what": "Tent <2 persons>", "gift": nil}}}}
	}},

	{"setAvailability", "", func(w *world) (string, vars) {
		return w.agent.token, vars{"availability": "ONLINE"}
	}},
	{"setAvailability", "AGENT_INACTIVE", func(w *world) (string, vars) {
		w.deactivate(w.colleague)
		return w.manager.token, vars{"availability": "ONLINE", "agentId": w.colleague.id}
	}},
	{"createAgent", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"name": "Dee", "email": "dee@acme.example", "avatarUrl": "https://pictures.example/dee.png", "skills": []string{"French"},
			"identity": vars{"issuer": "https://id.example", "subject": "dee"}}
	}},
	{"createAgent", "EMAIL_TAKEN", func(w *world) (string, vars) {
		return w.manager.token, vars{"name": "Dee", "email": "ANN@acme.example"}
	}},
	{"createAgent", "IDENTITY_TAKEN", func(w *world) (string, vars) {
		w.signIn(w.agent)
		return w.manager.token, vars{"name": "Dee", "email": "dee@acme.example", "identity": vars{"issuer": "https://id.example", "subject": w.workspace.ID}}
	}},
	{"updateAgent", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"agentId": w.agent.id, "name": "Ann A.", "role": "MANAGER", "skills": []string{"French", "Refunds"}}
	}},
	{"updateAgent", "EMAIL_TAKEN", func(w *world) (string, vars) {
		return w.manager.token, vars{"agentId": w.agent.id, "name": "Not Ann", "email": "cem@acme.example"}
	}},
	{"updateAgent", "IDENTITY_TAKEN", func(w *world) (string, vars) {
		w.signIn(w.agent)
		return w.manager.token, vars{"agentId": w.colleague.id, "name": "Not Cem", "identity": vars{"issuer": "https://id.example", "subject": w.workspace.ID}}
	}},
	{"updateAgent", "LAST_MANAGER", func(w *world) (string, vars) {
		return w.manager.token, vars{"agentId": w.manager.id, "name": "Not Mia", "role": "AGENT"}
	}},
	{"deactivateAgent", "", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.assign(w.agent, c, w.agent)
		w.workflow("least-busy-online", vars{"agents": []any{w.colleague.id, w.agent.id}})
		return w.manager.token, vars{"agentId": w.agent.id, "handOverTo": w.colleague.id}
	}},
	{"deactivateAgent", "LAST_MANAGER", func(w *world) (string, vars) {
		return w.manager.token, vars{"agentId": w.manager.id}
	}},
	{"deactivateAgent", "AGENT_INACTIVE", func(w *world) (string, vars) {
		w.deactivate(w.colleague)
		return w.manager.token, vars{"agentId": w.agent.id, "handOverTo": w.colleague.id}
	}},
	{"reactivateAgent", "", func(w *world) (string, vars) {
		w.deactivate(w.colleague)
		return w.manager.token, vars{"agentId": w.colleague.id}
	}},
	{"createToken", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"name": "Ann's script", "scope": "AGENT", "agentId": w.agent.id, "expiresAt": "2100-01-01T00:00:00Z"}
	}},
	{"createToken", "AGENT_INACTIVE", func(w *world) (string, vars) {
		w.deactivate(w.colleague)
		return w.manager.token, vars{"scope": "AGENT", "agentId": w.colleague.id}
	}},
	{"revokeToken", "", func(w *world) (string, vars) {
		created := w.query(w.manager.token, `mutation { createToken(input: {scope: READ}) { token { id } } }`, nil)
		return w.manager.token, vars{"tokenId": created.text("data", "createToken", "token", "id")}
	}},
	{"updateWorkspace", "", func(w *world) (string, vars) {
		w.closing("Problem")
		return w.manager.token, vars{"name": "Acme Ltd", "timeZone": "Europe/Prague", "country": "CZ", "reopenPolicy": "REOPEN_WITHIN", "reopenWithinDays": 14,
			"ownerPolicy": "UNASSIGN_IF_UNAVAILABLE", "closingCategories": []string{"Question", "Refund"}}
	}},

	{"sendMessage", "", func(w *world) (string, vars) {
		contact, c := w.opened(w.manager, "Ada")
		w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
		return w.agent.token, vars{"conversationId": c.ID, "body": "Hello!", "idempotencyKey": "s-1"}
	}},
	{"sendMessage", "CONTACT_BLOCKED", func(w *world) (string, vars) {
		contact, c := w.opened(w.agent, "Ada")
		w.block(w.agent, contact.ID)
		return w.agent.token, vars{"conversationId": c.ID, "body": "Hello!"}
	}},
	{"sendMessage", "NOT_OPEN", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		w.close(w.agent, c)
		return w.agent.token, vars{"conversationId": c.ID, "body": "Hello!"}
	}},
	{"sendMessage", "UNKNOWN_CHANNEL", func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": c.ID, "body": "Hello!", "channel": "fax"}
	}},
	{"sendMessage", "STALE_REPLY", func(w *world) (string, vars) {
		contact, c := w.opened(w.agent, "Ada")
		seen := w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
		w.query(w.colleague.token, mutations["sendMessage"], vars{"input": vars{"conversationId": c.ID, "body": "Hello from Cem!"}})
		return w.agent.token, vars{"conversationId": c.ID, "body": "Hello!", "onlyIfLastMessageId": seen.ID}
	}},
	{"addNote", "", func(w *world) (string, vars) {
		_, older, _ := w.twice(w.agent, "Ada")
		return w.agent.token, vars{"conversationId": older.ID, "body": "See the newer one"}
	}},
	{"markRead", "", func(w *world) (string, vars) {
		contact, c := w.opened(w.manager, "Ada")
		w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
		return w.agent.token, vars{"conversationId": c.ID}
	}},
	{"createWorkflow", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"name": "Welcome", "definition": vars{"triggers": []any{"CONVERSATION_OPENED"},
			"conditions": vars{"assignee": vars{"none": true}, "hours": vars{"from": 9, "until": 17}, "days": []any{"MONDAY"}, "channels": []any{"chat"}},
			"steps":      []any{vars{"assign": vars{"agentId": w.agent.id}}, vars{"wait": vars{"seconds": 60}}, vars{"close": vars{"category": "Question", "text": "Nobody answered", "always": true}}}}}
	}},
	{"createWorkflow", "INVALID_WORKFLOW", func(w *world) (string, vars) {
		return w.manager.token, vars{"name": "Welcome", "definition": vars{"triggers": []any{"CONVERSATION_OPENED"}, "steps": []any{vars{"wait": vars{"seconds": 0}}}}}
	}},
	{"createWorkflowFromTemplate", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"templateKey": "least-busy-online", "agents": []any{w.agent.id}, "capacity": 5, "idempotencyKey": "w-1"}
	}},
	{"updateWorkflow", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"workflowId": w.workflow("unassign-after-close", nil), "name": "Set free",
			"definition": vars{"triggers": []any{"CONVERSATION_CLOSED"}, "conditions": vars{"categories": []any{"Question"}}, "steps": []any{vars{"unassign": vars{}}}}}
	}},
	{"enableWorkflow", "", func(w *world) (string, vars) {
		f := w.workflow("unassign-after-close", nil)
		did(w.t)(w.service.DisableWorkflow(w.t.Context(), w.manager.Actor, workflow.DisableWorkflowInput{WorkflowID: f}))
		return w.manager.token, vars{"workflowId": f}
	}},
	{"enableWorkflow", "INVALID_WORKFLOW", func(w *world) (string, vars) {
		f := w.closing("Question")
		did(w.t)(w.service.DisableWorkflow(w.t.Context(), w.manager.Actor, workflow.DisableWorkflowInput{WorkflowID: f}))
		did(w.t)(w.service.UpdateWorkspace(w.t.Context(), w.manager.Actor, service.UpdateWorkspaceInput{ClosingCategories: []string{"Other"}}))
		return w.manager.token, vars{"workflowId": f}
	}},
	{"disableWorkflow", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"workflowId": w.workflow("unassign-after-close", nil)}
	}},
	{"deleteWorkflow", "", func(w *world) (string, vars) {
		return w.manager.token, vars{"workflowId": w.workflow("unassign-after-close", nil)}
	}},
	{"cancelWorkflowRun", "", func(w *world) (string, vars) {
		f := w.workflow("close-when-silent", nil)
		_, c := w.opened(w.agent, "Ada")
		w.query(w.agent.token, mutations["sendMessage"], vars{"input": vars{"conversationId": c.ID, "body": "Hello!"}})
		w.settle()
		return w.manager.token, vars{"runId": w.lastRun(f)}
	}},
	{"cancelWorkflowRun", "RUN_ENDED", func(w *world) (string, vars) {
		_, run := w.automate()
		return w.manager.token, vars{"runId": run}
	}},
}

// unlogged are the mutations that succeed without an event in the log.
var unlogged = map[string]bool{"markRead": true}

// closing makes a workflow that closes with a category.
func (w *world) closing(category string) db.WorkflowID {
	w.t.Helper()
	f := did(w.t)(w.service.CreateWorkflow(w.t.Context(), w.manager.Actor, workflow.CreateWorkflowInput{Name: "Close", Definition: &db.WorkflowDefinition{
		Triggers: []db.WorkflowTrigger{db.TriggerReopened}, Steps: []*db.WorkflowStep{{Kind: db.StepClose, Category: &category}},
	}})).Workflow
	did(w.t)(w.service.EnableWorkflow(w.t.Context(), w.manager.Actor, workflow.EnableWorkflowInput{WorkflowID: f.ID}))
	return f.ID
}

// lastRun names the run of a workflow that was started last.
func (w *world) lastRun(f db.WorkflowID) db.RunID {
	w.t.Helper()
	lists, err := w.service.RunsOf(w.t.Context(), w.manager.Actor, []db.WorkflowID{f}, service.PageInput{First: new(1)})
	must(w.t, err)
	return lists[0].Rows[0].ID
}

// signIn gives an agent a sign-in, named after the workspace.
func (w *world) signIn(p *person) {
	w.t.Helper()
	did(w.t)(w.service.UpdateAgent(w.t.Context(), w.manager.Actor, service.UpdateAgentInput{
		AgentID: p.id, Identity: &service.AgentIdentityInput{Issuer: "https://id.example", Subject: w.workspace.ID.String()},
	}))
}

func TestMutations(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	for _, c := range mutationCases {
		name := c.mutation
		if c.code != "" {
			name += "." + c.code
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shared.apart(t)
			token, input := c.scene(w)
			before := len(w.history(w.key))
			a := w.query(token, mutations[c.mutation], vars{"input": input})
			golden(t, "mutation/"+name, a.body)
			if code := codeOf(a, c.mutation); code != c.code {
				t.Errorf("refused with %q, not %q", code, c.code)
			}
			// The events of the payload are those that were written.
			written := w.history(w.key)[before:]
			events, _ := a.get("data", c.mutation, "events").([]any)
			if logged := c.code == "" && !unlogged[c.mutation]; len(events) != len(written) || logged != (len(events) > 0) {
				t.Fatalf("%d events in the payload, %d in the log", len(events), len(written))
			}
			for i, e := range written {
				if get(events[i], "id") != e.ID.String() || get(events[i], "cursor") != w.shown(e.Cursor()) {
					t.Errorf("event %d of the payload is not the one of the log", i)
				}
			}
			w.wantAsNow(a, token, a.get("data", c.mutation))
			outcomes, _ := a.get("data", c.mutation, "outcomes").([]any)
			for _, outcome := range outcomes {
				w.wantAsNow(a, token, outcome)
			}
		})
	}
}

// TestRefusalsAreDescribed: the description of each mutation names the refusals of its golden
// answers, and no others. That of a reused idempotency key is named once for all, and the tests of
// service/ reach the quotas that LIMIT_REACHED is about.
func TestRefusalsAreDescribed(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`Refuses with ([A-Z_, ]+)\.`)
	for _, field := range schema.Mutation.Fields {
		var seen, described []string
		files, err := filepath.Glob("testdata/mutation/" + field.Name + ".*json")
		must(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			must(t, err)
			seen = refusals(parse(t, text), seen)
		}
		if found := named.FindStringSubmatch(field.Description); found != nil {
			described = strings.Split(found[1], ", ")
		}
		isQuota := func(code string) bool { return code == "LIMIT_REACHED" }
		seen, described = slices.DeleteFunc(seen, isQuota), slices.DeleteFunc(described, isQuota)
		slices.Sort(seen)
		slices.Sort(described)
		if seen = slices.Compact(seen); !slices.Equal(seen, described) {
			t.Errorf("%s refuses with %v, and its description names %v", field.Name, seen, described)
		}
	}
}

// refusals adds the codes of all userErrors in an answer.
func refusals(value any, codes []string) []string {
	switch v := value.(type) {
	case map[string]any:
		errors, _ := v["userErrors"].([]any)
		for _, e := range errors {
			if code := get(e, "code").(string); code != "IDEMPOTENCY_KEY_REUSED" {
				codes = append(codes, code)
			}
		}
		for _, part := range v {
			codes = refusals(part, codes)
		}
	case []any:
		for _, part := range v {
			codes = refusals(part, codes)
		}
	}
	return codes
}

// codeOf is the rule that refused a mutation, or the first item of a bulk.
func codeOf(a *answer, mutation string) string {
	if code, ok := a.get("data", mutation, "userErrors", 0, "code").(string); ok {
		return code
	}
	code, _ := a.get("data", mutation, "outcomes", 0, "userErrors", 0, "code").(string)
	return code
}

// wantAsNow checks that each object of a payload equals the same object read afterwards.
func (w *world) wantAsNow(a *answer, token string, payload any) {
	w.t.Helper()
	for field, doc := range map[string]string{
		"conversation": document(`query($id: ID!) { conversation(id: $id) { ...conversation } }`),
		"contact":      document(`query($id: ID!) { contact(id: $id) { ...contact } }`),
		"agent":        document(`query($id: ID!) { agent(id: $id) { ...agent } }`),
		"workflow":     document(`query($id: ID!) { workflow(id: $id) { ...workflow } }`),
		"run":          document(`query($id: ID!) { run: node(id: $id) { ...run } }`),
		"workspace":    document(`{ workspace { ...workspace } }`),
	} {
		shown := get(payload, field)
		if shown == nil {
			continue
		}
		v := vars{"id": get(shown, "id")}
		if field == "workspace" {
			v = nil
		}
		if now := w.query(token, doc, v).get("data", field); !same(shown, now) {
			w.t.Errorf("the payload shows %v, but it is %v", shown, now)
		}
	}
}
