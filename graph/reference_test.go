package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"switchboard/db"
	"switchboard/graph"
	"switchboard/service"
)

// Tests that plans answer operations as gqlgen's own executor does.

// TestReference compares the answers to random documents, with random faults: data byte by byte,
// errors by path, code and message. More documents: -rapid.checks=20000.
//
// Plans differ on purpose:
//   - gqlgen answers {"field":null} for an item of a subscription whose field may not be null. A plan
//     answers null, as https://spec.graphql.org/October2021/#sec-Handling-Field-Errors asks for.
//   - gqlgen answers one of several selections with the same response key that are made through unrelated
//     interfaces. A plan merges them: https://spec.graphql.org/October2021/#sec-Field-Selection-Merging.
//   - gqlgen defers what @defer marks, in a form of its own. Plans refuse the directive, which the
//     specification does not have yet.
//   - The fields of a mutation do not share what was read: each sees what those before it changed
//     (https://spec.graphql.org/October2021/#sec-Normal-and-Serial-Execution).
func TestReference(t *testing.T) {
	t.Parallel()
	r := newReference(t)
	documents, valid := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		if documents++; r.compare(t) {
			valid++
		}
	})
	if valid*2 < documents {
		t.Errorf("%d of %d documents are valid; does this test still look?", valid, documents)
	}
}

// reference is a world that nothing changes, with an executor of each kind.
type reference struct {
	*world
	callers []service.Actor

	conversation *db.Conversation
	message      *db.Message

	ids       []string
	mutations []string // their fields with arguments; each was executed before and answers the same again
	fault     *fault

	compiled, gqlgen graphql.GraphExecutor
}

func newReference(t *testing.T) *reference {
	w := newWorld(t, func(o *options) { // however busy the machine is
		o.pool.StatementTimeout, o.pool.LockTimeout, o.pool.PoolTimeout = time.Minute, time.Minute, time.Minute
	})
	r := &reference{world: w, callers: []service.Actor{w.agent.Actor, w.manager.Actor, w.colleague.Actor}}
	c, m := w.talked()
	r.conversation, r.message = c, m
	w.everything(c, m)
	contact, older, latest := w.twice(w.manager, "Grace")
	w.assign(w.manager, latest, w.colleague)
	w.say(latest, db.Inbound, contact.ID.Ref(), "Is \"anybody\"\tthere?\n\\o/ — ☎")
	w.say(latest, db.Outbound, w.colleague.id.Ref(), "Yes.")
	blocked, _ := w.opened(w.agent, "Mallory")
	w.block(w.manager, blocked.ID)
	tokens, err := w.auth.List(t.Context(), w.key)
	must(t, err)
	log := w.history(w.key)
	for _, id := range []fmt.Stringer{
		c.ID, older.ID, latest.ID, contact.ID, c.ContactID, blocked.ID, m.ID, w.agent.id, w.colleague.id, tokens[0].ID, w.workspace.ID,
		log[0].ID, log[len(log)-1].ID, db.AgentID{UUID: db.NewUUID()}, db.ConversationID{UUID: db.NewUUID()},
	} {
		r.ids = append(r.ids, id.String())
	}
	for _, e := range log {
		if e.Data.WorkflowID != nil && e.Data.Run != nil {
			r.ids = append(r.ids, e.Data.WorkflowID.String(), e.Data.Run.ID.String())
			break
		}
	}
	r.ids = append(r.ids, "nonsense")
	options := graph.Options{Service: w.service, Auth: w.auth, Log: quietLog, Introspection: true}
	r.compiled, r.gqlgen = graph.NewExecutor(options, r.plant), graph.NewReference(options, r.plant)
	r.mutate(t, latest, contact)
	return r
}

