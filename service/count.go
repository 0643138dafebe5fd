package service

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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

// fold is the log of one workspace folded into counts: started from a snapshot, brought
// to the log's end whenever it is read, and so exact there. Nothing is counted on the
// way of a request.
type fold struct {
	began atomic.Int64 // how often somebody began to bring it to the end

	mu    sync.Mutex
	done  int64   // which of these times was the last, if that went well; else 0
	head  db.Head // as far as it is folded
	ready bool
	all   Counts             // of no viewer
	mine  map[db.AgentID]int // by assignee
	idle  *time.Timer
}

// folds are the folds in use.
type folds struct {
	mu sync.Mutex
	of map[int64]*fold
}

const (
	foldLifetime = 10 * time.Minute // without a read
	foldBatch    = 1000             // events read in one statement
	foldLimit    = 100_000          // events behind at which counting anew is cheaper
)

// get gives a workspace's fold, which goes away when it is not used for a while.
func (f *folds) get(workspace int64) *fold {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.of[workspace]
	if one == nil {
		one = &fold{}
		one.idle = time.AfterFunc(foldLifetime, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.of, workspace)
		})
		f.of[workspace] = one
	}
	one.idle.Reset(foldLifetime)
	return one
}

// counted brings a workspace's fold to the end of the log and looks at it. Of those who
// wait for it together one does so for all: a thousand subscribers may come at once.
func (s *Service) counted(ctx context.Context, workspace int64, look func(*fold)) error {
	f := s.folds.get(workspace)
	arrived := f.began.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done <= arrived { // nobody began since
		f.done = 0
		began := f.began.Add(1)
		if err := f.advance(ctx, s.db.ForWorkspace(workspace)); err != nil {
			return err
		}
		f.done = began
	}
	look(f)
	return nil
}

func (f *fold) advance(ctx context.Context, w db.ForWorkspace) error {
	head, err := w.Head(ctx)
	if err != nil {
		return err
	}
	for f.ready && f.head != head {
		if head.Seq-f.head.Seq > foldLimit || head.Seq <= f.head.Seq {
			f.ready = false // far behind, or the log was replaced by an older one
			break
		}
		if err := f.read(ctx, w); err != nil {
			return err
		}
		if f.head.Seq >= head.Seq {
			return nil
		}
	}
	if !f.ready {
		return f.snapshot(ctx, w)
	}
	return nil
}

// read folds the next events. It reads the last folded one again: another id under its
// number means that the log was replaced.
func (f *fold) read(ctx context.Context, w db.ForWorkspace) error {
	events, err := w.EventsAfter(ctx, max(f.head.Seq-1, 0), foldBatch)
	if err != nil {
		return err
	}
	if f.head.Seq > 0 {
		if len(events) == 0 || events[0].Seq != f.head.Seq || events[0].ID != f.head.EventID {
			f.ready = false
			return nil
		}
		events = events[1:]
	}
	for _, e := range events {
		f.apply(e)
	}
	return nil
}

func (f *fold) apply(e *db.Event) {
	f.all.apply(e, nil)
	f.head = db.Head{WorkspaceID: e.WorkspaceID, Seq: e.Seq, EventID: e.ID}
	if e.ConversationID != nil {
		f.count(e.Before, -1)
		f.count(e.After, +1)
	}
}

// count adds to the assignee in whose MINE a conversation with these facets is.
func (f *fold) count(c *db.Facets, n int) {
	if c != nil && c.Assignee != nil && db.ViewMine.Holds(c, c.Assignee) {
		f.mine[*c.Assignee] += n
	}
}

// snapshot starts over from the rows themselves.
func (f *fold) snapshot(ctx context.Context, w db.ForWorkspace) error {
	tallies, head, err := w.InboxTallies(ctx)
	if err != nil {
		return err
	}
	f.all, f.mine, f.head, f.ready = Counts{}, map[db.AgentID]int{}, head, true
	for _, t := range tallies {
		for _, v := range db.Views {
			if v.Holds(t.Facets(), nil) {
				*f.all.of(v) += t.Count
			}
		}
		f.count(t.Facets(), t.Count)
	}
	f.all.AsOf = head.Cursor()
	return nil
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
