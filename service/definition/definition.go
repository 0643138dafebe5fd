// Package definition is what a workflow may be (W1): the rules that a definition must keep to, and
// what it names that is not usable any more.
package definition

import (
	"slices"
	"strconv"

	"switchboard/db"
	"switchboard/db/text"
)

// The most that a definition takes.
const (
	MaxSteps    = 20
	maxWait     = 30 * 24 * 60 * 60 // seconds
	maxCapacity = 1000
	maxListed   = 200 // agents, channels, types … in one list
)

// Path is the path to a part of a definition in the input.
type Path []string

func (p Path) field(name string) Path { return append(slices.Clip(p), name) }

// step returns the path to a step's own input.
func (p Path) step(i int, s *db.WorkflowStep) Path {
	return p.field("steps").item(i).field(stepFields[s.Kind])
}

// stepFields are the fields of the input that the kinds of steps have.
var stepFields = map[db.WorkflowStepKind]string{
	db.StepAssign:      "assign",
	db.StepUnassign:    "unassign",
	db.StepRoundRobin:  "assignRoundRobin",
	db.StepLeastLoaded: "assignLeastLoaded",
	db.StepClose:       "close",
	db.StepAddNote:     "addNote",
	db.StepWait:        "wait",
}

func (p Path) item(i int) Path { return p.field(strconv.Itoa(i)) }

// Invalid returns the problem that the part at the path is not valid.
func (p Path) Invalid(message string) *Problem {
	return &Problem{Invalid, message, p}
}

// root is the path of a definition in the inputs of verbs.
var root = Path{"definition"}

// Check returns the first fault of a definition that cannot be carried out by any workspace, or
// nil. What the definition names is checked by Known.
func Check(d *db.WorkflowDefinition) *Problem {
	if r := root.checkTriggers(d.Triggers); r != nil {
		return r
	}
	if d.Conditions != nil {
		if r := root.field("conditions").checkConditions(d.Conditions, d.Triggers); r != nil {
			return r
		}
	}
	if len(d.Steps) == 0 || len(d.Steps) > MaxSteps {
		return root.field("steps").Invalid("a workflow has 1 to 20 steps")
	}
	for i, step := range d.Steps {
		if r := root.step(i, step).checkStep(step); r != nil {
			return r
		}
	}
	return nil
}

func (p Path) checkTriggers(triggers []db.WorkflowTrigger) *Problem {
	p = p.field("triggers")
	if len(triggers) == 0 {
		return p.Invalid("say when the workflow runs")
	}
	return checkOnce(p, triggers)
}

// checkOnce refuses a list that has an item twice, or too many items.
func checkOnce[T comparable](p Path, list []T) *Problem {
	if len(list) > maxListed {
		return p.Invalid("at most " + strconv.Itoa(maxListed) + " may be listed")
	}
	for i := range list {
		if slices.Contains(list[:i], list[i]) {
			return p.item(i).Invalid("it is listed twice")
		}
	}
	return nil
}

// triggersWith are the triggers whose events have the field that a condition is about.
var triggersWith = map[string][]db.WorkflowTrigger{
	"reasons":            {db.TriggerAssigned, db.TriggerUnassigned},
	"sources":            {db.TriggerOpened, db.TriggerReopened},
	"categories":         {db.TriggerClosed},
	"businessEventTypes": {db.TriggerBusinessEvent},
}

func (p Path) checkAutomated(c *db.AutomatedCondition, triggers []db.WorkflowTrigger) *Problem {
	if c != nil && !slices.Contains(triggers, db.TriggerReceived) {
		return p.Invalid("it is about messages that come in; add the trigger MESSAGE_RECEIVED, or leave it out")
	}
	return nil
}

func (p Path) checkConditions(c *db.WorkflowConditions, triggers []db.WorkflowTrigger) *Problem {
	return firstOf(
		conditionList(p, "reasons", c.Reasons, triggers),
		conditionList(p, "sources", c.Sources, triggers),
		conditionTexts(p, "channels", c.Channels, triggers),
		conditionTexts(p, "categories", c.Categories, triggers),
		conditionTexts(p, "businessEventTypes", c.BusinessEventTypes, triggers),
		conditionList(p, "days", c.Days, triggers),
		p.field("automated").checkAutomated(c.Automated, triggers),
		p.field("assignee").checkAssignee(c.Assignee),
		p.field("hours").checkHours(c.Hours),
	)
}

func firstOf(problems ...*Problem) *Problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

