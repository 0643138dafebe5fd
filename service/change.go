package service

import (
	"encoding/json"
	"slices"
	"strconv"

	"switchboard/db"
)

// field is a field of an object with its value as text, lists as JSON; nil for none.
type field struct {
	name  string
	value *string
}

// difference gives the fields whose values differ; both lists name the same fields in the same order.
func difference(before, after []field) []db.FieldChange {
	var changed []db.FieldChange
	for i := range before {
		a, b := before[i].value, after[i].value
		if a != b && (a == nil || b == nil || *a != *b) {
			changed = append(changed, db.FieldChange{Field: before[i].name, Before: a, After: b})
		}
	}
	return changed
}

func contactFields(c *db.Contact, identities []*db.ContactIdentity) []field {
	var known [][]string
	for _, i := range identities {
		known = append(known, []string{i.Channel, i.ExternalID})
	}
	slices.SortFunc(known, slices.Compare)
	return []field{{"name", text(c.Name)}, {"email", c.Email}, {"phone", c.Phone}, {"avatarUrl", c.AvatarURL}, {"identities", list(known)}}
}

func agentFields(a *db.Agent) []field {
	return []field{{"name", text(a.Name)}, {"email", a.Email}, {"avatarUrl", a.AvatarURL}, {"role", text(a.Role)},
		{"skills", list(a.Skills)}, {"identity", identity(a)}}
}

func workspaceFields(w *db.Workspace) []field {
	days := strconv.Itoa(w.ReopenWithinDays)
	return []field{{"name", text(w.Name)}, {"timeZone", text(w.TimeZone)}, {"country", w.Country}, {"reopenPolicy", text(w.ReopenPolicy)},
		{"reopenWithinDays", &days}, {"ownerPolicy", text(w.OwnerPolicy)}, {"closingCategories", list(w.ClosingCategories)}}
}

// identity names an agent's sign-in; nil without one.
func identity(a *db.Agent) *string {
	if a.Issuer == nil {
		return nil
	}
	return list([]string{*a.Issuer, *a.Subject})
}

func text[S ~string](s S) *string { t := string(s); return &t }

// list writes a list as one text such that no two lists look alike; nil if it is empty.
func list[T any](items []T) *string {
	if len(items) == 0 {
		return nil
	}
	b, _ := json.Marshal(items) // texts always can be
	return text(string(b))
}
