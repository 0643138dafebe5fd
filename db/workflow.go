package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// WorkflowTrigger is the kind of event that starts a workflow.
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

// Event returns the event type of the trigger, which has the same name.
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

// WorkflowStepKind is the action of a step.
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

// WorkflowDefinition is when a workflow runs and what it does.
type WorkflowDefinition struct {
	Triggers   []WorkflowTrigger   `json:"triggers"` // any of these starts the workflow
	Conditions *WorkflowConditions `json:"conditions,omitempty"`
	Steps      []*WorkflowStep     `json:"steps"` // in this order
}

// WorkflowConditions are the conditions under which a workflow runs. All of them have to hold; nil
// conditions always do.
type WorkflowConditions struct {
	Reasons            []AssignmentReason   `json:"reasons,omitempty"` // one of these
	Sources            []ConversationSource `json:"sources,omitempty"`
	Channels           []string             `json:"channels,omitempty"`
	Categories         []string             `json:"categories,omitempty"`
	BusinessEventTypes []string             `json:"businessEventTypes,omitempty"`
	Automated          *AutomatedCondition  `json:"automated,omitempty"` // nil: never those messages
	Status             *ConversationStatus  `json:"status,omitempty"`
	Assignee           *AssigneeCondition   `json:"assignee,omitempty"`
	Hours              *WorkflowHours       `json:"hours,omitempty"`
	Days               []DayOfWeek          `json:"days,omitempty"`
}

// AutomatedCondition decides whether an automated message triggers a workflow.
type AutomatedCondition string

// The values of AutomatedCondition. Without a condition automated messages trigger nothing.
const (
	AutomatedInclude AutomatedCondition = "INCLUDE" // automated messages trigger like all others
	AutomatedOnly    AutomatedCondition = "ONLY"    // only automated messages trigger
)

// AssigneeCondition holds if at least one of its fields does.
type AssigneeCondition struct {
	None              bool      `json:"none,omitempty"`              // it is unassigned
	NoneByOwnerPolicy bool      `json:"noneByOwnerPolicy,omitempty"` // … by the owner policy (S8)
	Unavailable       bool      `json:"unavailable,omitempty"`       // the assignee is not online
	AgentIDs          []AgentID `json:"agentIds,omitempty"`          // the assignee is one of these
}

// WorkflowHours is a part of the day in the workspace's time zone.
type WorkflowHours struct {
	From  int `json:"from"`  // the first hour, 0 to 23
	Until int `json:"until"` // 1 to 24; on the next day unless after From
}

// DayOfWeek is a day of the week.
type DayOfWeek string

// The days of the week, in the order of time.Weekday.
const (
	Sunday    DayOfWeek = "SUNDAY"
	Monday    DayOfWeek = "MONDAY"
	Tuesday   DayOfWeek = "TUESDAY"
	Wednesday DayOfWeek = "WEDNESDAY"
	Thursday  DayOfWeek = "THURSDAY"
	Friday    DayOfWeek = "FRIDAY"
	Saturday  DayOfWeek = "SATURDAY"
)

// DaysOfWeek maps time.Weekday to the day.
var DaysOfWeek = []DayOfWeek{Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday}

// WorkflowStep is one action of a workflow. Its kind decides which other fields are set.
type WorkflowStep struct {
	Kind     WorkflowStepKind `json:"kind"`
	AgentID  *AgentID         `json:"agentId,omitempty"`  // assign
	AgentIDs []AgentID        `json:"agentIds,omitempty"` // choice: among these; nil: among all
	Skill    *string          `json:"skill,omitempty"`    // choice: only agents with this skill
	Capacity *int             `json:"capacity,omitempty"` // choice: the capacity of each agent
	Category *string          `json:"category,omitempty"` // close: of the closing note
	Text     *string          `json:"text,omitempty"`     // of the closing note, or of the note
	Seconds  *int             `json:"seconds,omitempty"`  // wait

	ExceptPrevious bool `json:"exceptPrevious,omitempty"` // choice: not the former assignee
	Always         bool `json:"always,omitempty"`         // taken even after a refusal
}

// Chooses reports whether the step chooses one of several agents.
func (s *WorkflowStep) Chooses() bool { return s.Kind == StepRoundRobin || s.Kind == StepLeastLoaded }

