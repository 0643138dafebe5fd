package graph_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/graph"
)

// schema is the schema of the API.
var schema = func() *ast.Schema {
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		panic(err)
	}
	return graph.WithObjectsOnly(gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)}))
}()

// fragments select all fields of an object, and enough of its neighbours to identify them.
var fragments = map[string]string{
	"agent":   `on Agent { id name email avatarUrl role skills availability active openConversations revision }`,
	"contact": `on Contact { id name email phone avatarUrl identities { channel externalId } blocked blockedAt assignee { id name } version revision openConversation { id } latestConversation { id } canOpen cannotOpenReason }`,
	"conversation": `on Conversation { id status channel lastInboundChannel contact { id name version blocked } assignee { id name } version revision latest sortKey openedAt openedBy { ...actor }
		closedAt closedBy { ...actor } closingNote { category text } lastActivityAt waitingSince unreadCount lastMessage { id }
		canClose cannotCloseReason canReopen cannotReopenReason canReply cannotReplyReason canAssign cannotAssignReason }`,
	"message":   `on Message { id kind author { ...actor } body truncated preview createdAt sentAt automated withheld channel }`,
	"workspace": `on Workspace { id name timeZone country reopenPolicy reopenWithinDays ownerPolicy closingCategories }`,
	"token":     `on Token { id name scope agent { id name } createdAt expiresAt revokedAt lastUsedAt }`,
	"session":   `on Session { agent { id name } role scope expiresAt workspace { id name } limits { subscriptions sockets documentBytes cost } }`,
	"actor":     `on Actor { __typename ... on Agent { id } ... on Contact { id } ... on Integration { id name } ... on Workflow { id name } }`,
	"event": `on Event { __typename id cursor occurredAt actor { ...actor } via { id name } conversation { id version } contact { id version } idempotencyKey conversationRevision contactRevision
		... on MessageEvent { message { ...message } } ... on AssignmentEvent { from { id name } to { id name } reason run { id } }
		... on WorkflowCreated { workflow { id } } ... on WorkflowUpdated { workflow { id } changes { field before after } } ... on WorkflowEnabled { workflow { id } }
		... on WorkflowDisabled { workflow { id } } ... on WorkflowDeleted { workflow { id } } ... on WorkflowRan { workflow { id } run { id } status }
		... on StatusEvent { source closingNote { category text } }
		... on ContactUpdated { changes { field before after } } ... on AgentUpdated { agent { id } changes { field before after } }
		... on WorkspaceUpdated { changes { field before after } } ... on BusinessEventRecorded { type payload requiresAction }
		... on AgentCreated { agent { id name } } ... on AgentDeactivated { agent { id active } } ... on AgentReactivated { agent { id active } }
		... on IdentityLinked { agent { id } } ... on TokenCreated { token { id } } ... on TokenRevoked { token { id } }
		... on AvailabilityChanged { agent { id availability } previousAvailability availability } }`,
	"workflow": `on Workflow { id name template definition { ...definition } enabled createdAt deletedAt problems { code message field } }`,
	"definition": `on WorkflowDefinition { triggers conditions { reasons sources channels categories businessEventTypes automated status assignee { none noneByOwnerPolicy unavailable agents { id name } } hours { from until } days }
		steps { __typename ...step } }`,
	"step": `on WorkflowStep { ... on AssignStep { agent { id name } always } ... on UnassignStep { always }
		... on AssignRoundRobinStep { agents { id name } skill capacity exceptPrevious always } ... on AssignLeastLoadedStep { agents { id name } skill capacity exceptPrevious always }
		... on CloseStep { category text always } ... on AddNoteStep { text always } ... on WaitStep { seconds always } }`,
	"run":     `on WorkflowRun { id workflow { id name } event { __typename id cursor } conversation { id } contact { id } status depth steps { ...runStep } dueAt startedAt endedAt }`,
	"runStep": `on WorkflowRunStep { kind outcome at agent { id name } code message candidates { agent { id name } openConversations outcome } }`,
	"page":    `on PageInfo { hasNextPage hasPreviousPage startCursor endCursor }`,
	"counts":  `on InboxCounts { mine mineUnread unassigned all closed blocked asOf }`,
	"change":  `on InboxChange { kind conversationId conversation { id status version } event { __typename id cursor } counts { ...counts } filteredCount cursor }`,
	"dashboard": `on Dashboard { counts { open unassigned waiting } agents { agent { id name } openConversations closedToday longestWaiting } oldestWaiting
		firstResponse { ...durations } resolution { ...durations } timeToAssignment { ...durations } asOf }`,
	"durations":   `on DashboardDurations { today { p50 p90 count } last7Days { p50 p90 count } }`,
	"unread":      `on UnreadChange { conversationId unreadCount mineUnread }`,
	"agentChange": `on AgentChange { agents { id name openConversations } event { __typename id cursor } cursor }`,
}