// mutate executes mutations once; with the same key they answer the same again.
func (r *reference) mutate(t *testing.T, c *db.Conversation, contact *db.Contact) {
	t.Helper()
	r.mutations = []string{
		fmt.Sprintf(`assignConversation(input: {conversationId: %q, assigneeId: %q, idempotencyKey: "1"})`, c.ID, r.agent.id),
		fmt.Sprintf(`addNote(input: {conversationId: %q, body: "Look", idempotencyKey: "2"})`, c.ID),
		fmt.Sprintf(`closeConversation(input: {conversationId: %q, note: {text: "Done"}, idempotencyKey: "3"})`, c.ID),
		fmt.Sprintf(`reopenConversation(input: {conversationId: %q, idempotencyKey: "4"})`, c.ID),
		fmt.Sprintf(`assignConversations(input: {items: [{conversationId: %q}, {conversationId: %q}], assigneeId: %q, idempotencyKey: "5"})`,
			c.ID, db.ConversationID{UUID: db.NewUUID()}, r.colleague.id),
		fmt.Sprintf(`updateContact(input: {contactId: %q, name: "Grace H.", idempotencyKey: "6"})`, contact.ID),
		`setAvailability(input: {availability: AWAY, idempotencyKey: "7"})`,
		fmt.Sprintf(`closeConversation(input: {conversationId: %q})`, db.ConversationID{UUID: db.NewUUID()}),
	}
	for _, by := range r.callers {
		r.mutateAs(t, by)
	}
}

func (r *reference) mutateAs(t *testing.T, by service.Actor) {
	t.Helper()
	for _, m := range r.mutations {
		answer := r.execute(t, r.gqlgen, by, "mutation { "+m+" { userErrors { code } } }", nil)
		if len(answer.Errors) > 0 && !strings.Contains(string(answer.Data), `"closeConversation":null`) {
			t.Fatalf("%s: %v", m, answer.Errors)
		}
	}
}

// A fault makes some fields of an answer fail, chosen by their paths.
type fault struct {
	salt   string
	oneOf  uint32 // one of so many fields fails
	asNull bool   // they are null instead
}

// plant is called around each field by both executors.
func (r *reference) plant(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	value, err := next(ctx)
	if r.fault == nil || r.fault.oneOf == 0 || strings.HasPrefix(field.Object, "__") || strings.HasPrefix(field.Field.Name, "__") {
		return value, err
	}
	path, ok := value.(ast.Path) // a plan knows no context of the field
	if !ok {
		path = field.Path()
	}
	hash := fnv.New32a()
	fmt.Fprint(hash, r.fault.salt, path.String())
	switch {
	case hash.Sum32()%r.fault.oneOf != 0:
		return value, err
	case r.fault.asNull:
		return nil, nil
	}
	return nil, errors.New("planted")
}

// execute executes an operation as a transport does.
func (r *reference) execute(t fatal, exec graphql.GraphExecutor, caller service.Actor, doc string, v vars) *graphql.Response {
	ctx := graphql.StartOperationTrace(graph.WithActor(r.t.Context(), caller))
	op, errs := exec.CreateOperationContext(ctx, &graphql.RawParams{Query: doc, Variables: v})
	if len(errs) > 0 {
		return &graphql.Response{Errors: errs}
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil {
		t.Fatalf("%s\nis not answered", doc)
	}
	return response
}

type fatal interface {
	Fatalf(format string, args ...any)
}

// compare executes a random operation in both ways and reports whether it was valid.
func (r *reference) compare(t *rapid.T) (valid bool) {
	d := &randomDocument{T: t, reference: r}
	doc := d.operation()
	v := vars{"yes": true, "no": false, "some": rapid.Bool().Draw(t, "some")}
	caller := rapid.SampledFrom(r.callers).Draw(t, "caller")
	r.fault = &fault{fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "salt")), rapid.SampledFrom([]uint32{0, 0, 40, 10, 4}).Draw(t, "faults"), rapid.Bool().Draw(t, "null")}
	want, got := r.execute(t, r.gqlgen, caller, doc, v), r.execute(t, r.compiled, caller, doc, v)
	if !bytes.Equal(want.Data, got.Data) {
		t.Fatalf("%s\n%v\ngqlgen answers\n%s %v\nand the plan\n%s %v", doc, v, want.Data, want.Errors, got.Data, got.Errors)
	}
	if want.Data == nil {
		return false // neither has executed it
	}
	// gqlgen reports an error twice where it does not merge fields.
	if wanted, gotten := slices.Compact(listed(want)), listed(got); !slices.Equal(wanted, gotten) {
		t.Fatalf("%s\n%v\ngqlgen answers %s\nwith\n%s\nand the plan with\n%s", doc, v, want.Data, strings.Join(wanted, "\n"), strings.Join(gotten, "\n"))
	}
	return true
}

