package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

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
	Workflow   *db.Workflow
	Events     []Event
	UserErrors []*service.Refusal
}

func workflowPayload(o *service.Outcome, err error) (*WorkflowPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &WorkflowPayload{o.Workflow, events, refusals}, nil
}

// WorkflowRunPayload is what the mutations of runs return.
type WorkflowRunPayload struct {
	Run        *db.WorkflowRun
	Events     []Event
	UserErrors []*service.Refusal
}

func workflowRunPayload(o *service.Outcome, err error) (*WorkflowRunPayload, error) {
	events, refusals, err := split(o, err)
	if err != nil {
		return nil, err
	}
	return &WorkflowRunPayload{o.Run, events, refusals}, nil
}

// The resolvers of workflows.
type (
	workflowResolver          struct{ *Resolver }
	workflowRunResolver       struct{ *Resolver }
	workflowRunStepResolver   struct{ *Resolver }
	workflowCandidateResolver struct{ *Resolver }
)

// Workflow answers the fields of Workflow.
func (r *Resolver) Workflow() WorkflowResolver { return workflowResolver{r} }

// WorkflowRun answers the fields of WorkflowRun.
func (r *Resolver) WorkflowRun() WorkflowRunResolver { return workflowRunResolver{r} }

// WorkflowRunStep answers the fields of WorkflowRunStep.
func (r *Resolver) WorkflowRunStep() WorkflowRunStepResolver { return workflowRunStepResolver{r} }

// WorkflowCandidate answers the fields of WorkflowCandidate.
func (r *Resolver) WorkflowCandidate() WorkflowCandidateResolver { return workflowCandidateResolver{r} }

func (r queryResolver) Workflows(ctx context.Context, first *int, after *string, last *int, before *string) (*WorkflowConnection, error) {
	l, err := r.service.Workflows(ctx, actorOf(ctx), service.PageInput{First: first, After: after, Last: last, Before: before})
	if err != nil {
		return nil, err
	}
	return connect(l, same[*db.Workflow], l.Total), nil
}

func (r queryResolver) Workflow(ctx context.Context, id string) (*db.Workflow, error) {
	workflow, err := decode[db.WorkflowID](id)
	if err != nil {
		return nil, err
	}
	return loadersOf(ctx).workflows.Load(ctx, workflow)
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

func (r workflowResolver) Problems(ctx context.Context, f *db.Workflow) ([]*service.Refusal, error) {
	return loadersOf(ctx).workflowProblems.Load(ctx, f)
}

func (r workflowResolver) Runs(ctx context.Context, f *db.Workflow, first *int, after *string, last *int, before *string) (*WorkflowRunConnection, error) {
	l, err := loadersOf(ctx).workflowRuns.Load(ctx, pageOf[db.WorkflowID]{f.ID, argsOf(first, after, last, before)})
	if err != nil {
		return nil, err
	}
	return connect(l, same[*db.WorkflowRun], totalOf(loadersOf(ctx).runTotals, f.ID)), nil
}

func (r workflowRunResolver) Workflow(ctx context.Context, run *db.WorkflowRun) (*db.Workflow, error) {
	return loadersOf(ctx).workflows.Load(ctx, run.WorkflowID)
}

func (r workflowRunResolver) Event(ctx context.Context, run *db.WorkflowRun) (Event, error) {
	row, err := loadersOf(ctx).events.Load(ctx, run.Trigger())
	if row == nil {
		return nil, err
	}
	return toEvent(row), nil
}

func (r workflowRunResolver) Conversation(ctx context.Context, run *db.WorkflowRun) (*db.Conversation, error) {
	return loadOptional(ctx, loadersOf(ctx).conversations, run.ConversationID)
}

func (r workflowRunResolver) Contact(ctx context.Context, run *db.WorkflowRun) (*db.Contact, error) {
	return loadersOf(ctx).contacts.Load(ctx, run.ContactID)
}

func (r workflowRunStepResolver) Agent(ctx context.Context, s *db.WorkflowRunStep) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, s.AgentID)
}

