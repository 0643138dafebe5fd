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
	"switchboard/graph/compiled"
	"switchboard/graph/live"
	"switchboard/service"
)

// A sharing is who may share one execution of a subscription.
type sharing byte

const (
	notShared        sharing = iota // every subscriber has an execution of its own
	sharedByAudience                // subscribers with equal arguments and the same audience
	sharedByView                    // likewise, but a caller's own view only with that caller
)

// sharings has an entry for every field of Subscription.
var sharings = map[string]sharing{
	"assignmentChanged":   sharedByAudience,
	"statusChanged":       sharedByAudience,
	"conversationChanged": sharedByAudience,
	"inboxChanged":        sharedByView,
	"unreadChanged":       sharedByAudience, // it is per caller, so by the devices of one agent
	"events":              sharedByAudience,
	"inboxCountsChanged":  sharedByAudience,
	"dashboardChanged":    sharedByAudience,
	"agentsChanged":       sharedByAudience,
	"workflowRunChanged":  notShared,
}

// share returns which execution a subscription may share, and false if it must run alone. Equal
// subscriptions of callers who may see the same share one. If the document depends on the caller,
// only the caller's own subscriptions do. A document that share does not understand runs alone.
func share(ctx context.Context, op *graphql.OperationContext) (live.Shared, bool) {
	var none live.Shared
	if op.Operation.Operation != ast.Subscription {
		return none, false
	}
	fields := rootFields(op, "Subscription")
	if len(fields) != 1 || sharings[fields[0].Name] == notShared {
		return none, false
	}
	var document reading
	document.operation(op.Operation)
	root := fields[0].Field
	after, err := cursorOf(root, op.Variables)
	if document.unknown || err != nil {
		return none, false
	}
	actor := actorOf(ctx)
	if service.Permit(actor, root.Name) != nil {
		return none, false // what is refused is refused to this caller
	}
	shared := live.Shared{After: after, Context: context.WithValue(context.Background(), requestKey, uuid.NewString())}
	caller := ""
	if document.perCaller || sharings[root.Name] == sharedByView && isOwnView(root, op.Variables) {
		if actor.Ref().IsZero() {
			return none, false
		}
		caller, shared.Context = actor.Ref().String(), withActor(shared.Context, withoutToken(actor))
	} else {
		shared.Context = withAudience(shared.Context, actor.Audience())
	}
	variables, err := json.Marshal(withoutCursor(root, op.Variables))
	if err != nil {
		return none, false
	}
	shared.Key = digest(strconv.FormatInt(int64(actor.Workspace), 10), string(actor.Role), caller, op.Operation.Name, op.RawQuery, string(variables))
	return shared, true
}

// A reading is what share finds in a document. It includes skipped fields.
type reading struct {
	perCaller bool // a field depends on the caller
	unknown   bool // it contains something unknown
}

func (r *reading) operation(op *ast.OperationDefinition) {
	r.directives(op.Directives)
	for selected := range compiled.Selections(op.SelectionSet) {
		r.directives(compiled.Directives(selected))
		switch s := selected.(type) {
		case *ast.Field:
			r.field(s.Definition)
		case *ast.FragmentSpread:
			if s.Definition == nil {
				r.unknown = true
			} else {
				r.directives(s.Definition.Directives)
			}
		}
	}
}

// field reads the directives of a field in the schema.
func (r *reading) field(def *ast.FieldDefinition) {
	if def == nil {
		r.unknown = true
		return
	}
	for _, d := range def.Directives {
		switch d.Name {
		case "perCaller":
			r.perCaller = true
		case "deprecated":
		default:
			r.unknown = true
		}
	}
}

// directives reads directives in a document. Variables that the known ones use are in the key.
func (r *reading) directives(list ast.DirectiveList) {
	for _, d := range list {
		if d.Name != "include" && d.Name != "skip" {
			r.unknown = true
		}
	}
}

// isOwnView reports whether the view depends on the caller. An unknown view counts as one that
// does, because enums in variables are not validated yet.
func isOwnView(root *ast.Field, variables map[string]any) bool {
	value, _ := valueOf(root, "view", variables)
	view, _ := value.(string)
	return db.View(view) == db.ViewMine || !slices.Contains(db.Views, db.View(view))
}

// cursorOf returns the cursor after which a subscriber starts, as it was sent; nil means now.
func cursorOf(root *ast.Field, variables map[string]any) (*string, error) {
	value, err := valueOf(root, "after", variables)
	if value == nil || err != nil {
		return nil, err
	}
	text, ok := value.(string)
	if !ok {
		return nil, errors.New("a cursor must be a string")
	}
	return &text, nil
}

// withoutCursor returns the variables without the one for the cursor. No other argument uses that
// one, because no other takes an EventCursor.
func withoutCursor(root *ast.Field, variables map[string]any) map[string]any {
	after := root.Arguments.ForName("after")
	if after == nil || after.Value.Kind != ast.Variable {
		return variables
	}
	rest := maps.Clone(variables)
	delete(rest, after.Value.Raw)
	return rest
}

// valueOf returns the coerced value of an argument or its default; nil if there is none.
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

// withoutToken returns an agent's actor without the token, in which connections of one agent
// differ.
func withoutToken(a service.Actor) service.Actor {
	if a.Agent != nil {
		a.Token = db.TokenID{}
	}
	return a
}

// digest returns a hash of several texts; their lengths keep them apart.
func digest(parts ...string) string {
	var all []byte
	for _, part := range parts {
		all = append(binary.BigEndian.AppendUint64(all, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:])
}