var spread = regexp.MustCompile(`\.\.\.(\w+)`)

// document adds the fragments that a document spreads, and those that they spread.
func document(text string) string {
	added := map[string]bool{}
	for again := true; again; {
		again = false
		for _, found := range spread.FindAllStringSubmatch(text, -1) {
			if name := found[1]; !added[name] {
				added[name], again = true, true
				text += "\nfragment " + name + " " + fragments[name]
			}
		}
	}
	return text
}

// mutations are the documents of all mutations, each asking for the whole payload.
var mutations = func() map[string]string {
	parts := map[string]string{
		"conversation": "{ ...conversation }", "contact": "{ ...contact }", "agent": "{ ...agent }", "workspace": "{ ...workspace }",
		"events": "{ ...event }", "userErrors": "{ code message field }", "ignored": "{ code message field }", "message": "{ ...message }",
		"outcomes": "{ conversationId conversation { ...conversation } userErrors { code message field } }",
		"workflow": "{ ...workflow }", "workflowsWithProblems": "{ ...workflow }", "run": "{ ...run }", "token": "{ ...token }", "steps": "{ ...runStep }",
	}
	docs := map[string]string{}
	for _, field := range schema.Mutation.Fields {
		var selection []string
		for _, part := range schema.Types[field.Type.Name()].Fields {
			selection = append(selection, part.Name+" "+parts[part.Name])
		}
		docs[field.Name] = document(fmt.Sprintf("mutation($input: %s) { %s(input: $input) { %s } }",
			field.Arguments.ForName("input").Type, field.Name, strings.Join(selection, " ")))
	}
	return docs
}()

// subscriptions are the documents of all subscriptions, each taking all its arguments.
var subscriptions = func() map[string]string {
	docs := map[string]string{}
	for _, field := range schema.Subscription.Fields {
		var declared, given []string
		for _, a := range field.Arguments {
			declaration := fmt.Sprintf("$%s: %s", a.Name, a.Type)
			if a.DefaultValue != nil {
				declaration += " = " + a.DefaultValue.String()
			}
			declared, given = append(declared, declaration), append(given, fmt.Sprintf("%s: $%s", a.Name, a.Name))
		}
		shown := map[string]string{"Event": "event", "AssignmentEvent": "event", "StatusEvent": "event", "InboxChange": "change", "InboxCounts": "counts", "Dashboard": "dashboard", "AgentChange": "agentChange", "UnreadChange": "unread", "WorkflowRun": "run"}[field.Type.Name()]
		docs[field.Name] = document(fmt.Sprintf("subscription%s { %s%s { ...%s } }",
			parentheses(declared), field.Name, parentheses(given), shown))
	}
	return docs
}()

