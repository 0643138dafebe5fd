package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// The connections and edges of workflows.
type (
	WorkflowConnection    = Connection[*db.Workflow]
	WorkflowEdge          = Edge[*db.Workflow]
	WorkflowRunConnection = Connection[*db.WorkflowRun]
	WorkflowRunEdge       = Edge[*db.WorkflowRun]
)

// WorkflowPayload is what the mutations of workflows return.
type WorkflowPayload struct {
	payload
	Workflow *db.Workflow
}

func workflowPayload(o *service.Outcome, err error) (*WorkflowPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &WorkflowPayload{p, o.Workflow}, nil
}

// WorkflowRunPayload is what the mutations of runs return.
type WorkflowRunPayload struct {
	payload
	Run *db.WorkflowRun
}

func workflowRunPayload(o *service.Outcome, err error) (*WorkflowRunPayload, error) {
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &WorkflowRunPayload{p, o.Run}, nil
}

func (r queryResolver) Workflows(ctx context.Context, first *int, after *string, last *int, before *string) (*WorkflowConnection, error) {
	l, err := r.service.Workflows(ctx, actorOf(ctx), service.PageInput{First: first, After: after, Last: last, Before: before})
	if err != nil {
		return nil, err
	}
	return rootConnection(l, l.Total), nil
}

func (r queryResolver) Workflow(ctx context.Context, id string) (*db.Workflow, error) {
	workflow, err := decode[db.WorkflowID](id)
	if err != nil {
		return nil, err
	}
	return readsOf(ctx).workflows.one(ctx, workflow)
}

func (r queryResolver) WorkflowTemplates(context.Context) ([]*workflow.WorkflowTemplate, error) {
	return workflow.WorkflowTemplates(), nil
}

func (r mutationResolver) CreateWorkflow(ctx context.Context, input workflow.CreateWorkflowInput) (*WorkflowPayload, error) {
	return workflowPayload(r.service.CreateWorkflow(ctx, actorOf(ctx), input))
}

