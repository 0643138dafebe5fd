package db

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestI1FilterConditions: each field of InboxFilter has exactly one condition, which adds SQL,
// excludes facets and makes IsZero false.
func TestI1FilterConditions(t *testing.T) {
	t.Parallel()
	if f := (InboxFilter{}); !f.IsZero() || !f.Holds(&Facets{}) || f.Holds(nil) {
		t.Error("the zero value excludes conversations")
	}
	now := time.Now()
	set := map[reflect.Type]any{
		reflect.TypeFor[[]*AgentID](): []*AgentID{{UUID: NewUUID()}}, reflect.TypeFor[[]string](): []string{"x"},
		reflect.TypeFor[*bool](): new(true), reflect.TypeFor[*time.Time](): &now,
	}
	seen := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[InboxFilter]()) {
		var f InboxFilter
		reflect.ValueOf(&f).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(set[field.Type]))
		if f.IsZero() {
			t.Errorf("IsZero is true although %s is set", field.Name)
		}
		var s statement
		f.sql(&s, &AgentID{UUID: NewUUID()})
		text := strings.Join(s.conditions, " AND ")
		if other, taken := seen[text]; text == "" || taken {
			t.Errorf("%s has the SQL %q, the same as %q", field.Name, text, other)
		}
		seen[text] = field.Name
		if field.Name != "Unread" && f.Holds(&Facets{}) { // Holds ignores it
			t.Errorf("%s holds for empty facets", field.Name)
		}
		set := 0
		for _, condition := range filterConditions {
			if condition.isSet(&f) {
				set++
			}
		}
		if set != 1 {
			t.Errorf("%s sets %d conditions", field.Name, set)
		}
	}
	if len(seen) != len(filterConditions) {
		t.Errorf("there are %d fields and %d conditions", len(seen), len(filterConditions))
	}
}

// TestI1Views: each view has its own condition and its own count, and an unknown one panics.
func TestI1Views(t *testing.T) {
	t.Parallel()
	conditions := map[string]View{}
	for _, v := range Views {
		var s statement
		v.sql(&s, nil)
		if other, taken := conditions[s.conditions[0]]; taken {
			t.Errorf("%s is the same as %s", v, other)
		}
		conditions[s.conditions[0]] = v
		var c ViewCounts
		c.Add(v, 1)
		for _, other := range Views {
			if (c.Of(other) == 1) != (other == v) {
				t.Errorf("adding to %s makes %s %d", v, other, c.Of(other))
			}
		}
		if v.Holds(nil, nil) || v.Holds(&Facets{Blocked: true}, nil) {
			t.Errorf("%s holds facets that describe no conversation", v)
		}
	}
	if len(conditions) != reflect.TypeFor[ViewCounts]().NumField() {
		t.Errorf("there are %d views and %d counts", len(conditions), reflect.TypeFor[ViewCounts]().NumField())
	}
	for name, ask := range map[string]func(View){
		"Holds": func(v View) { v.Holds(nil, nil) }, "sql": func(v View) { v.sql(&statement{}, nil) },
		"Of": func(v View) { (ViewCounts{}).Of(v) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of an unknown view does not panic", name)
				}
			}()
			ask("SNOOZED")
		}()
	}
}
