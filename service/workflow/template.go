package workflow

import (
	"fmt"
	"slices"
	"strings"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/definition"
)

// WorkflowTemplate is a workflow that is often wanted (W3).
type WorkflowTemplate struct {
	Key         string
	Name        string // in which N stands for the days that it waits
	Description string
	Definition  *db.WorkflowDefinition
}

// The days that close-when-silent waits.
const (
	daysSilent = 3
	maxDays    = 30
	daySeconds = 24 * 60 * 60
)

// WorkflowTemplates returns the templates, each with definitions of its own.
func WorkflowTemplates() []*WorkflowTemplate {
	begins := []db.WorkflowTrigger{db.TriggerOpened, db.TriggerReopened}
	nobody := &db.WorkflowConditions{Assignee: &db.AssigneeCondition{None: true}}
	open, wait := db.StatusOpen, daysSilent*daySeconds
	return []*WorkflowTemplate{
		{"unassign-after-close", "Assignment: Unassign After Conversation Closes",
			"Clears the owner of the contact every time a conversation closes.",
			&db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{db.TriggerClosed}, Steps: steps(db.StepUnassign)}},
		{"round-robin-online", "Assignment: Round Robin Among Online Agents",
			"Assigns each unassigned conversation that opens or reopens to the next agent in turn who is online.",
			&db.WorkflowDefinition{Triggers: begins, Conditions: nobody, Steps: steps(db.StepRoundRobin)}},
		{"least-busy-online", "Assignment: Least Busy Online Agent",
			"Assigns each unassigned conversation that opens or reopens to the online agent with the fewest open ones, up to the capacity.",
			&db.WorkflowDefinition{Triggers: begins, Conditions: nobody, Steps: steps(db.StepLeastLoaded)}},
		{"reassign-unavailable-owner", "Assignment: Reassign When Owner Unavailable",
			"Assigns a conversation whose owner is not online, or was unassigned by the owner policy, to the online agent with the fewest open ones when it opens, reopens or the contact writes.",
			&db.WorkflowDefinition{Triggers: append(slices.Clone(begins), db.TriggerReceived), Steps: steps(db.StepLeastLoaded),
				Conditions: &db.WorkflowConditions{Assignee: &db.AssigneeCondition{Unavailable: true, NoneByOwnerPolicy: true}}}},
		{"assign-when-unassigned", "Assignment: Reassign What Was Given Back",
			"Assigns a conversation that is unassigned while open to the online agent with the fewest open ones, up to the capacity, and never back to the agent from whom it was taken.",
			&db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{db.TriggerUnassigned},
				Conditions: &db.WorkflowConditions{Status: &open, Assignee: nobody.Assignee},
				Steps:      []*db.WorkflowStep{{Kind: db.StepLeastLoaded, ExceptPrevious: true}}}},
		{"close-when-silent", "Close: No Answer For N Days",
			"Closes a conversation when the contact has not answered for a number of days after a reply.",
			&db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{db.TriggerSent},
				Steps: []*db.WorkflowStep{{Kind: db.StepWait, Seconds: &wait}, {Kind: db.StepClose}}}},
	}
}

func steps(kind db.WorkflowStepKind) []*db.WorkflowStep { return []*db.WorkflowStep{{Kind: kind}} }

// fromTemplate makes a workflow of a template.
func fromTemplate(in CreateWorkflowFromTemplateInput) (*db.Workflow, error) {
	templates := WorkflowTemplates()
	i := slices.IndexFunc(templates, func(t *WorkflowTemplate) bool { return t.Key == in.TemplateKey })
	if i < 0 {
		return nil, service.Refuse(service.InvalidWorkflow, "there is no such template; workflowTemplates lists them", "templateKey")
	}
	t := templates[i]
	step := t.Definition.Steps[0]
	if err := service.FirstOf(takeChoice(step, in), takeDays(step, in.Days)); err != nil {
		return nil, err
	}
	return &db.Workflow{Name: nameWithDays(t.Name, step), Template: &t.Key, Definition: t.Definition}, nil
}

// takeChoice puts agents and capacity on a step that chooses.
func takeChoice(step *db.WorkflowStep, in CreateWorkflowFromTemplateInput) *service.Refusal {
	switch {
	case step.Chooses():
		step.AgentIDs, step.Capacity = in.Agents, in.Capacity
		if p := (definition.Path{"step"}).CheckChoice(step); p != nil {
			return templateRefusal(p)
		}
	case in.Agents != nil:
		return service.Refuse(service.InvalidWorkflow, "this template chooses nobody; leave the agents out", "agents")
	case in.Capacity != nil:
		return service.Refuse(service.InvalidWorkflow, "this template chooses nobody; leave the capacity out", "capacity")
	}
	return nil
}

// takeDays puts the days on a step that waits. Three are what every call says that does
// not say otherwise.
func takeDays(step *db.WorkflowStep, days *int) *service.Refusal {
	switch {
	case days == nil:
	case step.Kind != db.StepWait && *days != daysSilent:
		return service.Refuse(service.InvalidWorkflow, "this template does not wait; leave the days out", "days")
	case *days < 1 || *days > maxDays:
		return service.Refuse(service.InvalidWorkflow, "wait between 1 and 30 days", "days")
	case step.Kind == db.StepWait:
		seconds := *days * daySeconds
		step.Seconds = &seconds
	}
	return nil
}

// nameWithDays returns a template's name with the days that its workflow waits.
func nameWithDays(name string, step *db.WorkflowStep) string {
	if step.Kind != db.StepWait {
		return name
	}
	days := *step.Seconds / daySeconds
	if days == 1 {
		return strings.Replace(name, "N Days", "1 Day", 1)
	}
	return strings.Replace(name, "N Days", fmt.Sprint(days, " Days"), 1)
}

// templateRefusal returns the refusal of a definition with the path of the template's input.
func templateRefusal(p *definition.Problem) *service.Refusal {
	path := slices.Clone(p.Field[1:])
	if path[0] == "agentIds" {
		path[0] = "agents"
	}
	return service.Refuse(service.RefusalCode(p.Code), p.Message, path...)
}
