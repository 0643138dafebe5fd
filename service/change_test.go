package service

import (
	"testing"

	"switchboard/db"
)

// TestDifference: values that look alike only when they are joined are different; otherwise an
// update would count as no change and would be lost.
func TestDifference(t *testing.T) {
	t.Parallel()
	identities := func(pairs ...string) (rows []*db.ContactIdentity) {
		for i := 0; i < len(pairs); i += 2 {
			rows = append(rows, &db.ContactIdentity{Channel: pairs[i], ExternalID: pairs[i+1]})
		}
		return rows
	}
	for name, pair := range map[string][2][]FieldText{
		"categories": {workspaceFields(&db.Workspace{ClosingCategories: []string{"A, B"}}), workspaceFields(&db.Workspace{ClosingCategories: []string{"A", "B"}})},
		"skills":     {agentFields(&db.Agent{Skills: []string{`a","b`}}), agentFields(&db.Agent{Skills: []string{"a", "b"}})},
		"sign-ins":   {agentFields(&db.Agent{Issuer: new("a b"), Subject: new("c")}), agentFields(&db.Agent{Issuer: new("a"), Subject: new("b c")})},
		"identities": {contactFields(&db.Contact{}, identities("a:b", "c")), contactFields(&db.Contact{}, identities("a", "b:c"))},
	} {
		if changed := Difference(pair[0], pair[1]); len(changed) != 1 {
			t.Errorf("%s: %d changes, not 1", name, len(changed))
		}
	}
	a, b := identities("sms", "1", "email", "2"), identities("email", "2", "sms", "1")
	if changed := Difference(contactFields(&db.Contact{}, a), contactFields(&db.Contact{}, b)); len(changed) != 0 {
		t.Errorf("the order of identities is taken for a change: %v", changed)
	}
}
