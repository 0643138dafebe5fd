// Package demo makes a workspace of invented data to try the product out.
package demo

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// The demo workspace is a team of 40 and a month of its work. It is played through the same
// transitions as real calls and then written at once. Only its times depend on when it is made, and
// only its ids are random.

const (
	age          = 30 * 24 * time.Hour
	contactCount = 2500
	reopenWithin = 3   // days within which a message reopens
	chunkSize    = 500 // rows of one statement
)

// demo is the workspace while it is made.
type demo struct {
	random    *rand.Rand
	end       time.Time // now
	workspace *db.Workspace
	agents    []*db.Agent // managers first
	guests    []*guest    // contacts created so far
	steps     []step
	scripts   map[string][]script // by language
	taken     map[string]int      // how often each address or number was used

	contacts      []*db.Contact
	identities    []*db.ContactIdentity
	conversations []*db.Conversation
	messages      []*db.Message
	marks         map[reader]*db.ReadMark
	events        service.Changes
}

// reader is an agent and a conversation that the agent has read.
type reader struct {
	agent        db.AgentID
	conversation db.ConversationID
}

// guest is a contact with its conversations. It is created in the workspace by its first message.
type guest struct {
	*service.Thread
	identities []*db.ContactIdentity
	channel    string // on which it writes
	language   string // in which it writes
}

// Create creates a workspace in which to try the product: a believable team with agents, contacts,
// and conversations that are open, closed, unassigned, waiting or blocked. Progress is called with
// the number of rows written and of all rows. If an earlier call was interrupted, its workspace is
// finished.
func Create(ctx context.Context, s *service.Service, progress func(done, of int)) (*db.Workspace, error) {
	workspace, err := workspaceFor(ctx, s)
	if err != nil {
		return nil, err
	}
	d := newDemo(workspace, s.Now())
	_, err = s.Write(ctx, service.System(workspace.Key), "demo", &service.Keyed{}, func(w *service.Writer) (service.Changes, error) {
		return d.store(ctx, w.Tx, progress)
	})
	if err != nil {
		return nil, err
	}
	s.Analyze(ctx)
	return workspace, nil
}

// workspaceFor returns a new workspace, or one that an interrupted call has left empty.
func workspaceFor(ctx context.Context, s *service.Service) (*db.Workspace, error) {
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
		ReopenPolicy: db.ReopenWithin, ReopenWithinDays: reopenWithin, OwnerPolicy: db.OwnerKeep,
		ClosingCategories: []string{"Order", "Delivery", "Return & refund", "Account", "Product question", "Other"},
		Demo:              true, CreatedAt: s.Now().Add(-age),
	}
	return w, s.DB.InsertWorkspace(ctx, w, nil)
}

// newDemo plans the steps of the month and carries them out.
func newDemo(workspace *db.Workspace, end time.Time) *demo {
	d := &demo{
		random: rand.New(rand.NewPCG(1926, 7)), end: end, workspace: workspace,
		scripts: map[string][]script{}, taken: map[string]int{}, marks: map[reader]*db.ReadMark{},
	}
	for _, script := range parseScripts(scriptText) {
		d.scripts[script.language] = append(d.scripts[script.language], script)
	}
	d.hire()
	for i := range contactCount {
		d.plan(i, d.meet())
	}
	slices.SortStableFunc(d.steps, func(a, b step) int { return int(a.at - b.at) })
	for _, step := range d.steps {
		d.run(step)
	}
	return d
}

// store writes all rows in their final state, then the log in order. It returns the rest of the
// log, which Write appends.
func (d *demo) store(ctx context.Context, tx db.Tx, progress func(done, of int)) (service.Changes, error) {
	log := d.events[:len(d.events)/chunkSize*chunkSize]
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
	if err := inChunks(ctx, d.contacts, wrote, func(ctx context.Context, some []*db.Contact) error {
		return tx.InsertContacts(ctx, some, d.identitiesOf(some))
	}); err != nil {
		return nil, err
	}
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

func (d *demo) identitiesOf(contacts []*db.Contact) (identities []*db.ContactIdentity) {
	among := map[db.ContactID]bool{}
	for _, c := range contacts {
		among[c.ID] = true
	}
	for _, i := range d.identities {
		if among[i.ContactID] {
			identities = append(identities, i)
		}
	}
	return identities
}

// inChunks writes rows in chunks, so that no statement takes too long.
func inChunks[T any](ctx context.Context, rows []T, wrote func(int), write func(context.Context, []T) error) error {
	for chunk := range slices.Chunk(rows, chunkSize) {
		if err := write(ctx, chunk); err != nil {
			return err
		}
		wrote(len(chunk))
	}
	return nil
}
