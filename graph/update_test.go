package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"switchboard/service"
)

// nullCase is a field of an update, with the value that the answer shows if it stays and if it is
// cleared; refused marks a field that cannot be empty.
type nullCase struct{ mutation, field, kind, shown, before, after string }

var nullCases = []nullCase{
	{"updateContact", "phone", "String", "contact { phone }", `{"phone":"555 123"}`, `{"phone":null}`},
	{"updateContact", "email", "String", "contact { email }", `{"email":"ada@customer.example"}`, `{"email":null}`},
	{"updateContact", "avatarUrl", "String", "contact { avatarUrl }", `{"avatarUrl":"https://pictures.example/ada.png"}`, `{"avatarUrl":null}`},
	{"updateContact", "identities", "[ContactIdentityInput!]", "contact { identities { externalId } }", `{"identities":[{"externalId":"@ada"}]}`, `{"identities":[]}`},
	{"updateContact", "name", "String", "contact { name }", `{"name":"Ada"}`, "refused"},
	{"updateAgent", "avatarUrl", "String", "agent { avatarUrl }", `{"avatarUrl":"https://pictures.example/ann.png"}`, `{"avatarUrl":null}`},
	{"updateAgent", "skills", "[String!]", "agent { skills }", `{"skills":["French"]}`, `{"skills":[]}`},
	{"updateAgent", "identity", "AgentIdentityInput", `events { ... on AgentUpdated { changes { field } } }`, `[]`, `[{"changes":[{"field":"identity"}]}]`},
	{"updateAgent", "name", "String", "agent { name }", `{"name":"Ann Agent"}`, "refused"},
	{"updateAgent", "email", "String", "agent { id }", "", "refused"},
	{"updateAgent", "role", "Role", "agent { role }", `{"role":"AGENT"}`, "refused"},
	{"updateWorkspace", "closingCategories", "[String!]", "workspace { closingCategories }", `{"closingCategories":["Question","Problem","Feedback","Other"]}`, `{"closingCategories":[]}`},
	{"updateWorkspace", "country", "String", "workspace { country }", `{"country":"DE"}`, `{"country":null}`},
	{"updateWorkspace", "name", "String", "workspace { name }", "", "refused"},
	{"updateWorkspace", "timeZone", "String", "workspace { timeZone }", "", "refused"},
	{"updateWorkspace", "reopenPolicy", "ReopenPolicy", "workspace { reopenPolicy }", "", "refused"},
	{"updateWorkspace", "reopenWithinDays", "Int", "workspace { reopenWithinDays }", "", "refused"},
	{"updateWorkspace", "ownerPolicy", "OwnerPolicy", "workspace { ownerPolicy }", "", "refused"},
	{"updateWorkflow", "name", "String", "workflow { name }", "", "refused"},
	{"updateWorkflow", "definition", "WorkflowDefinitionInput", "workflow { id }", "", "refused"},
}

// TestNullClears: an explicit null in an update clears a field that can be empty, and a field that
// is left out stays; a variable that is declared but not sent counts as left out.
func TestNullClears(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	for _, u := range nullCases {
		t.Run(u.mutation+"."+u.field, func(t *testing.T) {
			t.Parallel()
			for how, given := range map[string]struct {
				arguments string
				variables vars
				stays     bool
			}{
				"a variable that was not sent": {`($x: ` + u.kind + `) { %s(input: {%s %s: $x})`, nil, true},
				"null in the document":         {`{ %s(input: {%s %s: null})`, nil, false},
				"null in a variable":           {`($x: ` + u.kind + `) { %s(input: {%s %s: $x})`, vars{"x": nil}, false},
			} {
				w := shared.apart(t)
				doc := "mutation" + fmt.Sprintf(given.arguments, u.mutation, w.updated(u.mutation), u.field) + "{ " + u.shown + " } }"
				u.check(t, how, w.post(t, w.manager.token, doc, given.variables), given.stays)
			}
		})
	}
}

func (u *nullCase) check(t *testing.T, how string, a *answer, stays bool) {
	t.Helper()
	if u.after == "refused" && !stays {
		a.wantCode("BAD_USER_INPUT")
		return
	}
	want := u.after
	if stays {
		want = u.before
	}
	object := strings.Fields(u.shown)[0]
	shown, _ := json.Marshal(a.get("data", u.mutation, object))
	if want != "" && string(shown) != want {
		t.Errorf("%s: %s is expected, but it is %s", how, want, a.body)
	}
}

// updated creates the object for an update mutation, with all its fields set, and returns its id.
func (w *world) updated(mutation string) string {
	w.t.Helper()
	ctx := w.t.Context()
	switch mutation {
	case "updateContact":
		o, err := w.service.CreateContact(ctx, w.manager.Actor, service.CreateContactInput{Name: "Ada", Email: new("ada@customer.example"), Phone: new("555 123"),
			AvatarURL: new("https://pictures.example/ada.png"), Identities: []*service.ContactIdentityInput{{Channel: "twitter", ExternalID: "@ada"}}})
		did(w.t)(o, err)
		return fmt.Sprintf("contactId: %q", o.Contact.ID)
	case "updateAgent":
		w.signIn(w.agent)
		did(w.t)(w.service.UpdateAgent(ctx, w.manager.Actor, service.UpdateAgentInput{AgentID: w.agent.id, Skills: []string{"French"}, AvatarURL: new("https://pictures.example/ann.png")}))
		return fmt.Sprintf("agentId: %q", w.agent.id)
	case "updateWorkspace":
		did(w.t)(w.service.UpdateWorkspace(ctx, w.manager.Actor, service.UpdateWorkspaceInput{Country: new("DE")}))
	case "updateWorkflow":
		return fmt.Sprintf("workflowId: %q", w.workflow("unassign-after-close", nil))
	}
	return ""
}
