package service

import (
	"context"
	"slices"
	"time"

	"switchboard/db"
)

// Planning turns events into runs, in log order and once each: the runs and the position
// up to which there are any commit together. A run is one row for a workflow and an
// event, so however often and wherever it is planned, it is there once (W2).

const (
	planBatch     = 500 // events planned in one transaction
	maxChainDepth = 5   // runs that lead to one another
)

// plan plans runs for the next events of a workspace; more says that there were as many
// as fit. What may have made room for a conversation without an agent is noted (W4).
func (s *Service) planWorkflows(ctx context.Context, workspace int64) (position *db.WorkflowPosition, more bool, err error) {
	err = s.db.Transact(ctx, workspace, func(tx db.Tx) error {
		if position, err = tx.LockWorkflowPosition(ctx); err != nil || position == nil {
			return err
		}
		events, err := tx.EventsAfter(ctx, position.Seq, planBatch)
		if err != nil || len(events) == 0 {
			return err
		}
		more = len(events) == planBatch
		p := &planner{Tx: tx, at: s.now(), events: events}
		if _, err := contained(func() (any, error) { return nil, p.plan(ctx) }); err != nil {
			return err
		}
		if p.freed > 0 {
			position.Freed = p.freed
		}
		position.Seq = events[len(events)-1].Seq
		return tx.SaveWorkflowPosition(ctx, position)
	})
	return position, more, err
}

// planner plans runs for some events.
type planner struct {
	db.Tx
	at     time.Time
	events []*db.Event
	zone   *time.Location

	versions []*db.WorkflowVersion // enabled at the event that is looked at
	agents   map[db.AgentID]*db.Agent

	runs    []*db.WorkflowRun
	settled []db.ContactID // nobody needs to be looked for any more
	freed   int64
}

func (p *planner) plan(ctx context.Context) error {
	var err error
	if p.versions, err = p.PlannedVersions(ctx); err != nil {
		return err
	}
	if err := p.readConditions(ctx); err != nil {
		return err
	}
	for _, e := range p.events {
		if e.Data.WorkflowID != nil {
			if err := p.pass(ctx, e); err != nil {
				return err
			}
		}
		for _, v := range p.versions {
			if p.holds(v.Definition, e) {
				p.runs = append(p.runs, p.run(v, e))
			}
		}
		if frees(e) {
			p.freed = e.Seq
		}
		if settles(e) {
			p.settled = append(p.settled, *e.ContactID)
		}
	}
	if p.settled != nil {
		if err := p.ForgetUnserved(ctx, p.settled); err != nil {
			return err
		}
	}
	return p.InsertRuns(ctx, p.runs)
}

// readConditions reads what conditions look at beside the events.
func (p *planner) readConditions(ctx context.Context) error {
	workspace, err := p.Workspace(ctx)
	if err != nil {
		return err
	}
	if p.zone, err = time.LoadLocation(workspace.TimeZone); err != nil {
		return err
	}
	var assignees []db.AgentID
	for _, e := range p.events {
		if e.After != nil && e.After.Assignee != nil && !slices.Contains(assignees, *e.After.Assignee) {
			assignees = append(assignees, *e.After.Assignee)
		}
	}
	rows, err := p.Agents(ctx, assignees)
	p.agents = map[db.AgentID]*db.Agent{}
	for _, a := range rows {
		p.agents[a.ID] = a
	}
	return err
}

// pass goes on to what a workflow is from an event on.
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
	return p.SavePlannedVersion(ctx, v)
}

func (p *planner) run(v *db.WorkflowVersion, e *db.Event) *db.WorkflowRun {
	depth := 1
	if e.Data.Run != nil {
		depth = e.Data.Run.Depth + 1
	}
	return &db.WorkflowRun{
		ID: db.RunID{UUID: db.NewUUID()}, WorkflowID: v.WorkflowID, VersionID: v.ID, EventID: e.ID, EventSeq: e.Seq,
		ContactID: *e.ContactID, ConversationID: e.ConversationID, Depth: depth,
		Status: db.RunRunning, DueAt: &p.at, Steps: []*db.WorkflowRunStep{}, StartedAt: p.at,
	}
}