// listed returns the errors of a response in an order of their own.
func listed(r *graphql.Response) (all []string) {
	for _, err := range r.Errors {
		path, _ := json.Marshal(err.Path)
		all = append(all, fmt.Sprintf("%s %v %s", path, err.Extensions["code"], err.Message))
	}
	slices.Sort(all)
	return all
}

// randomDocument generates an operation.
type randomDocument struct {
	*rapid.T
	*reference
	aliases   int
	fragments []string

	unconditional bool // without variables
}

func (d *randomDocument) chance(of int, what string) bool {
	return rapid.IntRange(1, of).Draw(d.T, what) == 1
}

func (d *randomDocument) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(d.T, what)
}

func (d *randomDocument) operation() string {
	var operation strings.Builder
	kind, fields := "query", d.roots
	if d.chance(4, "a mutation") {
		kind, fields = "mutation", d.mutation
	}
	for range rapid.IntRange(1, 3).Draw(d.T, "roots") {
		operation.WriteString(" " + fields())
	}
	return fmt.Sprintf("%s($yes: Boolean!, $no: Boolean!, $some: Boolean!) {%s _: __typename @include(if: $yes) @skip(if: $no) __: __typename @skip(if: $some) }\n%s",
		kind, operation.String(), strings.Join(d.fragments, "\n"))
}

func (d *randomDocument) mutation() string {
	call := d.pick("mutation", d.mutations...)
	name, _, _ := strings.Cut(call, "(")
	return d.alias() + call + d.selection(schema.Mutation.Fields.ForName(name).Type.Name(), 4)
}

func (d *randomDocument) roots() string {
	if d.chance(12, "introspection") {
		return d.pick("which", `__schema { queryType { name } }`, `__type(name: "Node") { name fields { name } }`, `__type(name: "Nobody") { name }`)
	}
	field := rapid.SampledFrom(schema.Query.Fields).Draw(d.T, "root")
	if strings.HasPrefix(field.Name, "__") || field.Name == "dryRunWorkflow" {
		return "__typename"
	}
	return d.field(field, 5)
}

// field selects a field, always under an alias if it has arguments, since other selections have
// others.
func (d *randomDocument) field(f *ast.FieldDefinition, depth int) string {
	var args []string
	for _, arg := range f.Arguments {
		if value := d.argument(arg); value != "" {
			args = append(args, arg.Name+": "+value)
		}
	}
	text := f.Name
	if len(args) > 0 {
		text = d.alias() + f.Name + "(" + strings.Join(args, ", ") + ")"
	} else if len(f.Arguments) > 0 || d.chance(8, "alias") {
		text = d.alias() + f.Name
	}
	text += d.condition()
	if schema.Types[f.Type.Name()].IsCompositeType() {
		text += d.selection(f.Type.Name(), depth-1)
	}
	return text
}

func (d *randomDocument) alias() string {
	d.aliases++
	return fmt.Sprintf("f%d: ", d.aliases)
}

func (d *randomDocument) condition() string {
	if d.unconditional || !d.chance(15, "condition") {
		return ""
	}
	return d.pick("which condition", " @include(if: $some)", " @skip(if: $some)", " @include(if: false)", " @skip(if: $no)", " @skip(if: $some) @include(if: $yes)")
}

// argument returns the value of an argument, or "" to leave it out.
func (d *randomDocument) argument(arg *ast.ArgumentDefinition) string {
	quoted := func() string { return fmt.Sprintf("%q", d.pick("id", d.ids...)) }
	switch name := arg.Name; {
	case name == "id":
		return quoted()
	case name == "ids":
		return "[" + quoted() + ", " + quoted() + ", " + quoted() + "]"
	case name == "first" && d.chance(2, "first"):
		return d.pick("how many", "1", "2", "3", "0", "101")
	case name == "last" && d.chance(10, "last"):
		return "2"
	case name == "after" && d.chance(20, "after"):
		return `"nonsense"`
	case name == "filter" && arg.Type.Name() == "InboxFilter" && d.chance(4, "filter"):
		return d.pick("which filter", `{assignees: ["nonsense"]}`, `{assignees: [null]}`, `{openedAfter: "soon"}`, `{assignees: []}`, `{channels: ["twitter"]}`)
	case name == "view":
		return d.pick("view", "ALL", "MINE", "CLOSED", "BLOCKED", "UNASSIGNED")
	}
	return ""
}

