package workflow

import (
	"slices"
	"time"

	"switchboard/db"
)

// The rules of conditions (W1): pure functions of an event and of the state after it, used by
// planning and by dry runs.

// occurrence is an event with everything that conditions depend on.
type occurrence struct {
	situation
	event     *db.Event
	automated bool // its message was written by a machine
}

// situation is the state of a contact's latest conversation at the end of a change.
type situation struct {
	facets   *db.Facets // nil for an event of a version before, without a state
	assignee *db.Agent  // as the row now is; nil: nobody
	released bool       // the owner policy unassigned in the same change
	at       time.Time  // in the workspace's time zone
}

// triggers reports whether a workflow runs for the occurrence.
func (o occurrence) triggers(d *db.WorkflowDefinition) bool {
	return o.facets != nil && o.pulls(d) && o.meets(d.Conditions) && o.situation.meets(d.Conditions)
}

// pulls reports whether the event matches one of the triggers. A withheld message matches none
// (S9), and an automated one only those of workflows that ask for it.
func (o occurrence) pulls(d *db.WorkflowDefinition) bool {
	if !slices.ContainsFunc(d.Triggers, func(t db.WorkflowTrigger) bool { return t.Event() == o.event.Type }) {
		return false
	}
	return o.event.Type != db.MessageReceived || !o.facets.Blocked && admits(d.Conditions, o.automated)
}

// admits reports whether a message, automated or not, may trigger the workflow.
func admits(c *db.WorkflowConditions, automated bool) bool {
	if c == nil || c.Automated == nil {
		return !automated
	}
	return automated || *c.Automated == db.AutomatedInclude
}

// meets reports whether the conditions on the event itself hold.
func (o occurrence) meets(c *db.WorkflowConditions) bool {
	if c == nil {
		return true
	}
	business := ""
	if o.event.Data.BusinessEvent != nil {
		business = o.event.Data.BusinessEvent.Type
	}
	return oneOf(c.Reasons, o.event.Data.Reason) && oneOf(c.Sources, o.event.Data.Source) && oneOf(c.BusinessEventTypes, business)
}

// meets reports whether the conditions on the state and the time hold.
func (s situation) meets(c *db.WorkflowConditions) bool {
	if c == nil {
		return true
	}
	category := ""
	if s.facets.Category != nil {
		category = *s.facets.Category
	}
	return (c.Channels == nil || db.OnChannel(c.Channels, s.facets.Channel)) && oneOf(c.Categories, category) &&
		(c.Status == nil || *c.Status == s.facets.Status) &&
		s.meetsTime(c.Hours, c.Days) && s.meetsAssignee(c.Assignee)
}

// meetsTime reports whether the time is within the hours of one of the days. Hours that continue
// past midnight belong to the day on which they begin.
func (s situation) meetsTime(h *db.WorkflowHours, days []db.DayOfWeek) bool {
	day := s.at.Weekday()
	if h != nil {
		since, until := s.at.Hour() >= h.From, s.at.Hour() < h.Until
		switch overnight := h.From > h.Until; {
		case !overnight && !(since && until), overnight && !since && !until:
			return false
		case overnight && until:
			day = (day + 6) % 7
		}
	}
	return oneOf(days, db.DaysOfWeek[day])
}

func (s situation) meetsAssignee(c *db.AssigneeCondition) bool {
	switch {
	case c == nil:
		return true
	case s.facets.Assignee == nil:
		return c.None || c.NoneByOwnerPolicy && s.released
	}
	return slices.Contains(c.AgentIDs, *s.facets.Assignee) || c.Unavailable && (s.assignee == nil || !available(s.assignee))
}

// available reports whether an agent is active and online.
func available(a *db.Agent) bool { return a.Active && a.Availability == db.Online }

// oneOf reports whether the value is in the list; every value is in a nil list.
func oneOf[T comparable](list []T, value T) bool { return list == nil || slices.Contains(list, value) }