func parentheses(list []string) string {
	if list == nil {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// TestEverythingIsAsked reads the schema and reports what no test selects: root fields, fields of
// objects, successes and refusals of mutations.
func TestEverythingIsAsked(t *testing.T) {
	asked := map[string]bool{}
	see := func(doc string) {
		t.Helper()
		parsed, err := gqlparser.LoadQueryWithRules(schema, doc, nil)
		if err != nil {
			t.Fatalf("%v in %s", err, doc)
		}
		for _, op := range parsed.Operations {
			look(op.SelectionSet, asked)
		}
	}
	for _, c := range queryCases {
		see(c.doc)
	}
	for _, c := range mutationCases {
		see(mutations[c.mutation])
		if c.code != "" {
			asked["UserErrorCode."+c.code] = true
		} else {
			asked["success of "+c.mutation] = true
		}
	}
	for name := range subscriptionTests {
		see(subscriptions[name])
	}

	for _, def := range schema.Types {
		if def.BuiltIn || def.Kind != ast.Object || strings.HasPrefix(def.Name, "__") {
			continue
		}
		for _, field := range def.Fields {
			if !strings.HasPrefix(field.Name, "__") && !asked[def.Name+"."+field.Name] {
				t.Errorf("no test asks for %s.%s", def.Name, field.Name)
			}
		}
	}
	for _, field := range schema.Mutation.Fields {
		if !asked["success of "+field.Name] {
			t.Errorf("no test shows the success of %s", field.Name)
		}
	}
	for _, value := range schema.Types["UserErrorCode"].EnumValues {
		if !asked["UserErrorCode."+value.Name] && value.Name != "INVALID_FIELD" { // which refuses nothing
			t.Errorf("no test shows the refusal %s", value.Name)
		}
	}
}

// TestPossibleTypes: introspection shows objects only as the possible types of interfaces and
// unions, though some interfaces implement Event.
func TestPossibleTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.introspection = true })
	a := w.query(w.agent.token, `{ __schema { types { name kind interfaces { name } possibleTypes { kind name } } } }`, nil)
	shown := map[string][]string{}
	for _, def := range a.get("data", "__schema", "types").([]any) {
		possible, _ := get(def, "possibleTypes").([]any)
		for _, one := range possible {
			if shown[get(def, "name").(string)] = append(shown[get(def, "name").(string)], get(one, "name").(string)); get(one, "kind") != "OBJECT" {
				t.Errorf("%v may be %v", get(def, "name"), one)
			}
		}
	}
	if len(shown["Event"]) < 20 || len(shown["StatusEvent"]) != 3 || len(shown["Actor"]) != 4 {
		t.Errorf("some are missing: %v", shown)
	}
}

// TestIntrospectedLists: a type has the lists of its kind, be they empty, and null for all others
// (https://spec.graphql.org/October2021/#sec-The-__Type-Type).
func TestIntrospectedLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.introspection = true })
	a := w.query(w.agent.token, `{ __schema { types { ...T fields { name args { name } type { ...T } } } } }
		fragment T on __Type { name kind fields { name } interfaces { name } possibleTypes { name } enumValues { name } inputFields { name } }`, nil)
	wanted := map[string]string{
		"OBJECT": "fields interfaces", "INTERFACE": "fields interfaces possibleTypes", "UNION": "possibleTypes",
		"ENUM": "enumValues", "INPUT_OBJECT": "inputFields", "SCALAR": "", "NON_NULL": "", "LIST": "",
	}
	seen := map[string]bool{}
	check := func(def any) {
		kind := get(def, "kind").(string)
		seen[kind] = true
		var lists []string
		for _, name := range []string{"fields", "interfaces", "possibleTypes", "enumValues", "inputFields"} {
			if get(def, name) != nil {
				lists = append(lists, name)
			}
		}
		if got := strings.Join(lists, " "); got != wanted[kind] {
			t.Errorf("the %s %v has %q, not %q", kind, get(def, "name"), got, wanted[kind])
		}
	}
	for _, def := range a.get("data", "__schema", "types").([]any) {
		check(def)
		fields, _ := get(def, "fields").([]any)
		for _, f := range fields {
			if check(get(f, "type")); get(f, "args") == nil {
				t.Errorf("the arguments of %v are null", get(f, "name"))
			}
		}
	}
	for kind := range wanted {
		if !seen[kind] {
			t.Errorf("no %s was seen", kind)
		}
	}
}

// look collects the fields of a selection, as Type.field; those of an interface or
// union count for all its types.
func look(set ast.SelectionSet, asked map[string]bool) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			asked[s.ObjectDefinition.Name+"."+s.Name] = true
			for _, def := range schema.GetPossibleTypes(s.ObjectDefinition) {
				asked[def.Name+"."+s.Name] = true
			}
			look(s.SelectionSet, asked)
		case *ast.InlineFragment:
			look(s.SelectionSet, asked)
		case *ast.FragmentSpread:
			look(s.Definition.SelectionSet, asked)
		}
	}
}
