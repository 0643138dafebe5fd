package service

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"switchboard/db"
)

// The rules of definitions. Each check says where in the input the fault lies.

// The most that a definition takes.
const (
	maxSteps    = 20
	maxWait     = 30 * 24 * 60 * 60 // seconds
	maxCapacity = 1000
	maxListed   = 200 // agents, channels, types … in one list
)

// at is the path to a part of a definition in the input.
type at []string

func (a at) field(name string) at { return append(slices.Clip(a), name) }

func (a at) item(i int) at { return a.field(strconv.Itoa(i)) }

func (a at) invalid(message string) *Refusal {
	return refuse(InvalidWorkflow, message, a...)
}

// checkDefinition refuses what cannot be carried out, INVALID_WORKFLOW with the field at
// fault, and agents who do not exist, NOT_FOUND.
func (w *writer) checkDefinition(ctx context.Context, d *db.WorkflowDefinition) error {
	path := at{"definition"}
	if r := path.checkTriggers(d.Triggers); r != nil {
		return r
	}
	if d.Conditions != nil {
		if r := path.field("conditions").checkConditions(d.Conditions, d.Triggers); r != nil {
			return r
		}
	}
	if len(d.Steps) == 0 || len(d.Steps) > maxSteps {
		return path.field("steps").invalid("a workflow has 1 to 20 steps")
	}
	for i, step := range d.Steps {
		if r := path.field("steps").item(i).checkStep(step); r != nil {
			return r
		}
	}
	return w.checkNamed(ctx, path, d)
}

func (a at) checkTriggers(triggers []db.WorkflowTrigger) *Refusal {
	a = a.field("triggers")
	if len(triggers) == 0 {
		return a.invalid("say when the workflow runs")
	}
	return checkOnce(a, triggers)
}

// checkOnce refuses a list that names something twice, or too much.
func checkOnce[T comparable](a at, list []T) *Refusal {
	if len(list) > maxListed {
		return a.invalid("at most " + strconv.Itoa(maxListed) + " may be listed")
	}
	for i := range list {
		if slices.Contains(list[:i], list[i]) {
			return a.item(i).invalid("it is listed twice")
		}
	}
	return nil
}

// triggersWith are the triggers whose events have what a condition looks at.
var triggersWith = map[string][]db.WorkflowTrigger{
	"reasons":            {db.TriggerAssigned, db.TriggerUnassigned},
	"sources":            {db.TriggerOpened, db.TriggerReopened},
	"categories":         {db.TriggerClosed},
	"businessEventTypes": {db.TriggerBusinessEvent},
}

func (a at) checkAutomated(c *db.AutomatedCondition, triggers []db.WorkflowTrigger) *Refusal {
	if c != nil && !slices.Contains(triggers, db.TriggerReceived) {
		return a.invalid("it is about messages that come in; add the trigger MESSAGE_RECEIVED, or leave it out")
	}
	return nil
}

func (a at) checkConditions(c *db.WorkflowConditions, triggers []db.WorkflowTrigger) *Refusal {
	return firstRefusal(
		conditionList(a, "reasons", c.Reasons, triggers),
		conditionList(a, "sources", c.Sources, triggers),
		conditionTexts(a, "channels", c.Channels, triggers),
		conditionTexts(a, "categories", c.Categories, triggers),
		conditionTexts(a, "businessEventTypes", c.BusinessEventTypes, triggers),
		conditionList(a, "days", c.Days, triggers),
		a.field("automated").checkAutomated(c.Automated, triggers),
		a.field("assignee").checkAssignee(c.Assignee),
		a.field("hours").checkHours(c.Hours),
	)
}

// firstRefusal gives the first refusal.
func firstRefusal(refusals ...*Refusal) *Refusal {
	for _, r := range refusals {
		if r != nil {
			return r
		}
	}
	return nil
}

func conditionList[T comparable](a at, name string, list []T, triggers []db.WorkflowTrigger) *Refusal {
	a = a.field(name)
	if list == nil {
		return nil
	}
	if len(list) == 0 {
		return a.invalid("an empty list never holds; leave it out")
	}
	if fitting := triggersWith[name]; fitting != nil {
		for _, t := range triggers {
			if !slices.Contains(fitting, t) {
				return a.invalid("it would never hold for the trigger " + string(t))
			}
		}
	}
	return checkOnce(a, list)
}

func conditionTexts(a at, name string, list []string, triggers []db.WorkflowTrigger) *Refusal {
	if r := conditionList(a, name, list, triggers); r != nil {
		return r
	}
	for i, text := range list {
		if err := checkText("it", text, 1, maxName); err != nil {
			return a.field(name).item(i).invalid(err.Error())
		}
	}
	return nil
}

