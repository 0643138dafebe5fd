package workflow

import (
	"context"
	"slices"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// Planning turns events into runs, in log order and once each: the runs and the position up to
// which events are planned commit together. A run is unique for its workflow, event and contact, so
// planning an event again, on any server, adds nothing (W2).

const (
	planBatch     = 500 // events planned in one transaction, and the rest of the last one's change
	maxChainDepth = 5   // runs that lead to one another
)

// Plan plans runs for the next events of a workspace, and stores the last event that may have freed
// capacity (W4). More reports whether the batch was full.
func (s *Service) Plan(ctx context.Context, workspace db.WorkspaceKey) (position *db.WorkflowPosition, more bool, err error) {
	_, err = s.write(ctx, engine(workspace), "planWorkflows", &service.Keyed{}, func(w *writer) (service.Changes, error) {
		if position, err = w.LockWorkflowPosition(ctx); err != nil || position == nil {
			return service.Unchanged, err
		}
		p := &planner{writer: w}
		if p.events, more, err = w.toPlan(ctx, position.Seq); err != nil || len(p.events) == 0 {
			return service.Unchanged, err
		}
		if _, err := service.Contained(func() (any, error) { return nil, p.plan(ctx) }); err != nil {
			return service.Unchanged, err
		}
		if p.freed > 0 {
			position.CapacitySeq = p.freed
		}
		position.Seq = p.events[len(p.events)-1].Seq
		return p.cancelled, w.SaveWorkflowPosition(ctx, position)
	})
	return position, more, err
}

// toPlan reads the next events up to the end of a change.
func (w *writer) toPlan(ctx context.Context, after db.Seq) (events []*db.Event, more bool, err error) {
	events, err = w.EventsAfter(ctx, after, planBatch)
	if err != nil || len(events) < planBatch {
		return events, false, err
	}
	last := events[len(events)-1]
	if missing := last.ChangeEnd() - last.Seq; missing > 0 {
		rest, err := w.EventsAfter(ctx, last.Seq, int(missing))
		return append(events, rest...), true, err
	}
	return events, true, nil
}

// planner plans runs for some events, the last of which ends a change.
type planner struct {
	*writer
	events []*db.Event

	zone      *time.Location
	ends      map[contactChange]end
	agents    map[db.AgentID]*db.Agent
	automated map[db.MessageID]bool

	versions []*db.WorkflowVersion // enabled at the present event

	runs      []*db.WorkflowRun // to be inserted
	settled   []db.ContactID    // whose conversations leave the queue
	freed     db.Seq
	cancelled service.Changes
}

// contactChange identifies the events of one change about one contact.
type contactChange struct {
	change  db.Seq
	contact db.ContactID
}

// end is the state of one contact after a change.
type end struct {
	last     *db.Event // about the contact
	released bool      // the owner policy unassigned the contact
}

func (p *planner) plan(ctx context.Context) error {
	if err := p.readConditions(ctx); err != nil {
		return err
	}
	for _, e := range p.events {
		if e.Data.WorkflowID != nil {
			if err := p.pass(ctx, e); err != nil {
				return err
			}
		}
		if e.ContactID != nil {
			p.react(e)
		}
		if frees(e) {
			p.freed = e.Seq
		}
		if settles(e) {
			p.settled = append(p.settled, *e.ContactID)
		}
	}
	if p.settled != nil {
		if err := p.RemoveFromQueue(ctx, p.settled); err != nil {
			return err
		}
	}
	return p.insertRuns(ctx)
}

func (p *planner) insertRuns(ctx context.Context) error {
	err := p.InsertRuns(ctx, p.runs)
	p.runs = nil
	return err
}

// readConditions reads what conditions depend on beside the events.
func (p *planner) readConditions(ctx context.Context) (err error) {
	if p.versions, err = p.PlannedVersions(ctx); err != nil {
		return err
	}
	if p.zone, err = p.timeZone(ctx); err != nil {
		return err
	}
	p.ends = endsOf(p.events)
	var assignees []db.AgentID
	for _, end := range p.ends {
		if end.last.After != nil && end.last.After.Assignee != nil && !slices.Contains(assignees, *end.last.After.Assignee) {
			assignees = append(assignees, *end.last.After.Assignee)
		}
	}
	rows, err := p.Agents(ctx, assignees)
	if err != nil {
		return err
	}
	p.agents = map[db.AgentID]*db.Agent{}
	for _, a := range rows {
		p.agents[a.ID] = a
	}
	p.automated, err = p.AutomatedMessages(ctx, receivedIn(p.events))
	return err
}

// timeZone returns the workspace's time zone.
func (w *writer) timeZone(ctx context.Context) (*time.Location, error) {
	workspace, err := w.Workspace(ctx)
	if err != nil {
		return nil, err
	}
	return time.LoadLocation(workspace.TimeZone)
}

// endsOf returns the state of each contact after each change. Events about runs change no state.
func endsOf(events []*db.Event) map[contactChange]end {
	ends := map[contactChange]end{}
	for _, e := range events {
		if e.ContactID == nil || e.Type == db.WorkflowRan {
			continue
		}
		of := contactChange{e.ChangeEnd(), *e.ContactID}
		ends[of] = end{e, ends[of].released || e.Type == db.ConversationUnassigned && e.Data.Reason == db.ReasonOwnerPolicy}
	}
	return ends
}

// receivedIn returns the messages of the events MESSAGE_RECEIVED.
func receivedIn(events []*db.Event) (ids []db.MessageID) {
	for _, e := range events {
		if e.Type == db.MessageReceived && e.Data.MessageID != nil {
			ids = append(ids, *e.Data.MessageID)
		}
	}
	return ids
}

// react plans the runs that an event about a contact triggers.
func (p *planner) react(e *db.Event) {
	end, changed := p.ends[contactChange{e.ChangeEnd(), *e.ContactID}]
	if !changed {
		return
	}
	o := occurrence{event: e, situation: p.situation(end.last.After, e)}
	o.released = end.released
	if e.Data.MessageID != nil {
		o.automated = p.automated[*e.Data.MessageID]
	}
	for _, v := range p.versions {
		if o.triggers(v.Definition) {
			run := p.run(v, e, *e.ContactID, end.last.ConversationID)
			run.EventID = e.ID
			p.runs = append(p.runs, run)
		}
	}
}

// situation returns a state with its assignee as the row now is.
func (p *planner) situation(f *db.Facets, e *db.Event) situation {
	s := situation{facets: f, at: e.CreatedAt.In(p.zone)}
	if f != nil && f.Assignee != nil {
		s.assignee = p.agents[*f.Assignee]
	}
	return s
}

func (p *planner) run(v *db.WorkflowVersion, e *db.Event, contact db.ContactID, conversation *db.ConversationID) *db.WorkflowRun {
	depth := 1
	if e.Data.Run != nil {
		depth = e.Data.Run.Depth + 1
	}
	return &db.WorkflowRun{
		ID: db.RunID{UUID: db.NewUUID()}, WorkflowID: v.WorkflowID, VersionID: v.ID, EventSeq: e.Seq,
		ContactID: contact, ConversationID: conversation, Depth: depth,
		Status: db.RunRunning, DueAt: &p.At, Steps: []*db.WorkflowRunStep{}, StartedAt: p.At,
	}
}

// pass switches to the version of a workflow that an event begins.
func (p *planner) pass(ctx context.Context, e *db.Event) error {
	rows, err := p.WorkflowVersions(ctx, []db.EventID{e.ID})
	if err != nil || len(rows) == 0 {
		return err
	}
	v := rows[0]
	p.versions = slices.DeleteFunc(p.versions, func(old *db.WorkflowVersion) bool { return old.WorkflowID == v.WorkflowID })
	if v.Enabled {
		p.versions = append(p.versions, v)
	}
	if e.Data.CancelsRuns || e.Type == db.WorkflowDeleted {
		if err := p.cancelPlanned(ctx, e); err != nil {
			return err
		}
	}
	if e.Data.AlsoForWaiting && v.Enabled {
		if err := p.takeIn(ctx, v, e); err != nil {
			return err
		}
	}
	return p.SavePlannedVersion(ctx, v)
}

// cancelPlanned cancels the runs of events that precede the cancelling one and had not been planned
// when it was written.
func (p *planner) cancelPlanned(ctx context.Context, e *db.Event) error {
	if err := p.insertRuns(ctx); err != nil {
		return err
	}
	cancelled, err := p.cancelRuns(ctx, *e.Data.WorkflowID)
	for _, one := range cancelled {
		one.Actor, one.Via = e.Actor, e.Via
	}
	p.cancelled = append(p.cancelled, cancelled...)
	return err
}

// takeIn plans a run for each conversation that was open and unassigned when the workflow was
// enabled (W4), the longest waiting first. There is no event, so only the conditions on the state
// and the time apply.
func (p *planner) takeIn(ctx context.Context, v *db.WorkflowVersion, e *db.Event) error {
	waiting, err := p.UnassignedConversations(ctx, v.WorkflowID, e.ChangeEnd())
	if err != nil {
		return err
	}
	for _, c := range waiting {
		if p.situation(c.Facets(), e).meets(v.Definition.Conditions) {
			run := p.run(v, e, c.ContactID, &c.ID)
			run.EventID, run.EnablingID = db.EventID{UUID: run.ID.UUID}, &e.ID
			p.runs = append(p.runs, run)
		}
	}
	return nil
}

// frees reports whether an event may have freed capacity for a conversation in the queue, or added
// a conversation to it (W4).
func frees(e *db.Event) bool {
	switch e.Type {
	case db.AvailabilityChanged:
		return e.Data.Availability[1] == db.Online
	case db.AgentUpdated, db.WorkflowEnabled, db.WorkflowUpdated, db.ContactUnblocked:
		return true
	case db.WorkflowRan: // it may have looked just before capacity was freed
		return e.Data.Unserved
	}
	return e.Before != nil && e.Before.Assignee != nil && db.ViewMine.Holds(e.Before, e.Before.Assignee) &&
		(e.After == nil || !db.ViewMine.Holds(e.After, e.Before.Assignee))
}

// settles reports whether a contact's conversation leaves the queue, because it was assigned or
// closed.
func settles(e *db.Event) bool {
	switch e.Type {
	case db.ConversationAssigned, db.ConversationClosed:
		return e.ContactID != nil
	}
	return false
}