// selection selects something of a type.
func (d *randomDocument) selection(of string, depth int) string {
	def := schema.Types[of]
	var parts []string
	for range rapid.IntRange(1, 5).Draw(d.T, "fields") {
		parts = append(parts, d.part(def, depth))
	}
	return " { " + strings.Join(parts, " ") + " }"
}

func (d *randomDocument) part(def *ast.Definition, depth int) string {
	choice := rapid.IntRange(0, 9).Draw(d.T, "part")
	if depth <= 0 {
		choice = 9 // no more fragments
	}
	if choice <= 2 && def.IsAbstractType() || choice == 0 {
		on := rapid.SampledFrom(d.overlapping(def)).Draw(d.T, "on")
		return "... on " + on.Name + d.condition() + d.selection(on.Name, depth-1)
	}
	if choice == 3 {
		number := len(d.fragments)
		name := fmt.Sprintf("part%d", number)
		d.fragments = append(d.fragments, "")
		d.fragments[number] = "fragment " + name + " on " + def.Name + d.selection(def.Name, depth-1)
		return "..." + name + " ..." + name
	}
	fields := slices.DeleteFunc(slices.Clone(def.Fields), func(f *ast.FieldDefinition) bool {
		return depth <= 0 && schema.Types[f.Type.Name()].IsCompositeType()
	})
	if len(fields) == 0 {
		return "__typename"
	}
	return d.field(rapid.SampledFrom([]*ast.FieldDefinition(fields)).Draw(d.T, "field"), depth)
}

// overlapping returns the types that a fragment on objects of this type can name.
func (d *randomDocument) overlapping(def *ast.Definition) (types []*ast.Definition) {
	for _, possible := range schema.GetPossibleTypes(def) {
		types = append(types, possible)
		for _, abstract := range schema.GetImplements(possible) {
			if !slices.Contains(types, abstract) {
				types = append(types, abstract)
			}
		}
	}
	slices.SortFunc(types, func(a, b *ast.Definition) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(types)
}

// TestReferenceItems compares the items of random subscriptions.
func TestReferenceItems(t *testing.T) {
	t.Parallel()
	r := newReference(t)
	type pair struct {
		doc       string
		want, got *execution
	}
	var pairs []pair
	for of, root := range map[string]string{
		"Event": fmt.Sprintf("conversationChanged(conversationId: %q)", r.conversation.ID), "InboxChange": "inboxChanged(view: ALL)",
		"StatusEvent": "statusChanged", "AssignmentEvent": "assignmentChanged", "AgentChange": "agentsChanged",
	} {
		documents := rapid.Custom(func(t *rapid.T) string {
			d := &randomDocument{T: t, reference: r, unconditional: true}
			return "subscription { s: " + root + d.selection(of, 4) + " }\n" + strings.Join(d.fragments, "\n")
		})
		for seed := range 4 {
			doc := documents.Example(seed)
			in := sharedContext(t, r.gqlgen, doc, r.agent.Actor)
			pairs = append(pairs, pair{doc, execute(t, r.gqlgen, in, doc), execute(t, r.compiled, in, doc)})
		}
	}
	r.everything(r.conversation, r.message)
	end, compared := r.sealed(), 0
	for _, p := range pairs {
		want, got := p.want.until(end), p.got.until(end)
		if len(want) != len(got) {
			t.Errorf("%s\ngqlgen has %d items, the plan %d", p.doc, len(want), len(got))
			continue
		}
		for i := range want {
			if compared++; !bytes.Equal(want[i].Data, got[i].Data) {
				t.Errorf("%s\ngqlgen answers\n%s\nand the plan\n%s", p.doc, want[i].Data, got[i].Data)
			}
		}
	}
	if compared < 500 {
		t.Errorf("%d items were compared; does this test still look?", compared)
	}
}
