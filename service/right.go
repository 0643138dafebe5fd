package service

import "slices"

// Role determines what a caller may do.
type Role string

// The roles of callers: agents have one of the first two, API tokens of programs one of the next
// three.
const (
	RoleAgent       Role = "AGENT"
	RoleManager     Role = "MANAGER"
	RoleIntegration Role = "INTEGRATION"
	RoleReader      Role = "READER"
	RoleDashboard   Role = "DASHBOARD"
	RoleWorkflow    Role = "WORKFLOW" // of the steps of workflow runs
)

// Roles are the roles that callers of the API can have.
var Roles = []Role{RoleAgent, RoleManager, RoleIntegration, RoleReader, RoleDashboard}

// Right says which roles may use a verb.
type Right struct {
	Root  string // Query, Mutation or Subscription
	Verb  string // the field of that type
	Roles []Role
}

// The sets of roles in rights.
var (
	everybody    = Roles
	readers      = []Role{RoleAgent, RoleManager, RoleIntegration, RoleReader}
	writers      = []Role{RoleAgent, RoleManager, RoleIntegration}
	agents       = []Role{RoleAgent, RoleManager}
	managers     = []Role{RoleManager}
	integrations = []Role{RoleIntegration}
)

// rights has an entry for every query, mutation and subscription of the schema. A verb without an
// entry is for no caller. docs/roles.md is generated from it.
var rights = []Right{
	{"Query", "asOf", everybody},
	{"Query", "session", everybody},
	{"Query", "workspace", everybody},
	{"Query", "inboxCounts", everybody},
	{"Query", "dashboard", everybody},
	{"Query", "viewer", readers},
	{"Query", "inbox", readers},
	{"Query", "agents", readers},
	{"Query", "contacts", readers},
	{"Query", "conversation", readers},
	{"Query", "contact", readers},
	{"Query", "agent", readers},
	{"Query", "workflows", readers},
	{"Query", "workflow", readers},
	{"Query", "workflowTemplates", readers},
	{"Query", "events", readers},
	{"Query", "node", readers},
	{"Query", "nodes", readers},
	{"Query", "dryRunWorkflow", managers},
	{"Query", "tokens", managers},
	{"Query", "auditEvents", managers},
	{"Query", "accessLog", managers},

	{"Mutation", "assignConversation", writers},
	{"Mutation", "unassignConversation", writers},
	{"Mutation", "assignContact", writers},
	{"Mutation", "unassignContact", writers},
	{"Mutation", "closeConversation", writers},
	{"Mutation", "openConversation", writers},
	{"Mutation", "reopenConversation", writers},
	{"Mutation", "assignConversations", writers},
	{"Mutation", "unassignConversations", writers},
	{"Mutation", "closeConversations", writers},
	{"Mutation", "createContact", writers},
	{"Mutation", "updateContact", writers},
	{"Mutation", "blockContact", writers},
	{"Mutation", "unblockContact", writers},
	{"Mutation", "assignToMe", agents},
	{"Mutation", "sendMessage", agents},
	{"Mutation", "addNote", agents},
	{"Mutation", "markRead", agents},
	{"Mutation", "setAvailability", agents}, // see maySetAvailability
	{"Mutation", "receiveMessage", integrations},
	{"Mutation", "recordBusinessEvent", integrations},
	{"Mutation", "createAgent", managers},
	{"Mutation", "updateAgent", managers},
	{"Mutation", "deactivateAgent", managers},
	{"Mutation", "reactivateAgent", managers},
	{"Mutation", "createToken", managers},
	{"Mutation", "revokeToken", managers},
	{"Mutation", "updateWorkspace", managers},
	{"Mutation", "createWorkflow", managers},
	{"Mutation", "createWorkflowFromTemplate", managers},
	{"Mutation", "updateWorkflow", managers},
	{"Mutation", "enableWorkflow", managers},
	{"Mutation", "disableWorkflow", managers},
	{"Mutation", "deleteWorkflow", managers},
	{"Mutation", "cancelWorkflowRun", managers},

	{"Subscription", "inboxCountsChanged", everybody},
	{"Subscription", "dashboardChanged", everybody},
	{"Subscription", "assignmentChanged", readers},
	{"Subscription", "statusChanged", readers},
	{"Subscription", "conversationChanged", readers},
	{"Subscription", "inboxChanged", readers},
	{"Subscription", "unreadChanged", agents},
	{"Subscription", "agentsChanged", readers},
	{"Subscription", "events", readers},
	{"Subscription", "workflowRunChanged", readers},
}

// Rights returns the rights of all callers of the API.
func Rights() []Right { return slices.Clone(rights) }

// rolesOf has the roles that may use each verb.
var rolesOf = func() map[string][]Role {
	of := map[string][]Role{}
	for _, right := range rights {
		of[right.Verb] = right.Roles
	}
	return of
}()

// Permit returns FORBIDDEN if the caller's role may not use a verb. It is called before the verb
// looks at its input. An object that is read by its id needs the right to the query of its kind,
// whatever refers to it.
func Permit(a Actor, verb string) error {
	if a.Role == RoleWorkflow || slices.Contains(rolesOf[verb], a.Role) { // workflows are made by managers
		return nil
	}
	return &Error{Forbidden, forbiddenMessage(a, rolesOf[verb])}
}

// permitWrite is Permit for every transaction that writes. One that is no verb of the API, such as
// an import or a sign-in, is the server's own doing for an agent or the operator.
func permitWrite(a Actor, verb string) error {
	if rolesOf[verb] == nil && slices.Contains(writers, a.Role) {
		return nil
	}
	return Permit(a, verb)
}

// forbiddenMessage says why a caller is not among the roles that may use a verb.
func forbiddenMessage(a Actor, allowed []Role) string {
	switch {
	case slices.Equal(allowed, managers):
		return "only a manager may do this"
	case slices.Equal(allowed, integrations):
		return "only an integration may do this; make a token for it with the scope integration"
	case a.Role == RoleDashboard:
		return "a dashboard token reads counts and the dashboard only, without its agents; make a token with the scope read to read more"
	case slices.Equal(allowed, agents):
		return notAnAgent
	}
	return "a read token cannot change anything"
}

const notAnAgent = "only an agent may do this; the token belongs to a program"
