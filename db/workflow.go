package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// WorkflowTrigger is what a workflow begins with.
type WorkflowTrigger string

// The triggers of rule W1.
const (
	TriggerOpened        WorkflowTrigger = "CONVERSATION_OPENED"
	TriggerClosed        WorkflowTrigger = "CONVERSATION_CLOSED"
	TriggerReopened      WorkflowTrigger = "CONVERSATION_REOPENED"
	TriggerAssigned      WorkflowTrigger = "CONVERSATION_ASSIGNED"
	TriggerUnassigned    WorkflowTrigger = "CONVERSATION_UNASSIGNED"
	TriggerReceived      WorkflowTrigger = "MESSAGE_RECEIVED"
	TriggerSent          WorkflowTrigger = "MESSAGE_SENT"
	TriggerBusinessEvent WorkflowTrigger = "BUSINESS_EVENT_RECORDED"
)

// Event returns the type of the events that pull the trigger, which has the same name.
func (t WorkflowTrigger) Event() EventType { return EventType(t) }

// formerTriggers are the names that triggers have in definitions stored by versions before 1.0.
var formerTriggers = map[string]WorkflowTrigger{
	"CONTACT_ASSIGNED": TriggerAssigned, "CONTACT_UNASSIGNED": TriggerUnassigned, "BUSINESS_EVENT": TriggerBusinessEvent,
}

// UnmarshalText reads a stored trigger by its present or former name.
func (t *WorkflowTrigger) UnmarshalText(text []byte) error {
	if *t = WorkflowTrigger(text); formerTriggers[string(text)] != "" {
		*t = formerTriggers[string(text)]
	}
	return nil
}

// WorkflowStepKind is what a step does.
type WorkflowStepKind string

// The steps of rule W1.
const (
	StepAssign      WorkflowStepKind = "ASSIGN"
	StepUnassign    WorkflowStepKind = "UNASSIGN"
	StepRoundRobin  WorkflowStepKind = "ASSIGN_ROUND_ROBIN"
	StepLeastLoaded WorkflowStepKind = "ASSIGN_LEAST_LOADED"
	StepClose       WorkflowStepKind = "CLOSE"
	StepAddNote     WorkflowStepKind = "ADD_NOTE"
	StepWait        WorkflowStepKind = "WAIT"
)

// WorkflowDefinition says when a workflow runs and what it does.
type WorkflowDefinition struct {
	Triggers   []WorkflowTrigger   `json:"triggers"` // any of these
	Conditions *WorkflowConditions `json:"conditions,omitempty"`
	Steps      []*WorkflowStep     `json:"steps"` // in this order
}

// WorkflowConditions all have to hold; nil ones do.
type WorkflowConditions struct {
	Reasons            []AssignmentReason   `json:"reasons,omitempty"` // one of these; so for the other lists
	Sources            []ConversationSource `json:"sources,omitempty"`
	Channels           []string             `json:"channels,omitempty"`
	Categories         []string             `json:"categories,omitempty"`
	BusinessEventTypes []string             `json:"businessEventTypes,omitempty"`
	Automated          *AutomatedCondition  `json:"automated,omitempty"` // of a message received; nil: none
	Status             *ConversationStatus  `json:"status,omitempty"`
	Assignee           *AssigneeCondition   `json:"assignee,omitempty"`
	Hours              *WorkflowHours       `json:"hours,omitempty"`
	Days               []DayOfWeek          `json:"days,omitempty"`
}

// AutomatedCondition reports whether a message that a machine wrote triggers a workflow.
type AutomatedCondition string

// The automated messages that trigger a workflow; without a condition none does.
const (
	AutomatedInclude AutomatedCondition = "INCLUDE" // like any other message
	AutomatedOnly    AutomatedCondition = "ONLY"    // and no other message
)

// AssigneeCondition holds if one of what it names does.
type AssigneeCondition struct {
	None              bool      `json:"none,omitempty"`              // nobody is responsible
	NoneByOwnerPolicy bool      `json:"noneByOwnerPolicy,omitempty"` // nobody is, because the owner policy unassigned in the same change
	Unavailable       bool      `json:"unavailable,omitempty"`       // somebody who is not online is
	AgentIDs          []AgentID `json:"agentIds,omitempty"`          // one of these is
}

