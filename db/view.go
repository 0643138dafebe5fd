package db

import "fmt"

// View is a named list of conversations.
type View string

// The views of rule I1.
const (
	ViewMine       View = "MINE"
	ViewUnassigned View = "UNASSIGNED"
	ViewAll        View = "ALL"
	ViewClosed     View = "CLOSED"
	ViewBlocked    View = "BLOCKED"
)

// ViewCounts are how many conversations each view holds.
type ViewCounts struct {
	Mine, Unassigned, All, Closed, Blocked int
}

// view defines a view: its condition, once in SQL for lists and once in Go for events, and its
// count. A property test compares the two conditions (I2).
type view struct {
	name  View
	only  ConversationStatus             // the status of all its conversations; empty if they may have any
	owner func(viewer *AgentID) *AgentID // the assignee of all its conversations; nil if they may have any
	sql   func(s *statement, viewer *AgentID)
	holds func(f *Facets, viewer *AgentID) bool
	count func(c *ViewCounts) *int
}

var views = []view{
	{
		name: ViewMine,
		only: StatusOpen,
		sql: func(s *statement, viewer *AgentID) {
			s.where("status = 'OPEN' AND NOT blocked AND assignee_id = ", viewer)
		},
		holds: func(f *Facets, viewer *AgentID) bool {
			return isOpen(f) && f.Assignee != nil && viewer != nil && *f.Assignee == *viewer
		},
		owner: func(viewer *AgentID) *AgentID { return viewer },
		count: func(c *ViewCounts) *int { return &c.Mine },
	},
	{
		name:  ViewUnassigned,
		only:  StatusOpen,
		sql:   func(s *statement, _ *AgentID) { s.where("status = 'OPEN' AND NOT blocked AND assignee_id IS NULL") },
		holds: func(f *Facets, _ *AgentID) bool { return isOpen(f) && f.Assignee == nil },
		owner: func(*AgentID) *AgentID { return nil },
		count: func(c *ViewCounts) *int { return &c.Unassigned },
	},
	{
		name:  ViewAll,
		only:  StatusOpen,
		sql:   func(s *statement, _ *AgentID) { s.where("status = 'OPEN' AND NOT blocked") },
		holds: func(f *Facets, _ *AgentID) bool { return isOpen(f) },
		count: func(c *ViewCounts) *int { return &c.All },
	},
	{
		name:  ViewClosed,
		only:  StatusClosed,
		sql:   func(s *statement, _ *AgentID) { s.where("status = 'CLOSED' AND NOT blocked") },
		holds: func(f *Facets, _ *AgentID) bool { return f.Status == StatusClosed && !f.Blocked },
		count: func(c *ViewCounts) *int { return &c.Closed },
	},
	{
		name:  ViewBlocked,
		sql:   func(s *statement, _ *AgentID) { s.where("blocked") },
		holds: func(f *Facets, _ *AgentID) bool { return f.Blocked },
		count: func(c *ViewCounts) *int { return &c.Blocked },
	},
}

func isOpen(f *Facets) bool { return f.Status == StatusOpen && !f.Blocked }

// Views are the names of all views.
var Views = func() (names []View) {
	for _, v := range views {
		names = append(names, v.name)
	}
	return names
}()

// row returns the view's row of the table. It panics for an unknown view, as any answer would
// be wrong.
func (v View) row() *view {
	for i := range views {
		if views[i].name == v {
			return &views[i]
		}
	}
	panic(fmt.Sprintf("there is no view %q", string(v)))
}

// sql adds the view's condition to a statement whose $1 is the workspace.
func (v View) sql(s *statement, viewer *AgentID) { v.row().sql(s, viewer) }

// Holds reports whether the view holds a conversation with these facets. Nil facets and facets
// without a status describe no conversation.
func (v View) Holds(f *Facets, viewer *AgentID) bool {
	row := v.row()
	return f != nil && f.Status != "" && row.holds(f, viewer)
}

// Of returns the count of one view.
func (c ViewCounts) Of(v View) int { return *v.row().count(&c) }

// Add adds n to the count of one view.
func (c *ViewCounts) Add(v View, n int) { *v.row().count(c) += n }