// Workflow is an automation of a workspace.
type Workflow struct {
	bun.BaseModel `bun:"table:workflows,alias:workflow"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          WorkflowID   `bun:",pk"`
	Name        string
	Template    *string             // key of the template it was made from
	Definition  *WorkflowDefinition `bun:"type:jsonb"`
	Enabled     bool
	CreatedAt   time.Time
	DeletedAt   *time.Time // deleted workflows are kept, as they are actors of events
}

// WorkflowVersion is the state of a workflow from an event on.
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

// WorkflowPage returns one page of the workflows that are not deleted, and whether rows follow and
// precede it.
func (w ForWorkspace) WorkflowPage(ctx context.Context, p Page) ([]*Workflow, bool, bool, error) {
	var rows []*Workflow
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Where("deleted_at IS NULL")
	if err := w.sharing(ctx, func() error { return p.apply(q, WorkflowOrder).Scan(ctx) }); err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// WorkflowCount returns the number of workflows that are not deleted, at most limit.
func (w ForWorkspace) WorkflowCount(ctx context.Context, limit int) (int, error) {
	return w.count(ctx, w.bun.NewSelect().Model((*Workflow)(nil)).Where("workspace_id = ?", w.Key).Where("deleted_at IS NULL"), limit)
}

// Workflows returns the workflows with these ids, including deleted ones, in no order. Unknown ids
// are omitted.
func (w ForWorkspace) Workflows(ctx context.Context, ids []WorkflowID) ([]*Workflow, error) {
	var rows []*Workflow
	err := w.query(ctx, &rows, "SELECT "+workflowColumns+" FROM workflows WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// WorkflowsFrom returns the workflows that were created from each template and are not deleted, the
// latest first, at most limit for each.
func (w ForWorkspace) WorkflowsFrom(ctx context.Context, templates []string, limit int) (map[string][]*Workflow, error) {
	var rows []*Workflow
	err := w.query(ctx, &rows, "SELECT made.* FROM unnest($2::text[]) AS asked (key) CROSS JOIN LATERAL (SELECT "+workflowColumns+` FROM workflows
		WHERE workspace_id = $1 AND template = asked.key AND deleted_at IS NULL ORDER BY id DESC LIMIT $3) AS made`, w.Key, templates, limit)
	return groupBy(rows, func(f *Workflow) string { return *f.Template }), err
}

// ActiveWorkflows returns the workflows that are not deleted, in the order of their creation.
func (w ForWorkspace) ActiveWorkflows(ctx context.Context) ([]*Workflow, error) {
	var rows []*Workflow
	err := w.query(ctx, &rows, "SELECT "+workflowColumns+` FROM workflows
		WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY id`, w.Key)
	return rows, err
}

// LockWorkflow returns a workflow under an exclusive lock. The result is empty if it is deleted or
// unknown.
func (tx Tx) LockWorkflow(ctx context.Context, id WorkflowID) ([]*Workflow, error) {
	var rows []*Workflow
	err := tx.query(ctx, &rows, "SELECT "+workflowColumns+` FROM workflows
		WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE`, tx.Key, id)
	return rows, err
}

// InsertWorkflow adds a workflow. The first workflow of a workspace also sets the position from
// which its log is planned: the present end.
func (tx Tx) InsertWorkflow(ctx context.Context, f *Workflow) error {
	f.WorkspaceID = tx.Key
	if err := tx.insert(ctx, f); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO workflow_positions (workspace_id, seq)
		SELECT workspace_id, seq FROM event_heads WHERE workspace_id = $1 ON CONFLICT DO NOTHING`, tx.Key)
	return err
}

// UpdateWorkflow writes all mutable fields of a workflow.
func (tx Tx) UpdateWorkflow(ctx context.Context, f *Workflow) error {
	_, err := tx.bun.NewUpdate().Model(f).Column("name", "definition", "enabled", "deleted_at").
		Where("workspace_id = ?", tx.Key).Where("id = ?", f.ID).Exec(ctx)
	return err
}

// InsertWorkflowVersion stores the state of a workflow from an event on.
func (tx Tx) InsertWorkflowVersion(ctx context.Context, v *WorkflowVersion) error {
	v.WorkspaceID = tx.Key
	return tx.insert(ctx, v)
}

// WorkflowVersions returns the versions that start at these events, in no order.
func (w ForWorkspace) WorkflowVersions(ctx context.Context, events []EventID) ([]*WorkflowVersion, error) {
	var rows []*WorkflowVersion
	err := w.query(ctx, &rows, "SELECT "+versionColumns+` FROM workflow_versions
		WHERE workspace_id = $1 AND id = ANY ($2)`, w.Key, events)
	return rows, err
}

// LockWorkflowTurn returns the agent that the workflow's round robin chose last, or nil if it has
// chosen none. Other transactions cannot choose until this one ends.
func (tx Tx) LockWorkflowTurn(ctx context.Context, id WorkflowID) (*AgentID, error) {
	var rows []struct{ Turn *AgentID }
	err := tx.query(ctx, &rows, "SELECT turn FROM workflows WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.Key, id)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Turn, nil
}

// SaveWorkflowTurn stores the agent that the workflow's round robin chose last.
func (tx Tx) SaveWorkflowTurn(ctx context.Context, id WorkflowID, agent AgentID) error {
	_, err := tx.exec(ctx, "UPDATE workflows SET turn = $3 WHERE workspace_id = $1 AND id = $2", tx.Key, id, agent)
	return err
}

// Candidates returns the agents among whom a step chooses, in id order: the named ones or, if none
// is named, the active ones. If a skill is given, only agents with that skill are returned.
func (w ForWorkspace) Candidates(ctx context.Context, named []AgentID, skill *string) ([]*Agent, error) {
	var rows []*Agent
	err := w.query(ctx, &rows, `SELECT workspace_id, id, name, email, avatar_url, role, skills, availability, active,
		issuer, subject, created_at FROM agents WHERE workspace_id = $1
		AND (CASE WHEN cardinality($2::uuid[]) > 0 THEN id = ANY ($2) ELSE active END)
		AND ($3::text IS NULL OR $3 = ANY (skills)) ORDER BY id`, w.Key, named, skill)
	return rows, err
}

// Loads counts the open conversations of each of these agents, from the rows of conversations.
// Conversations of blocked contacts do not count (S4).
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