// WorkflowHours is a part of the day in the workspace's time zone.
type WorkflowHours struct {
	From  int `json:"from"`  // the hour in which it begins, 0 to 23
	Until int `json:"until"` // the hour before which it ends, 1 to 24; not after From: on the next day
}

// DayOfWeek is a day of the week.
type DayOfWeek string

// The days, in the order of time.Weekday.
const (
	Sunday    DayOfWeek = "SUNDAY"
	Monday    DayOfWeek = "MONDAY"
	Tuesday   DayOfWeek = "TUESDAY"
	Wednesday DayOfWeek = "WEDNESDAY"
	Thursday  DayOfWeek = "THURSDAY"
	Friday    DayOfWeek = "FRIDAY"
	Saturday  DayOfWeek = "SATURDAY"
)

// DaysOfWeek are the days, by time.Weekday.
var DaysOfWeek = []DayOfWeek{Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday}

// WorkflowStep is one thing to do; which fields it has depends on its kind.
type WorkflowStep struct {
	Kind     WorkflowStepKind `json:"kind"`
	AgentID  *AgentID         `json:"agentId,omitempty"`  // assign
	AgentIDs []AgentID        `json:"agentIds,omitempty"` // choice: only one of these; nil: anybody
	Skill    *string          `json:"skill,omitempty"`    // choice: only who has it
	Capacity *int             `json:"capacity,omitempty"` // choice: open conversations of an agent at most
	Category *string          `json:"category,omitempty"` // close: of the closing note
	Text     *string          `json:"text,omitempty"`     // close: of the closing note; note: the body
	Seconds  *int             `json:"seconds,omitempty"`  // wait

	ExceptPrevious bool `json:"exceptPrevious,omitempty"` // choice: never the agent who had it before the event
	Always         bool `json:"always,omitempty"`         // taken although an earlier step was overtaken or refused
}

// Chooses reports whether the step chooses an agent among several.
func (s *WorkflowStep) Chooses() bool { return s.Kind == StepRoundRobin || s.Kind == StepLeastLoaded }

// Workflow is something that a workspace wants to happen by itself.
type Workflow struct {
	bun.BaseModel `bun:"table:workflows,alias:workflow"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          WorkflowID   `bun:",pk"`
	Name        string
	Template    *string             // key of the template it was made from
	Definition  *WorkflowDefinition `bun:"type:jsonb"`
	Enabled     bool
	CreatedAt   time.Time
	DeletedAt   *time.Time // it stays as the one who did something
}

// WorkflowVersion is a workflow as it is from an event on.
type WorkflowVersion struct {
	bun.BaseModel `bun:"table:workflow_versions,alias:version"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          EventID      `bun:",pk"` // of the event
	WorkflowID  WorkflowID
	Definition  *WorkflowDefinition `bun:"type:jsonb"`
	Enabled     bool
}

const (
	workflowColumns = "workspace_id, id, name, template, definition, enabled, created_at, deleted_at"
	versionColumns  = "workspace_id, id, workflow_id, definition, enabled"
)

// WorkflowOrder lists workflows in the order of their creation.
var WorkflowOrder = Order{Name: "workflows", Columns: []string{"id"}}

// Key returns the workflow's position in WorkflowOrder.
func (f *Workflow) Key() Key { return Key{f.ID.UUID.String()} }