func conditionList[T comparable](p Path, name string, list []T, triggers []db.WorkflowTrigger) *Problem {
	p = p.field(name)
	if list == nil {
		return nil
	}
	if len(list) == 0 {
		return p.Invalid("an empty list never holds; leave it out")
	}
	if fitting := triggersWith[name]; fitting != nil {
		for _, t := range triggers {
			if !slices.Contains(fitting, t) {
				return p.Invalid("it would never hold for the trigger " + string(t))
			}
		}
	}
	return checkOnce(p, list)
}

func conditionTexts(p Path, name string, list []string, triggers []db.WorkflowTrigger) *Problem {
	if r := conditionList(p, name, list, triggers); r != nil {
		return r
	}
	for i, listed := range list {
		if fault := text.Fault("it", listed, 1, text.MaxName); fault != "" {
			return p.field(name).item(i).Invalid(fault)
		}
	}
	return nil
}

func (p Path) checkAssignee(c *db.AssigneeCondition) *Problem {
	switch {
	case c == nil:
		return nil
	case !c.None && !c.NoneByOwnerPolicy && !c.Unavailable && len(c.AgentIDs) == 0:
		return p.Invalid("say which assignee is meant: none, noneByOwnerPolicy, unavailable, or agentIds")
	}
	return checkOnce(p.field("agentIds"), c.AgentIDs)
}

func (p Path) checkHours(h *db.WorkflowHours) *Problem {
	switch {
	case h == nil:
		return nil
	case h.From < 0 || h.From > 23:
		return p.field("from").Invalid("the hour is between 0 and 23")
	case h.Until < 1 || h.Until > 24:
		return p.field("until").Invalid("the hour is between 1 and 24")
	case h.From == h.Until:
		return p.Invalid("the hours end where they begin; leave them out for the whole day")
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

func (p Path) checkStep(s *db.WorkflowStep) *Problem {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"agentId", s.AgentID != nil}, {"agentIds", s.AgentIDs != nil}, {"skill", s.Skill != nil}, {"capacity", s.Capacity != nil},
		{"category", s.Category != nil}, {"text", s.Text != nil}, {"seconds", s.Seconds != nil},
		{"exceptPrevious", s.ExceptPrevious},
	} {
		if f.given && !slices.Contains(fieldsOf[s.Kind], f.name) {
			return p.field(f.name).Invalid("a step " + string(s.Kind) + " has no " + f.name)
		}
	}
	switch s.Kind {
	case db.StepAssign:
		if s.AgentID == nil {
			return p.field("agentId").Invalid("say to whom to assign")
		}
	case db.StepRoundRobin, db.StepLeastLoaded:
		return p.CheckChoice(s)
	case db.StepClose:
		return p.checkStepText(s.Text, 0)
	case db.StepAddNote:
		return p.checkStepText(s.Text, 1)
	case db.StepWait:
		if s.Seconds == nil || *s.Seconds < 1 || *s.Seconds > maxWait {
			return p.field("seconds").Invalid("wait between 1 second and 30 days, 2592000 seconds")
		}
	}
	return nil
}

func (p Path) checkStepText(given *string, least int) *Problem {
	if given == nil && least == 0 {
		return nil
	}
	if given == nil {
		return p.field("text").Invalid("say what to note")
	}
	if fault := text.Fault("text", *given, 1, text.MaxBody); fault != "" {
		return p.field("text").Invalid(fault)
	}
	return nil
}

// CheckChoice returns the first fault of a step that chooses an agent, or nil.
func (p Path) CheckChoice(s *db.WorkflowStep) *Problem {
	if s.AgentIDs != nil && len(s.AgentIDs) == 0 {
		return p.field("agentIds").Invalid("an empty list is nobody; leave it out to choose among all")
	}
	if s.Skill != nil {
		if fault := text.Fault("skill", *s.Skill, 1, text.MaxName); fault != "" {
			return p.field("skill").Invalid(fault)
		}
	}
	if s.Capacity != nil && (*s.Capacity < 1 || *s.Capacity > maxCapacity) {
		return p.field("capacity").Invalid("the capacity is between 1 and 1000")
	}
	return checkOnce(p.field("agentIds"), s.AgentIDs)
}

// ClosingNote returns the note with which a step closes; nil without one.
func ClosingNote(s *db.WorkflowStep) *db.ClosingNote {
	if s.Category == nil && s.Text == nil {
		return nil
	}
	return &db.ClosingNote{Category: s.Category, Text: s.Text}
}

// Assigns reports whether a definition has a step that makes an agent responsible.
func Assigns(d *db.WorkflowDefinition) bool {
	return slices.ContainsFunc(d.Steps, func(s *db.WorkflowStep) bool { return s.Kind == db.StepAssign || s.Chooses() })
}
