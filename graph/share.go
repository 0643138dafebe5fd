package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

// shareable are the subscriptions that may share an execution: what they give depends on
// the arguments and the audience alone.
var shareable = map[string]bool{
	"assignmentChanged":   true,
	"statusChanged":       true,
	"conversationChanged": true,
	"inboxChanged":        true,
	"inboxCountsChanged":  true,
	"dashboardChanged":    true,
	"agentsChanged":       true,
}

// share says with whom a subscription may share its execution: with those who ask for the
// same and may see the same; if anything in it depends on the caller, only with the
// caller's own. Whatever it does not understand is not shared.
func share(ctx context.Context, op *graphql.OperationContext) (live.Shared, bool) {
	var none live.Shared
	if op.Operation.Operation != ast.Subscription {
		return none, false
	}
	fields := rootFields(op, "Subscription")
	if len(fields) != 1 || !shareable[fields[0].Name] {
		return none, false
	}
	document := reading{fragments: map[*ast.FragmentDefinition]bool{}}
	document.directives(op.Operation.Directives)
	document.selection(op.Operation.SelectionSet)
	root := fields[0].Field
	after, err := placeOf(root, op.Variables)
	if document.strange || err != nil {
		return none, false
	}
	actor := actorOf(ctx)
	shared := live.Shared{After: after, Context: context.WithValue(context.Background(), requestKey, uuid.NewString())}
	caller := ""
	if document.perCaller || ofCaller(root, op.Variables) {
		if actor.Ref().IsZero() {
			return none, false
		}
		caller, shared.Context = actor.Ref().String(), withActor(shared.Context, alone(actor))
	} else {
		shared.Context = withAudience(shared.Context, actor.Audience())
	}
	variables, err := json.Marshal(withoutPlace(root, op.Variables))
	if err != nil {
		return none, false
	}
	shared.Key = digest(strconv.FormatInt(int64(actor.Workspace), 10), string(actor.Role), caller, op.Operation.Name, op.RawQuery, string(variables))
	return shared, true
}

// reading is what share looks for in a document. It looks at every field, whether it is
// included or skipped, and at each fragment once.
type reading struct {
	fragments map[*ast.FragmentDefinition]bool // those looked at
	perCaller bool                             // a field depends on the caller
	strange   bool                             // something is not understood
}

func (r *reading) selection(set ast.SelectionSet) {
	for _, selected := range set {
		switch s := selected.(type) {
		case *ast.Field:
			r.directives(s.Directives)
			r.field(s.Definition)
			r.selection(s.SelectionSet)
		case *ast.InlineFragment:
			r.directives(s.Directives)
			r.selection(s.SelectionSet)
		case *ast.FragmentSpread:
			r.directives(s.Directives)
			if s.Definition == nil {
				r.strange = true
			} else if !r.fragments[s.Definition] {
				r.fragments[s.Definition] = true
				r.directives(s.Definition.Directives)
				r.selection(s.Definition.SelectionSet)
			}
		}
	}
}

// field looks at what the schema says of a field.
func (r *reading) field(def *ast.FieldDefinition) {
	if def == nil {
		r.strange = true
		return
	}
	for _, d := range def.Directives {
		switch d.Name {
		case "perCaller":
			r.perCaller = true
		case "deprecated":
		default:
			r.strange = true
		}
	}
}

// directives looks at those of a document. The variables that the known ones read are in
// the key.
func (r *reading) directives(list ast.DirectiveList) {
	for _, d := range list {
		if d.Name != "include" && d.Name != "skip" {
			r.strange = true
		}
	}
}

// ofCaller says that a view is the caller's own. What is not surely another one counts
// as that: enums in variables are not checked for their case.
func ofCaller(root *ast.Field, variables map[string]any) bool {
	if root.Definition.Arguments.ForName("view") == nil {
		return false
	}
	value, _ := valueOf(root, "view", variables)
	view, _ := value.(string)
	return db.View(view) == db.ViewMine || !slices.Contains(db.Views, db.View(view))
}

// placeOf is where a subscriber wants to begin, as it was sent; nil for now.
func placeOf(root *ast.Field, variables map[string]any) (*string, error) {
	value, err := valueOf(root, "after", variables)
	if value == nil || err != nil {
		return nil, err
	}
	text, ok := value.(string)
	if !ok {
		return nil, errors.New("a cursor is a text")
	}
	return &text, nil
}

// withoutPlace leaves out the variable that only says where to begin. It is in no other
// argument, as no other takes an EventCursor.
func withoutPlace(root *ast.Field, variables map[string]any) map[string]any {
	after := root.Arguments.ForName("after")
	if after == nil || after.Value.Kind != ast.Variable {
		return variables
	}
	rest := maps.Clone(variables)
	delete(rest, after.Value.Raw)
	return rest
}

// valueOf gives the coerced value of one argument, which may be its default; nil if
// there is none.
func valueOf(f *ast.Field, name string, variables map[string]any) (any, error) {
	if given := f.Arguments.ForName(name); given != nil {
		if given.Value.Kind != ast.Variable {
			return given.Value.Value(variables)
		}
		if value, ok := variables[given.Value.Raw]; ok {
			return value, nil
		}
	}
	if def := f.Definition.Arguments.ForName(name); def != nil {
		return def.DefaultValue.Value(nil)
	}
	return nil, nil
}

// alone is a caller without what another connection of the same one need not have.
func alone(a service.Actor) service.Actor {
	if a.Agent != nil {
		a.Token = db.TokenID{}
	}
	return a
}

// digest makes one short text of several; lengths keep them apart.
func digest(parts ...string) string {
	var all []byte
	for _, part := range parts {
		all = append(binary.BigEndian.AppendUint64(all, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:])
}