// WorkflowPage reads one page of the workflows, deleted ones left out.
func (w ForWorkspace) WorkflowPage(ctx context.Context, p Page) ([]*Workflow, bool, bool, error) {
	var rows []*Workflow
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Where("deleted_at IS NULL")
	if err := p.apply(q, WorkflowOrder).Scan(ctx); err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// WorkflowCount counts the workflows up to a limit, deleted ones left out.
func (w ForWorkspace) WorkflowCount(ctx context.Context, limit int) (int, error) {
	return w.count(ctx, w.bun.NewSelect().Model((*Workflow)(nil)).Where("workspace_id = ?", w.Key).Where("deleted_at IS NULL"), limit)
}

// Workflows reads the workflows with these ids, deleted ones too, in no order; unknown
// ones are left out.
func (w ForWorkspace) Workflows(ctx context.Context, ids []WorkflowID) ([]*Workflow, error) {
	var rows []*Workflow
	err := w.query(ctx, &rows, "SELECT "+workflowColumns+" FROM workflows WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// ActiveWorkflows reads the workflows that are not deleted, in the order of their creation.
func (w ForWorkspace) ActiveWorkflows(ctx context.Context) ([]*Workflow, error) {
	var rows []*Workflow
	err := w.query(ctx, &rows, "SELECT "+workflowColumns+` FROM workflows
		WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY id`, w.Key)
	return rows, err
}

// LockWorkflow reads a workflow that is not deleted for changing it; none if there is no such.
func (tx Tx) LockWorkflow(ctx context.Context, id WorkflowID) ([]*Workflow, error) {
	var rows []*Workflow
	err := tx.query(ctx, &rows, "SELECT "+workflowColumns+` FROM workflows
		WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE`, tx.Key, id)
	return rows, err
}

// InsertWorkflow adds a workflow. With the first one the workspace's log begins to be
// followed, from its present end.
func (tx Tx) InsertWorkflow(ctx context.Context, f *Workflow) error {
	f.WorkspaceID = tx.Key
	if err := tx.insert(ctx, f); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO workflow_positions (workspace_id, seq)
		SELECT workspace_id, seq FROM event_heads WHERE workspace_id = $1 ON CONFLICT DO NOTHING`, tx.Key)
	return err
}

// UpdateWorkflow writes everything of a workflow that can change.
func (tx Tx) UpdateWorkflow(ctx context.Context, f *Workflow) error {
	_, err := tx.bun.NewUpdate().Model(f).Column("name", "definition", "enabled", "deleted_at").
		Where("workspace_id = ?", tx.Key).Where("id = ?", f.ID).Exec(ctx)
	return err
}

// InsertWorkflowVersion keeps a workflow as it is from an event on.
func (tx Tx) InsertWorkflowVersion(ctx context.Context, v *WorkflowVersion) error {
	v.WorkspaceID = tx.Key
	return tx.insert(ctx, v)
}

// WorkflowVersions reads the versions that hold from these events on, in no order.
func (w ForWorkspace) WorkflowVersions(ctx context.Context, events []EventID) ([]*WorkflowVersion, error) {
	var rows []*WorkflowVersion
	err := w.query(ctx, &rows, "SELECT "+versionColumns+` FROM workflow_versions
		WHERE workspace_id = $1 AND id = ANY ($2)`, w.Key, events)
	return rows, err
}

// WorkflowTurn reads who was chosen last in turn, and keeps others from taking turns until
// the end of the transaction; nil if nobody was yet.
func (tx Tx) WorkflowTurn(ctx context.Context, id WorkflowID) (*AgentID, error) {
	var rows []struct{ Turn *AgentID }
	err := tx.query(ctx, &rows, "SELECT turn FROM workflows WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.Key, id)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Turn, nil
}

// TakeWorkflowTurn notes who was chosen in turn.
func (tx Tx) TakeWorkflowTurn(ctx context.Context, id WorkflowID, agent AgentID) error {
	_, err := tx.exec(ctx, "UPDATE workflows SET turn = $3 WHERE workspace_id = $1 AND id = $2", tx.Key, id, agent)
	return err
}

// Candidates reads the agents among whom a step chooses, in id order: those named, or the
// active ones; of either only who has a skill, if one is asked for.
func (w ForWorkspace) Candidates(ctx context.Context, named []AgentID, skill *string) ([]*Agent, error) {
	var rows []*Agent
	err := w.query(ctx, &rows, `SELECT workspace_id, id, name, email, avatar_url, role, skills, availability, active,
		issuer, subject, created_at FROM agents WHERE workspace_id = $1
		AND (CASE WHEN cardinality($2::uuid[]) > 0 THEN id = ANY ($2) ELSE active END)
		AND ($3::text IS NULL OR $3 = ANY (skills)) ORDER BY id`, w.Key, named, skill)
	return rows, err
}

// Loads counts the open conversations of agents from the rows themselves; blocked
// contacts' do not count (S4).
func (w ForWorkspace) Loads(ctx context.Context, agents []AgentID) (map[AgentID]int, error) {
	var rows []struct {
		AssigneeID AgentID
		Open       int
	}
	err := w.query(ctx, &rows, `SELECT assignee_id, count(*) AS open FROM conversations
		WHERE workspace_id = $1 AND assignee_id = ANY ($2) AND status = 'OPEN' AND NOT blocked GROUP BY assignee_id`, w.Key, agents)
	loads := map[AgentID]int{}
	for _, row := range rows {
		loads[row.AssigneeID] = row.Open
	}
	return loads, err
}