func (a at) checkAssignee(c *db.AssigneeCondition) *Refusal {
	switch {
	case c == nil:
		return nil
	case !c.None && !c.NoneByOwnerPolicy && !c.Unavailable && len(c.AgentIDs) == 0:
		return a.invalid("say which assignee is meant: none, noneByOwnerPolicy, unavailable, or agentIds")
	}
	return checkOnce(a.field("agentIds"), c.AgentIDs)
}

func (a at) checkHours(h *db.WorkflowHours) *Refusal {
	switch {
	case h == nil:
		return nil
	case h.From < 0 || h.From > 23:
		return a.field("from").invalid("the hour is between 0 and 23")
	case h.Until < 1 || h.Until > 24:
		return a.field("until").invalid("the hour is between 1 and 24")
	case h.From == h.Until:
		return a.invalid("the hours end where they begin; leave them out for the whole day")
	}
	return nil
}

// fieldsOf are the fields that a kind of step has beside its kind.
var fieldsOf = map[db.WorkflowStepKind][]string{
	db.StepAssign:      {"agentId"},
	db.StepRoundRobin:  {"agentIds", "skill", "capacity", "exceptPrevious"},
	db.StepLeastLoaded: {"agentIds", "skill", "capacity", "exceptPrevious"},
	db.StepClose:       {"category", "text"},
	db.StepAddNote:     {"text"},
	db.StepWait:        {"seconds"},
}

func (a at) checkStep(s *db.WorkflowStep) *Refusal {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"agentId", s.AgentID != nil}, {"agentIds", s.AgentIDs != nil}, {"skill", s.Skill != nil}, {"capacity", s.Capacity != nil},
		{"category", s.Category != nil}, {"text", s.Text != nil}, {"seconds", s.Seconds != nil},
		{"exceptPrevious", s.ExceptPrevious},
	} {
		if f.given && !slices.Contains(fieldsOf[s.Kind], f.name) {
			return a.field(f.name).invalid("a step " + string(s.Kind) + " has no " + f.name)
		}
	}
	switch s.Kind {
	case db.StepAssign:
		if s.AgentID == nil {
			return a.field("agentId").invalid("say to whom to assign")
		}
	case db.StepRoundRobin, db.StepLeastLoaded:
		return a.checkChoice(s)
	case db.StepClose:
		return a.checkStepText(s.Text, 0)
	case db.StepAddNote:
		return a.checkStepText(s.Text, 1)
	case db.StepWait:
		if s.Seconds == nil || *s.Seconds < 1 || *s.Seconds > maxWait {
			return a.field("seconds").invalid("wait between 1 second and 30 days, 2592000 seconds")
		}
	}
	return nil
}

func (a at) checkStepText(text *string, least int) *Refusal {
	if text == nil && least == 0 {
		return nil
	}
	if text == nil {
		return a.field("text").invalid("say what to note")
	}
	if err := checkText("text", *text, 1, maxBody); err != nil {
		return a.field("text").invalid(err.Error())
	}
	return nil
}

func (a at) checkChoice(s *db.WorkflowStep) *Refusal {
	if s.AgentIDs != nil && len(s.AgentIDs) == 0 {
		return a.field("agentIds").invalid("an empty list is nobody; leave it out to choose among all")
	}
	if s.Skill != nil {
		if err := checkText("skill", *s.Skill, 1, maxName); err != nil {
			return a.field("skill").invalid(err.Error())
		}
	}
	if s.Capacity != nil && (*s.Capacity < 1 || *s.Capacity > maxCapacity) {
		return a.field("capacity").invalid("the capacity is between 1 and 1000")
	}
	return checkOnce(a.field("agentIds"), s.AgentIDs)
}

// checkNamed refuses what a definition names and cannot use: agents who do not exist or are
// deactivated, and categories that the workspace does not have.
func (w *writer) checkNamed(ctx context.Context, path at, d *db.WorkflowDefinition) error {
	known, err := readKnown(ctx, w.ForWorkspace, d)
	if err != nil {
		return err
	}
	for _, id := range agentsOf(d) {
		if known.agents[id] == nil {
			return notFound("agent")
		}
	}
	if r := first(known.problems(path, d)); r != nil {
		return refuse(InvalidWorkflow, r.Message, r.Field...)
	}
	return nil
}

// closingNote is the note with which a step closes; nil without one.
func closingNote(s *db.WorkflowStep) *db.ClosingNote {
	if s.Category == nil && s.Text == nil {
		return nil
	}
	return &db.ClosingNote{Category: s.Category, Text: s.Text}
}

// assigns reports whether a step makes an agent responsible.
func assigns(d *db.WorkflowDefinition) bool {
	return slices.ContainsFunc(d.Steps, func(s *db.WorkflowStep) bool { return s.Kind == db.StepAssign || s.Chooses() })
}

// isRefusal gives an error as the refusal that it is; nil for others.
func isRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}