func (r mutationResolver) CreateWorkflowFromTemplate(ctx context.Context, input workflow.CreateWorkflowFromTemplateInput) (*WorkflowPayload, error) {
	return workflowPayload(r.service.CreateWorkflowFromTemplate(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UpdateWorkflow(ctx context.Context, input workflow.UpdateWorkflowInput) (*WorkflowPayload, error) {
	return workflowPayload(r.service.UpdateWorkflow(ctx, actorOf(ctx), input))
}

func (r mutationResolver) EnableWorkflow(ctx context.Context, input workflow.EnableWorkflowInput) (*WorkflowPayload, error) {
	return workflowPayload(r.service.EnableWorkflow(ctx, actorOf(ctx), input))
}

func (r mutationResolver) DisableWorkflow(ctx context.Context, input workflow.DisableWorkflowInput) (*WorkflowPayload, error) {
	return workflowPayload(r.service.DisableWorkflow(ctx, actorOf(ctx), input))
}

func (r mutationResolver) DeleteWorkflow(ctx context.Context, input workflow.DeleteWorkflowInput) (*WorkflowPayload, error) {
	return workflowPayload(r.service.DeleteWorkflow(ctx, actorOf(ctx), input))
}

func (r mutationResolver) CancelWorkflowRun(ctx context.Context, input workflow.CancelWorkflowRunInput) (*WorkflowRunPayload, error) {
	return workflowRunPayload(r.service.CancelWorkflowRun(ctx, actorOf(ctx), input))
}

func (r subscriptionResolver) WorkflowRunChanged(ctx context.Context, workflowID *string) (<-chan *db.WorkflowRun, error) {
	workflow, err := decodeOptional[db.WorkflowID](workflowID)
	if err != nil {
		return nil, err
	}
	s, err := r.service.WatchRuns(ctx, audienceOf(ctx), workflow)
	return push(ctx, s, err, same[*db.WorkflowRun])
}

// workflowRelations are the relations of Workflow.
type workflowRelations struct{ *reads }

func (r workflowRelations) Problems(ctx context.Context, rows []*db.Workflow) ([][]*service.Refusal, []error) {
	return refer(ctx, r.workflowProblems, rows, func(w *db.Workflow) **db.Workflow { return &w })
}

func (r workflowRelations) Runs(ctx context.Context, rows []*db.Workflow, first *int, after *string, last *int, before *string) ([]*WorkflowRunConnection, []error) {
	return connectionsOf(ctx, r.workflowRuns, rows, func(w *db.Workflow) *db.WorkflowID { return &w.ID }, same, argsOf(first, after, last, before))
}

// workflowTemplateRelations are the relations of WorkflowTemplate.
type workflowTemplateRelations struct{ *reads }

func (r workflowTemplateRelations) Workflows(ctx context.Context, rows []*workflow.WorkflowTemplate) ([][]*db.Workflow, []error) {
	return refer(ctx, r.workflowsFrom, rows, func(t *workflow.WorkflowTemplate) *string { return &t.Key })
}

// workflowRunRelations are the relations of WorkflowRun.
type workflowRunRelations struct{ *reads }

func (r workflowRunRelations) Workflow(ctx context.Context, rows []*db.WorkflowRun) ([]*db.Workflow, []error) {
	return refer(ctx, r.workflows, rows, func(run *db.WorkflowRun) *db.WorkflowID { return &run.WorkflowID })
}

func (r workflowRunRelations) Event(ctx context.Context, rows []*db.WorkflowRun) ([]Event, []error) {
	events, errs := refer(ctx, r.events, rows, func(run *db.WorkflowRun) *db.EventID { id := run.Trigger(); return &id })
	return derive(len(rows), errs, func(i int) Event {
		if events[i] == nil {
			return nil
		}
		return toEvent(events[i])
	})
}

func (r workflowRunRelations) Conversation(ctx context.Context, rows []*db.WorkflowRun) ([]*db.Conversation, []error) {
	return refer(ctx, r.conversations, rows, func(run *db.WorkflowRun) *db.ConversationID { return run.ConversationID })
}

func (r workflowRunRelations) Contact(ctx context.Context, rows []*db.WorkflowRun) ([]*db.Contact, []error) {
	return refer(ctx, r.contacts, rows, func(run *db.WorkflowRun) *db.ContactID { return &run.ContactID })
}

// workflowRunStepRelations are the relations of WorkflowRunStep.
type workflowRunStepRelations struct{ *reads }

func (r workflowRunStepRelations) Agent(ctx context.Context, rows []*db.WorkflowRunStep) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(s *db.WorkflowRunStep) *db.AgentID { return s.AgentID })
}

func (r workflowRunStepRelations) Code(_ context.Context, rows []*db.WorkflowRunStep) ([]*service.RefusalCode, []error) {
	return derive(len(rows), nil, func(i int) *service.RefusalCode { return (*service.RefusalCode)(rows[i].Code) })
}

// workflowCandidateRelations are the relations of WorkflowCandidate.
type workflowCandidateRelations struct{ *reads }

func (r workflowCandidateRelations) Agent(ctx context.Context, rows []*db.WorkflowCandidate) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(c *db.WorkflowCandidate) *db.AgentID { return &c.AgentID })
}

// workflowEvent is an event about a workflow.
type workflowEvent struct{ event }

// workflowEventRelations are the relations of events about workflows.
type workflowEventRelations struct{ *reads }

func (r workflowEventRelations) Workflow(ctx context.Context, rows []workflowEvent) ([]*db.Workflow, []error) {
	return refer(ctx, r.workflows, rows, func(e workflowEvent) *db.WorkflowID { return e.Data.WorkflowID })
}

// The events of workflows.
type (
	WorkflowCreated  struct{ workflowEvent }
	WorkflowUpdated  struct{ workflowEvent }
	WorkflowEnabled  struct{ workflowEvent }
	WorkflowDisabled struct{ workflowEvent }
	WorkflowDeleted  struct{ workflowEvent }
	WorkflowRan      struct{ workflowEvent }
)

// Changes are the fields that changed.
func (e WorkflowUpdated) Changes() []*db.FieldChange { return changedFields(e.Event) }

// Status is the status of the run at this event.
func (e WorkflowRan) Status() db.RunStatus { return e.Data.RunStatus }

// toWorkflowEvent returns an event about a workflow in its type of the schema, or nil for other
// events.
func toWorkflowEvent(e event) Event {
	about := workflowEvent{e}
	switch e.Type {
	case db.WorkflowCreated:
		return WorkflowCreated{about}
	case db.WorkflowUpdated:
		return WorkflowUpdated{about}
	case db.WorkflowEnabled:
		return WorkflowEnabled{about}
	case db.WorkflowDisabled:
		return WorkflowDisabled{about}
	case db.WorkflowDeleted:
		return WorkflowDeleted{about}
	case db.WorkflowRan:
		return WorkflowRan{about}
	}
	return nil
}
