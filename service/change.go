package service

import (
	"encoding/json"
	"slices"
	"strconv"

	"switchboard/db"
)

// FieldText is a field of an object with its value as text, or as JSON if it is a list; nil if it
// is empty.
type FieldText struct {
	Name  string
	Value *string
}

// Difference returns the fields whose values differ; both lists name the same fields in the same
// order.
func Difference(before, after []FieldText) []db.FieldChange {
	var changed []db.FieldChange
	for i := range before {
		a, b := before[i].Value, after[i].Value
		if a != b && (a == nil || b == nil || *a != *b) {
			changed = append(changed, db.FieldChange{Field: before[i].Name, Before: a, After: b})
		}
	}
	return changed
}

func contactFields(c *db.Contact, identities []*db.ContactIdentity) []FieldText {
	var known [][]string
	for _, i := range identities {
		known = append(known, []string{i.Channel, i.ExternalID})
	}
	slices.SortFunc(known, slices.Compare)
	return []FieldText{{"name", Text(c.Name)}, {"email", c.Email}, {"phone", c.Phone}, {"avatarUrl", c.AvatarURL}, {"identities", list(known)}}
}

func agentFields(a *db.Agent) []FieldText {
	return []FieldText{{"name", Text(a.Name)}, {"email", a.Email}, {"avatarUrl", a.AvatarURL}, {"role", Text(a.Role)},
		{"skills", list(a.Skills)}, {"identity", identity(a)}}
}

func workspaceFields(w *db.Workspace) []FieldText {
	days := strconv.Itoa(w.ReopenWithinDays)
	return []FieldText{{"name", Text(w.Name)}, {"timeZone", Text(w.TimeZone)}, {"country", w.Country}, {"reopenPolicy", Text(w.ReopenPolicy)},
		{"reopenWithinDays", &days}, {"ownerPolicy", Text(w.OwnerPolicy)}, {"closingCategories", list(w.ClosingCategories)}}
}

// identity returns an agent's sign-in as text; nil without one.
func identity(a *db.Agent) *string {
	if a.Issuer == nil {
		return nil
	}
	return list([]string{*a.Issuer, *a.Subject})
}

// Text returns a pointer to a text.
func Text[S ~string](s S) *string { t := string(s); return &t }

// list returns a list as JSON, so that different lists have different texts; nil if it is empty.
func list[T any](items []T) *string {
	if len(items) == 0 {
		return nil
	}
	b, _ := json.Marshal(items) // strings can always be encoded
	return Text(string(b))
}
