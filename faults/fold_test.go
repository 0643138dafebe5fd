//go:build linux

package faults

import (
	"slices"

	"switchboard/db"
)

// holds reports whether a view holds a conversation. It is the judge's own reading of rule I1.
func holds(view db.View, f *db.Facets, viewer db.AgentID) bool {
	if f == nil || f.Status == "" {
		return false
	}
	open := f.Status == db.StatusOpen && !f.Blocked
	switch view {
	case db.ViewAll:
		return open
	case db.ViewUnassigned:
		return open && f.Assignee == nil
	case db.ViewMine:
		return open && f.Assignee != nil && *f.Assignee == viewer
	case db.ViewClosed:
		return f.Status == db.StatusClosed && !f.Blocked
	case db.ViewBlocked:
		return f.Blocked
	}
	return false
}

// fold is what a beginning of the log leaves: the facets of each conversation.
type fold struct {
	seq           db.Seq
	conversations map[db.ConversationID]*db.Facets
}

// advance applies the events up to a number, which is not smaller than that of the call before.
func (f *fold) advance(log []*db.Event, to db.Seq) {
	if f.conversations == nil {
		f.conversations = map[db.ConversationID]*db.Facets{}
	}
	for ; f.seq < to; f.seq++ {
		if e := log[f.seq]; e.ConversationID != nil && e.Type != db.WorkflowRan { // a run has no facets
			f.conversations[*e.ConversationID] = e.After
		}
	}
}

// list returns the ids of the conversations in a view, sorted.
func (f *fold) list(view db.View, viewer db.AgentID) (ids []string) {
	for id, facets := range f.conversations {
		if holds(view, facets, viewer) {
			ids = append(ids, id.String())
		}
	}
	slices.Sort(ids)
	return ids
}

// counts returns the number of conversations in each view.
func (f *fold) counts(viewer db.AgentID) (s state) {
	for view, n := range map[db.View]*int{
		db.ViewMine: &s.Mine, db.ViewUnassigned: &s.Unassigned, db.ViewAll: &s.All, db.ViewClosed: &s.Closed, db.ViewBlocked: &s.Blocked,
	} {
		*n = len(f.list(view, viewer))
	}
	return s
}

// waiting returns how many open conversations wait for an answer.
func (f *fold) waiting() (n int) {
	for _, facets := range f.conversations {
		if holds(db.ViewAll, facets, db.AgentID{}) && facets.WaitingSince != nil {
			n++
		}
	}
	return n
}

// load returns how many open conversations each agent has, by id.
func (f *fold) load() map[string]int {
	loads := map[string]int{}
	for _, facets := range f.conversations {
		if holds(db.ViewAll, facets, db.AgentID{}) && facets.Assignee != nil {
			loads[facets.Assignee.String()]++
		}
	}
	return loads
}