// holds says whether a workflow runs for an event. A withheld message moves nothing (S9).
func (p *planner) holds(d *db.WorkflowDefinition, e *db.Event) bool {
	if e.ContactID == nil || e.After == nil || !slices.ContainsFunc(d.Triggers, func(t db.WorkflowTrigger) bool { return t.Event() == e.Type }) {
		return false
	}
	if e.Type == db.MessageReceived && e.After.Blocked {
		return false
	}
	c := d.Conditions
	return c == nil || (holdsForEvent(c, e) && p.situation(e).holds(c))
}

// holdsForEvent are the conditions on what the event itself says.
func holdsForEvent(c *db.WorkflowConditions, e *db.Event) bool {
	business := ""
	if e.Data.BusinessEvent != nil {
		business = e.Data.BusinessEvent.Type
	}
	return oneOf(c.Reasons, e.Data.Reason) && oneOf(c.Sources, e.Data.Source) && oneOf(c.BusinessEventTypes, business)
}

func (p *planner) situation(e *db.Event) situation {
	s := situation{facets: e.After, at: e.CreatedAt.In(p.zone)}
	if e.After.Assignee != nil {
		s.assignee = p.agents[*e.After.Assignee]
	}
	return s
}

// situation is what the other conditions look at.
type situation struct {
	facets   *db.Facets
	assignee *db.Agent // nil: nobody
	at       time.Time // in the workspace's time zone
}

func (s situation) holds(c *db.WorkflowConditions) bool {
	category := ""
	if s.facets.Category != nil {
		category = *s.facets.Category
	}
	return oneOf(c.Channels, s.facets.Channel) && oneOf(c.Categories, category) &&
		oneOf(c.Days, db.DaysOfWeek[s.at.Weekday()]) && s.holdsHours(c.Hours) && s.holdsAssignee(c.Assignee)
}

func (s situation) holdsHours(h *db.WorkflowHours) bool {
	if h == nil {
		return true
	}
	since, until := s.at.Hour() >= h.From, s.at.Hour() < h.Until
	if h.From < h.Until {
		return since && until
	}
	return since || until
}

func (s situation) holdsAssignee(c *db.AssigneeCondition) bool {
	switch {
	case c == nil:
		return true
	case s.facets.Assignee == nil:
		return c.None
	}
	return slices.Contains(c.AgentIDs, *s.facets.Assignee) || c.Unavailable && (s.assignee == nil || !available(s.assignee))
}

// available says whether an agent is there to take something.
func available(a *db.Agent) bool { return a.Active && a.Availability == db.Online }

// oneOf holds for everything if nothing is listed.
func oneOf[T comparable](list []T, value T) bool { return list == nil || slices.Contains(list, value) }

// frees says that after an event there may be room for a conversation that found nobody,
// or such a conversation anew (W4).
func frees(e *db.Event) bool {
	switch e.Type {
	case db.AvailabilityChanged:
		return e.Data.Availability[1] == db.Online
	case db.AgentUpdated, db.WorkflowEnabled, db.ContactUnblocked:
		return true
	case db.WorkflowRan: // it may have looked just before there was room
		return e.Data.Unserved
	}
	return e.Before != nil && e.Before.Assignee != nil && db.ViewMine.Holds(e.Before, e.Before.Assignee) &&
		(e.After == nil || !db.ViewMine.Holds(e.After, e.Before.Assignee))
}

// settles says that nobody needs to be looked for any more: somebody has it, or it is closed.
func settles(e *db.Event) bool {
	switch e.Type {
	case db.ConversationAssigned, db.ConversationClosed:
		return e.ContactID != nil
	}
	return false
}
