package graph

import (
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestSharingOfEverySubscription: every field of Subscription has an entry in sharings, and exactly
// the fields with a view are shared by view, so that no agent gets a colleague's own view.
func TestSharingOfEverySubscription(t *testing.T) {
	t.Parallel()
	fields := map[string]*ast.FieldDefinition{}
	for _, field := range parsedSchema.Subscription.Fields {
		fields[field.Name] = field
		if _, ok := sharings[field.Name]; !ok {
			t.Errorf("sharings has no entry for %s: add one in share.go", field.Name)
		}
	}
	for name, sharing := range sharings {
		field := fields[name]
		if field == nil {
			t.Errorf("sharings has an entry for %s, which is not a subscription: remove it", name)
			continue
		}
		hasView := false
		for _, argument := range field.Arguments {
			hasView = hasView || argument.Type.Name() == "InboxView"
		}
		if sharing != notShared && hasView != (sharing == sharedByView) {
			t.Errorf("%s is shared by view: %t, but it has a view: %t", name, sharing == sharedByView, hasView)
		}
	}
}