func (r workflowRunStepResolver) Code(_ context.Context, s *db.WorkflowRunStep) (*service.RefusalCode, error) {
	if s.Code == nil {
		return nil, nil
	}
	code := service.RefusalCode(*s.Code)
	return &code, nil
}

func (r workflowCandidateResolver) Agent(ctx context.Context, c *db.WorkflowCandidate) (*db.Agent, error) {
	return loadersOf(ctx).agents.Load(ctx, c.AgentID)
}

// workflowEvent is an event about a workflow.
type workflowEvent struct{ event }

// Workflow loads the workflow.
func (e workflowEvent) Workflow(ctx context.Context) (*db.Workflow, error) {
	return loadOptional(ctx, loadersOf(ctx).workflows, e.Data.WorkflowID)
}

// Run loads the workflow run that caused the event; nil if there is none.
func (e event) Run(ctx context.Context) (*db.WorkflowRun, error) {
	if e.Data.Run == nil {
		return nil, nil
	}
	return loadersOf(ctx).runs.Load(ctx, e.Data.Run.ID)
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

// ofWorkflows reads ahead for workflows and their runs.
func (a ahead) ofWorkflows(s ast.SelectionSet, rows []*db.Workflow) {
	if rows = existing(rows); len(rows) == 0 {
		return
	}
	for _, f := range a.fields(s, "Workflow") {
		switch f.Name {
		case "definition":
			a.ofDefinitions(f, rows)
		case "runs":
			a.ofRuns(a.nodes(f), flat(a, a.workflowRuns, a.runTotals, f, rows, func(w *db.Workflow) db.WorkflowID { return w.ID }))
		case "problems":
			read(a, a.workflowProblems, rows, func(w *db.Workflow) **db.Workflow { return &w })
		}
	}
}

// ofRuns reads ahead for runs of workflows.
func (a ahead) ofRuns(s ast.SelectionSet, rows []*db.WorkflowRun) {
	if rows = existing(rows); len(rows) == 0 {
		return
	}
	for _, f := range a.fields(s, "WorkflowRun") {
		switch f.Name {
		case "workflow":
			a.ofWorkflows(f.Selections, read(a, a.workflows, rows, func(r *db.WorkflowRun) *db.WorkflowID { return &r.WorkflowID }))
		case "event":
			a.ofEvents(f.Selections, toEvents(existing(read(a, a.events, rows, func(r *db.WorkflowRun) *db.EventID { id := r.Trigger(); return &id }))))
		case "conversation":
			a.ofConversations(f.Selections, read(a, a.conversations, rows, func(r *db.WorkflowRun) *db.ConversationID { return r.ConversationID }))
		case "contact":
			a.ofContacts(f.Selections, read(a, a.contacts, rows, func(r *db.WorkflowRun) *db.ContactID { return &r.ContactID }))
		case "steps":
			var steps []*db.WorkflowRunStep
			for _, run := range rows {
				steps = append(steps, run.Steps...)
			}
			a.ofSteps(f, steps)
		}
	}
}

// ofSteps reads ahead for the steps of runs; f is the field that returns them.
func (a ahead) ofSteps(f graphql.CollectedField, steps []*db.WorkflowRunStep) {
	var candidates []*db.WorkflowCandidate
	for _, step := range steps {
		candidates = append(candidates, step.Candidates...)
	}
	for _, asked := range a.fieldsOf(f) {
		switch asked.Name {
		case "agent":
			a.ofAgents(asked.Selections, read(a, a.agents, steps, func(s *db.WorkflowRunStep) *db.AgentID { return s.AgentID }))
		case "candidates":
			if selected := a.below(asked, "agent"); selected != nil {
				a.ofAgents(selected, read(a, a.agents, candidates, func(c *db.WorkflowCandidate) *db.AgentID { return &c.AgentID }))
			}
		}
	}
}
