package service

import (
	"context"
	"slices"

	"switchboard/db"
)

// Counts are how many conversations each view holds for one viewer at one place of the log.
type Counts struct {
	Mine, Unassigned, All, Closed, Blocked int
	AsOf                                   db.EventCursor
}

// of gives the count of one view.
func (c *Counts) of(v db.View) *int {
	switch v {
	case db.ViewMine:
		return &c.Mine
	case db.ViewUnassigned:
		return &c.Unassigned
	case db.ViewAll:
		return &c.All
	case db.ViewClosed:
		return &c.Closed
	}
	return &c.Blocked
}

// apply goes on by one event, which changes the membership of at most one conversation (I1).
func (c *Counts) apply(e *db.Event, viewer *db.AgentID) {
	c.AsOf = e.Cursor()
	if e.ConversationID == nil {
		return
	}
	for _, v := range db.Views {
		if v.Holds(e.Before, viewer) {
			*c.of(v)--
		}
		if v.Holds(e.After, viewer) {
			*c.of(v)++
		}
	}
}

// fold is a log folded into counts.
type fold struct {
	all  Counts             // of no viewer
	mine map[db.AgentID]int // by assignee
}

// counted brings the counts of a workspace to the end of the log and looks at them.
func (s *Service) counted(ctx context.Context, workspace int64, look func(*fold)) error {
	return s.folds.read(ctx, s.db.ForWorkspace(workspace), look)
}

func (f *fold) next(_ context.Context, _ db.ForWorkspace, events []*db.Event) (ok bool, err error) {
	for _, e := range events {
		f.all.apply(e, nil)
		if e.ConversationID != nil {
			f.count(e.Before, -1)
			f.count(e.After, +1)
		}
	}
	return true, nil
}

// count adds to the assignee in whose MINE a conversation with these facets is.
func (f *fold) count(c *db.Facets, n int) {
	if c != nil && c.Assignee != nil && db.ViewMine.Holds(c, c.Assignee) {
		f.mine[*c.Assignee] += n
	}
}

func (f *fold) start(ctx context.Context, w db.ForWorkspace) (db.Head, error) {
	tallies, head, err := w.InboxTallies(ctx)
	if err != nil {
		return head, err
	}
	f.all, f.mine = Counts{}, map[db.AgentID]int{}
	for _, t := range tallies {
		for _, v := range db.Views {
			if v.Holds(t.Facets(), nil) {
				*f.all.of(v) += t.Count
			}
		}
		f.count(t.Facets(), t.Count)
	}
	f.all.AsOf = head.Cursor()
	return head, nil
}

// counts gives the counts for one viewer.
func (f *fold) counts(viewer *db.AgentID) Counts {
	c := f.all
	if viewer != nil {
		c.Mine = f.mine[*viewer]
	}
	return c
}

// InboxCounts gives the counts of all views for the caller (I2), exact at their asOf.
func (s *Service) InboxCounts(ctx context.Context, actor Actor) (c Counts, err error) {
	err = s.counted(ctx, actor.Workspace, func(f *fold) { c = f.counts(actor.Agent) })
	return c, err
}

// OpenConversations gives how many open conversations each agent is responsible for.
func (s *Service) OpenConversations(ctx context.Context, actor Actor, agents []db.AgentID) (loads []int, err error) {
	err = s.counted(ctx, actor.Workspace, func(f *fold) {
		for _, id := range agents {
			loads = append(loads, f.mine[id])
		}
	})
	return slices.Clip(loads), err
}
