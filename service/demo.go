package service

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"switchboard/db"
)

// The demo workspace is a team of 40 and a month of its work, played through the same
// transitions that real calls go through and then written at once. Only its times
// depend on when it is made, and only its ids on chance.

const (
	demoAge      = 30 * 24 * time.Hour
	demoContacts = 2500
	demoReopen   = 3 // days within which a message reopens
	demoChunk    = 1000
)

// demo is the workspace in the making.
type demo struct {
	random    *rand.Rand
	end       time.Time // now
	workspace *db.Workspace
	agents    []*db.Agent  // managers first
	guests    []*demoGuest // who have come so far
	steps     []demoStep
	scripts   map[string][]demoScript // by language
	taken     map[string]int          // addresses and numbers given out

	contacts      []*db.Contact
	identities    []*db.ContactIdentity
	conversations []*db.Conversation
	messages      []*db.Message
	marks         map[demoReader]*db.ReadMark
	events        Changes
}

// demoReader is an agent and a conversation that they read.
type demoReader struct {
	agent        db.AgentID
	conversation db.ConversationID
}

// demoGuest is a contact with its conversations, before and after it first writes.
type demoGuest struct {
	*Thread
	identities []*db.ContactIdentity
	channel    string // on which it writes
	language   string // in which it writes
}

// CreateDemo makes a workspace to try everything out on: a believable team with agents,
// contacts, and conversations that are open, closed, unassigned, waiting or blocked.
// Progress tells how many of how many rows are written. One that was broken off before
// is finished instead of making another.
func (s *Service) CreateDemo(ctx context.Context, progress func(done, of int)) (*db.Workspace, error) {
	workspace, err := s.demoWorkspace(ctx)
	if err != nil {
		return nil, err
	}
	d := newDemo(workspace, s.Now())
	_, err = s.Write(ctx, System(workspace.Key), "demo", &Keyed{}, func(w *Writer) (Changes, error) {
		return d.store(ctx, w.Tx, progress)
	})
	if err != nil {
		return nil, err
	}
	s.analyze(ctx)
	return workspace, nil
}

// demoWorkspace makes the workspace, or finds one that nothing ever came of.
func (s *Service) demoWorkspace(ctx context.Context) (*db.Workspace, error) {
	all, err := s.DB.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		head, err := s.DB.ForWorkspace(w.Key).Head(ctx)
		if err != nil {
			return nil, err
		}
		if w.Demo && head.Seq == 0 {
			return w, nil
		}
	}
	w := &db.Workspace{
		ID: db.WorkspaceID{UUID: db.NewUUID()}, Name: "Northwind Outdoor", TimeZone: "Europe/Berlin",
		ReopenPolicy: db.ReopenWithin, ReopenWithinDays: demoReopen, OwnerPolicy: db.OwnerKeep,
		ClosingCategories: []string{"Order", "Delivery", "Return & refund", "Account", "Product question", "Other"},
		Demo:              true, CreatedAt: s.Now().Add(-demoAge),
	}
	return w, s.DB.InsertWorkspace(ctx, w, nil)
}

// newDemo plans the month and plays it.
func newDemo(workspace *db.Workspace, end time.Time) *demo {
	d := &demo{
		random: rand.New(rand.NewPCG(1926, 7)), end: end, workspace: workspace,
		scripts: map[string][]demoScript{}, taken: map[string]int{}, marks: map[demoReader]*db.ReadMark{},
	}
	for _, script := range parseScripts(demoScripts) {
		d.scripts[script.language] = append(d.scripts[script.language], script)
	}
	d.hire()
	for i := range demoContacts {
		d.plan(i, d.meet())
	}
	slices.SortStableFunc(d.steps, func(a, b demoStep) int { return int(a.at - b.at) })
	for _, step := range d.steps {
		d.run(step)
	}
	return d
}

// store writes everything in its final state, then the log in its order. It gives the
// rest of the log, which the write path appends.
func (d *demo) store(ctx context.Context, tx db.Tx, progress func(done, of int)) (Changes, error) {
	log := d.events[:len(d.events)/demoChunk*demoChunk]
	rest := d.events[len(log):]
	done, of := 0, len(d.agents)+len(d.contacts)+len(d.conversations)+len(d.messages)+len(d.marks)+len(log)
	wrote := func(n int) {
		if done += n; progress != nil {
			progress(done, of)
		}
	}
	if err := tx.InsertAgents(ctx, d.agents...); err != nil {
		return nil, err
	}
	wrote(len(d.agents))
	if err := tx.InsertContacts(ctx, d.contacts, d.identities); err != nil {
		return nil, err
	}
	wrote(len(d.contacts))
	if err := inChunks(ctx, d.conversations, wrote, tx.InsertConversations); err != nil {
		return nil, err
	}
	if err := inChunks(ctx, d.messages, wrote, tx.InsertMessages); err != nil {
		return nil, err
	}
	if err := inChunks(ctx, slices.Collect(maps.Values(d.marks)), wrote, tx.SaveReadMarks); err != nil {
		return nil, err
	}
	return rest, inChunks(ctx, log, wrote, tx.AppendEvents)
}

// inChunks writes rows some at a time, so that no statement takes too long.
func inChunks[T any](ctx context.Context, rows []T, wrote func(int), write func(context.Context, []T) error) error {
	for chunk := range slices.Chunk(rows, demoChunk) {
		if err := write(ctx, chunk); err != nil {
			return err
		}
		wrote(len(chunk))
	}
	return nil
}
