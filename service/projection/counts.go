package projection

import (
	"context"
	"slices"

	"switchboard/db"
)

// Counts are how many conversations each view holds for one viewer at one position of the log.
type Counts struct {
	db.ViewCounts
	AsOf db.EventCursor
}

// CountsOf returns the counts of tallied conversations for one viewer; nil is a viewer with no
// MINE.
func CountsOf(tallies []db.InboxTally, head db.Head, viewer *db.AgentID) (c Counts) {
	for _, t := range tallies {
		for _, v := range db.Views {
			if v.Holds(t.Facets(), viewer) {
				c.Add(v, t.Count)
			}
		}
	}
	c.AsOf = head.Cursor()
	return c
}

// Apply applies one event, which changes the membership of at most one conversation (I1).
func (c *Counts) Apply(e *db.Event, viewer *db.AgentID) {
	c.AsOf = e.Cursor()
	if e.ConversationID == nil {
		return
	}
	for _, v := range db.Views {
		if v.Holds(e.Before, viewer) {
			c.Add(v, -1)
		}
		if v.Holds(e.After, viewer) {
			c.Add(v, +1)
		}
	}
}

// Equal reports whether the numbers are the same, at whatever position of the log.
func (c Counts) Equal(d Counts) bool {
	c.AsOf = d.AsOf
	return c == d
}

// Inbox is the projection of the log into the counts of each workspace.
type Inbox struct{ of folds[*inbox] }

const countsKind = "counts"

// NewInbox returns a projection that has read nothing yet.
func NewInbox() *Inbox {
	return &Inbox{newFolds(countsKind, func() *inbox { return &inbox{} })}
}

// Save stores the counts of the workspaces in which they have changed since the last call.
func (p *Inbox) Save(ctx context.Context, d *db.DB) error { return p.of.save(ctx, d, (*inbox).form) }

// Counts returns the counts for one viewer at the end of the log; nil is a viewer with no MINE.
func (p *Inbox) Counts(ctx context.Context, w db.ForWorkspace, viewer *db.AgentID) (c Counts, err error) {
	err = p.of.read(ctx, w, func(i *inbox) { c = i.counts(viewer) })
	return c, err
}

// RenewedCounts is Counts, counted from the rows by this process: it waits for that. Whoever applies
// events to them for long cannot be told later that what was stored was wrong.
func (p *Inbox) RenewedCounts(ctx context.Context, w db.ForWorkspace, viewer *db.AgentID) (c Counts, err error) {
	err = p.of.readRenewed(ctx, w, func(i *inbox) { c = i.counts(viewer) })
	return c, err
}

// Loads returns how many open conversations each of the agents is responsible for, in the order
// of the ids.
func (p *Inbox) Loads(ctx context.Context, w db.ForWorkspace, agents []db.AgentID) (loads []int, err error) {
	err = p.of.read(ctx, w, func(i *inbox) {
		for _, id := range agents {
			loads = append(loads, i.mine[id])
		}
	})
	return slices.Clip(loads), err
}

// inbox is the state behind the counts of one workspace.
type inbox struct {
	all  Counts             // of no viewer
	mine map[db.AgentID]int // by assignee
}

// savedCounts is the stored form of inbox.
type savedCounts struct {
	Version int // of this form and of the views
	All     db.ViewCounts
	Mine    map[db.AgentID]int
}

const countsVersion = 1

// form returns the stored form.
func (i *inbox) form() any { return savedCounts{countsVersion, i.all.ViewCounts, i.mine} }

const (
	countedMeanwhile = 100 // conversations that are counted in the time in which an event is applied
	cheapEvents      = 100 // are applied in the time that counting takes at least
)

func (i *inbox) resume(ctx context.Context, w db.ForWorkspace, end db.Head) (db.Head, error) {
	var saved savedCounts
	at, err := load(ctx, w, countsKind, &saved)
	conversations := saved.All.All + saved.All.Closed + saved.All.Blocked
	if err != nil || saved.Version != countsVersion || saved.Mine == nil || int(end.Seq-at.Seq) > cheapEvents+conversations/countedMeanwhile {
		return db.Head{}, err
	}
	i.all, i.mine = Counts{saved.All, at.Cursor()}, saved.Mine
	return at, nil
}

func (i *inbox) start(ctx context.Context, w db.ForWorkspace) (db.Head, error) {
	tallies, head, err := w.InboxTallies(ctx, "", db.InboxFilter{}, nil)
	if err != nil {
		return head, err
	}
	i.all, i.mine = CountsOf(tallies, head, nil), map[db.AgentID]int{}
	for _, t := range tallies {
		i.addToMine(t.Facets(), t.Count)
	}
	return head, nil
}

func (i *inbox) next(_ context.Context, _ db.ForWorkspace, events []*db.Event) (ok bool, err error) {
	for _, e := range events {
		i.all.Apply(e, nil)
		if e.ConversationID != nil {
			i.addToMine(e.Before, -1)
			i.addToMine(e.After, +1)
		}
	}
	return true, nil
}

// addToMine adds n to the count of the assignee whose MINE includes a conversation with these
// facets, if there is one.
func (i *inbox) addToMine(c *db.Facets, n int) {
	if c != nil && c.Assignee != nil && db.ViewMine.Holds(c, c.Assignee) {
		i.mine[*c.Assignee] += n
	}
}

// counts returns the counts for one viewer.
func (i *inbox) counts(viewer *db.AgentID) Counts {
	c := i.all
	if viewer != nil {
		c.Mine = i.mine[*viewer]
	}
	return c
}
