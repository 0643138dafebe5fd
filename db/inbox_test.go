package db

import (
	"slices"
	"testing"
	"time"
)

// TestI1ImpossibleSegments: a list reads no segment that the table's constraints keep empty.
// Without this PostgreSQL looks for waiting conversations among all closed ones.
func TestI1ImpossibleSegments(t *testing.T) {
	t.Parallel()
	now, both := time.Now(), []int{0, 1}
	for _, c := range []struct {
		name     string
		view     View
		field    InboxOrderField
		filter   InboxFilter
		segments []int // that are read
	}{
		{"I1 ALL has both segments", ViewAll, WaitingSince, InboxFilter{}, both},
		{"I1 BLOCKED has open and closed conversations", ViewBlocked, WaitingSince, InboxFilter{ClosedAfter: &now}, both},
		{"S1 a closed conversation does not wait", ViewClosed, WaitingSince, InboxFilter{}, []int{1}},
		{"S1 a conversation closed today does not wait", ViewClosed, WaitingSince, InboxFilter{ClosedAfter: &now}, []int{1}},
		{"S1 a closed conversation does not wait, in any order", ViewClosed, LastActivity, InboxFilter{Waiting: new(true)}, nil},
		{"S1 all closed conversations pass waiting: false", ViewClosed, LastActivity, InboxFilter{Waiting: new(false)}, []int{0}},
		{"I1 waiting: true leaves the first segment", ViewMine, WaitingSince, InboxFilter{Waiting: new(true)}, []int{0}},
		{"I1 waiting: false leaves the second segment", ViewMine, WaitingSince, InboxFilter{Waiting: new(false)}, []int{1}},
		{"S1 an open conversation has no closedAt, after a time", ViewAll, OpenedAt, InboxFilter{ClosedAfter: &now}, nil},
		{"S1 an open conversation has no closedAt, before a time", ViewMine, LastActivity, InboxFilter{ClosedBefore: &now}, nil},
		{"S1 an open conversation has no closing category", ViewUnassigned, LastActivity, InboxFilter{ClosingCategories: []string{"Question"}}, nil},
		{"S1 a closed conversation may have a category and has closedAt", ViewClosed, OpenedAt, InboxFilter{ClosedBefore: &now, ClosingCategories: []string{"Question"}}, []int{0}},
	} {
		q := InboxQuery{View: c.view, Viewer: &AgentID{UUID: NewUUID()}, Field: c.field, Filter: c.filter, Page: Page{Limit: 10}}
		var read []int
		for _, p := range q.parts(&statement{args: []any{1}}) {
			if !slices.Contains(p.conditions, "FALSE") {
				read = append(read, p.number)
			}
		}
		if !slices.Equal(read, c.segments) {
			t.Errorf("%s: the segments %v are read, not %v", c.name, read, c.segments)
		}
		if counted := !slices.Contains(q.conditions(&statement{}), "FALSE"); counted != (len(c.segments) > 0) {
			t.Errorf("%s: counting looks for rows: %t", c.name, counted)
		}
	}
}
