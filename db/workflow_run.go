package db

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// RunStatus is how a run is.
type RunStatus string

// The states of a run; all but the first two are ends.
const (
	RunRunning   RunStatus = "RUNNING"
	RunWaiting   RunStatus = "WAITING"
	RunCompleted RunStatus = "COMPLETED"
	RunRefused   RunStatus = "REFUSED" // by a rule
	RunFailed    RunStatus = "FAILED"  // machinery, again and again
	RunStopped   RunStatus = "STOPPED" // too deep in a chain
	RunCancelled RunStatus = "CANCELLED"
)

// StepOutcome is what came of a step.
type StepOutcome string

// The outcomes of steps.
const (
	StepDone      StepOutcome = "DONE"
	StepUnchanged StepOutcome = "UNCHANGED" // it was so already
	StepNobody    StepOutcome = "NOBODY"    // no agent could take it
	StepOvertaken StepOutcome = "OVERTAKEN"
	StepRefused   StepOutcome = "REFUSED"
	StepFailed    StepOutcome = "FAILED"
	StepSkipped   StepOutcome = "SKIPPED" // an earlier step was overtaken or refused
)

// CandidateOutcome is why somebody was chosen or not.
type CandidateOutcome string

// The reasons of a choice.
const (
	Chosen     CandidateOutcome = "CHOSEN"
	NotActive  CandidateOutcome = "NOT_ACTIVE"
	NotOnline  CandidateOutcome = "NOT_ONLINE"
	AtCapacity CandidateOutcome = "AT_CAPACITY"
	NotInTurn  CandidateOutcome = "NOT_IN_TURN"
	MoreLoaded CandidateOutcome = "MORE_LOADED"
	LongerWait CandidateOutcome = "LONGER_WAITING" // of others, who come first
	Previous   CandidateOutcome = "PREVIOUS_OWNER" // from whom the event took it
)

// WorkflowCandidate is an agent who was considered for a conversation.
type WorkflowCandidate struct {
	AgentID           AgentID          `json:"agentId"`
	OpenConversations int              `json:"openConversations"` // at that moment
	Outcome           CandidateOutcome `json:"outcome"`
}

// WorkflowRunStep is what came of one step of a run.
type WorkflowRunStep struct {
	Kind       WorkflowStepKind     `json:"kind"`
	Outcome    StepOutcome          `json:"outcome"`
	At         time.Time            `json:"at"`
	AgentID    *AgentID             `json:"agentId,omitempty"`    // who became responsible
	Code       *string              `json:"code,omitempty"`       // of the refusal
	Message    *string              `json:"message,omitempty"`    // of the refusal or failure
	Candidates []*WorkflowCandidate `json:"candidates,omitempty"` // of a choice; the first 100
}

// RunRef names the run that caused an event.
type RunRef struct {
	ID    RunID `json:"id"`
	Depth int   `json:"depth"` // how many runs led to it, this one included
}

// WorkflowRun is what a workflow does about one event.
type WorkflowRun struct {
	bun.BaseModel `bun:"table:workflow_runs,alias:run"`

	WorkspaceID    WorkspaceKey `bun:",pk"`
	ID             RunID        `bun:",pk"`
	WorkflowID     WorkflowID
	VersionID      EventID // the version that held when the event was written
	EventID        EventID // that triggered it; of a conversation that was taken in the run's own id
	EventSeq       Seq
	EnablingID     *EventID // the enabling of the workflow that took in the conversation; nil for other runs
	ContactID      ContactID
	ConversationID *ConversationID // nil for a contact who never had one
	Depth          int
	Status         RunStatus
	Next           int                // the step to take next
	DueAt          *time.Time         // when to take it; nil: it has ended
	Attempts       int                // of that step, failed
	Unserved       *int               // the step that found nobody, while somebody is looked for
	Steps          []*WorkflowRunStep `bun:"type:jsonb"`
	Revision       int                // grows with each change
	StartedAt      time.Time
	EndedAt        *time.Time
}

// Trigger returns the event that the run is about.
func (r *WorkflowRun) Trigger() EventID {
	if r.EnablingID != nil {
		return *r.EnablingID
	}
	return r.EventID
}

// Took adds what came of the next step and goes on to the one after it.
func (r *WorkflowRun) Took(s *WorkflowRunStep) {
	r.Steps, r.Next = append(r.Steps, s), r.Next+1
}

const runColumns = `workspace_id, id, workflow_id, version_id, event_id, event_seq, enabling_id, contact_id, conversation_id, depth,
	status, next, due_at, attempts, unserved, steps, revision, started_at, ended_at`

// runColumnsOf are the columns of a table in a join.
const runColumnsOf = `run.workspace_id, run.id, run.workflow_id, run.version_id, run.event_id, run.event_seq, run.enabling_id,
	run.contact_id, run.conversation_id, run.depth, run.status, run.next, run.due_at, run.attempts, run.unserved, run.steps, run.revision,
	run.started_at, run.ended_at`

// RunOrder lists runs, the one started last first.
var RunOrder = Order{Name: "workflow.runs", Columns: []string{"id"}, Desc: true}

// Key returns the run's position in RunOrder.
func (r *WorkflowRun) Key() Key { return Key{r.ID.UUID.String()} }

// RunsOf reads the same page of the runs of each workflow.
func (w ForWorkspace) RunsOf(ctx context.Context, workflows []WorkflowID, p Page) (map[WorkflowID][]*WorkflowRun, error) {
	var rows []*WorkflowRun
	page := p.apply(w.bun.NewSelect().Model((*WorkflowRun)(nil)).
		Where("workspace_id = ?", w.Key).Where("workflow_id = parent.id"), RunOrder)
	err := w.bun.NewSelect().Model(&rows).ModelTableExpr("unnest(ARRAY[?]::uuid[]) AS parent (id)", bun.List(workflows)).
		Join("CROSS JOIN LATERAL (?) AS run", page).Scan(ctx)
	return groupBy(rows, func(r *WorkflowRun) WorkflowID { return r.WorkflowID }), err
}

// Runs reads the runs with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Runs(ctx context.Context, ids []RunID) ([]*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := w.query(ctx, &rows, "SELECT "+runColumns+" FROM workflow_runs WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// UnfinishedRuns reads the runs that have not ended, of one workflow or, with nil, of all,
// in the order of their beginning.
func (w ForWorkspace) UnfinishedRuns(ctx context.Context, workflow *WorkflowID, limit int) ([]*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := w.query(ctx, &rows, "SELECT "+runColumns+` FROM workflow_runs WHERE workspace_id = $1 AND due_at IS NOT NULL
		AND ($2::uuid IS NULL OR workflow_id = $2) ORDER BY id LIMIT $3`, w.Key, workflow, limit)
	return rows, err
}

// WorkflowPosition is how far a workspace's log has been worked through for its workflows.
type WorkflowPosition struct {
	bun.BaseModel `bun:"table:workflow_positions,alias:position"`

	WorkspaceID WorkspaceKey
	Seq         Seq // runs are planned for the events up to here
	Freed       Seq // the last event of these that may have made room
	Served      Seq // what waits for an agent was looked at after this one
}

// WorkflowWorkspaces returns the workspaces whose logs are to be followed.
func (d *DB) WorkflowWorkspaces(ctx context.Context) (keys []WorkspaceKey, err error) {
	var rows []WorkflowPosition
	err = d.ForWorkspace(0).query(ctx, &rows, "SELECT workspace_id FROM workflow_positions WHERE workspace_id IS NOT NULL")
	for _, row := range rows {
		keys = append(keys, row.WorkspaceID)
	}
	return keys, err
}

// LockWorkflowPosition reads the position, and keeps others from planning and serving
// until the end of the transaction. It is locked before everything else.
func (tx Tx) LockWorkflowPosition(ctx context.Context) (*WorkflowPosition, error) {
	var rows []*WorkflowPosition
	err := tx.query(ctx, &rows, `SELECT workspace_id, seq, freed, served FROM workflow_positions
		WHERE workspace_id = $1 FOR NO KEY UPDATE`, tx.Key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// SaveWorkflowPosition writes up to where events are planned, and what made room.
func (tx Tx) SaveWorkflowPosition(ctx context.Context, p *WorkflowPosition) error {
	_, err := tx.exec(ctx, "UPDATE workflow_positions SET seq = $2, freed = $3 WHERE workspace_id = $1", tx.Key, p.Seq, p.Freed)
	return err
}

// Served notes that what waits for an agent was looked at after an event.
func (tx Tx) Served(ctx context.Context, seq Seq) error {
	_, err := tx.exec(ctx, "UPDATE workflow_positions SET served = greatest(served, $2) WHERE workspace_id = $1", tx.Key, seq)
	return err
}

// PlannedVersions reads the enabled versions that hold at the position.
func (tx Tx) PlannedVersions(ctx context.Context) ([]*WorkflowVersion, error) {
	var rows []*WorkflowVersion
	err := tx.query(ctx, &rows, "SELECT "+versionColumns+` FROM workflow_versions WHERE workspace_id = $1 AND enabled
		AND id IN (SELECT planned_version FROM workflows WHERE workspace_id = $1) ORDER BY workflow_id`, tx.Key)
	return rows, err
}

// SavePlannedVersion notes which version of a workflow holds at the position.
func (tx Tx) SavePlannedVersion(ctx context.Context, v *WorkflowVersion) error {
	_, err := tx.exec(ctx, "UPDATE workflows SET planned_version = $3 WHERE workspace_id = $1 AND id = $2", tx.Key, v.WorkflowID, v.ID)
	return err
}

// runsAtOnce is how many runs one statement inserts.
const runsAtOnce = 1000

// InsertRuns adds runs, those left out that exist already.
func (tx Tx) InsertRuns(ctx context.Context, runs []*WorkflowRun) error {
	for some := range slices.Chunk(runs, runsAtOnce) {
		for _, r := range some {
			r.WorkspaceID = tx.Key
		}
		if _, err := tx.bun.NewInsert().Model(&some).Returning("NULL").On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ClaimRun reads the run whose next step has been due longest, for taking the step; none
// if there is nothing to do. Runs that others are at are left out, and so are those of a
// contact about whom an earlier one is due: the order of a contact's events is kept. Runs
// of conversations that were taken in together are taken one after the other (W4).
func (tx Tx) ClaimRun(ctx context.Context, now time.Time) (*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := tx.query(ctx, &rows, "SELECT "+runColumns+` FROM workflow_runs AS run
		WHERE workspace_id = $1 AND due_at <= $2 AND NOT EXISTS (
			SELECT FROM workflow_runs AS earlier WHERE earlier.workspace_id = $1 AND earlier.contact_id = run.contact_id
			AND earlier.due_at <= $2 AND (earlier.event_seq, earlier.id) < (run.event_seq, run.id))
		AND NOT EXISTS (
			SELECT FROM workflow_runs AS longer WHERE longer.workspace_id = $1 AND longer.workflow_id = run.workflow_id
			AND longer.enabling_id = run.enabling_id AND longer.due_at <= $2 AND longer.id < run.id)
		ORDER BY due_at, event_seq, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`, tx.Key, now)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// LockRun reads a run for changing it; none if there is no such.
func (tx Tx) LockRun(ctx context.Context, id RunID) (*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := tx.query(ctx, &rows, "SELECT "+runColumns+` FROM workflow_runs
		WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE`, tx.Key, id)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// NextDue is when the next step of any run is due; nil if all have ended.
func (w ForWorkspace) NextDue(ctx context.Context) (*time.Time, error) {
	var rows []struct{ Due *time.Time }
	err := w.query(ctx, &rows, "SELECT min(due_at) AS due FROM workflow_runs WHERE workspace_id = $1 AND due_at IS NOT NULL", w.Key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Due, nil
}

// StepRef names a step of a workflow by its place in the definition.
type StepRef struct {
	Workflow WorkflowID
	Step     int
}

// ClaimLongestWaiting reads the run of the conversation that has waited longest for an
// agent (W4), for looking for one again; none if there is nothing to do. Left out are
// runs that others are at, of workflows that are disabled now, and of these steps.
func (tx Tx) ClaimLongestWaiting(ctx context.Context, without []StepRef) (*WorkflowRun, error) {
	workflows, steps := make([]WorkflowID, len(without)), make([]int, len(without))
	for i, ref := range without {
		workflows[i], steps[i] = ref.Workflow, ref.Step
	}
	var rows []*WorkflowRun
	err := tx.query(ctx, &rows, "SELECT "+runColumnsOf+unservedRuns+`
		AND NOT EXISTS (SELECT FROM unnest($2::uuid[], $3::int[]) AS ref (workflow, step)
			WHERE ref.workflow = run.workflow_id AND ref.step = run.unserved)
		ORDER BY coalesce(c.waiting_since, c.opened_at), c.id, run.id LIMIT 1 FOR NO KEY UPDATE OF run SKIP LOCKED`,
		tx.Key, workflows, steps)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// unservedRuns are the runs whose conversations wait for an agent.
const unservedRuns = ` FROM workflow_runs AS run
		JOIN conversations AS c ON c.workspace_id = $1 AND c.id = run.conversation_id
		JOIN workflows AS workflow ON workflow.workspace_id = $1 AND workflow.id = run.workflow_id
		WHERE run.workspace_id = $1 AND run.unserved IS NOT NULL AND workflow.enabled
		AND c.status = 'OPEN' AND c.assignee_id IS NULL AND NOT c.blocked`

// AnyWaiting reports whether a conversation of another contact waits for an agent at one of
// these steps of a workflow.
func (w ForWorkspace) AnyWaiting(ctx context.Context, workflow WorkflowID, steps []int, but ContactID) (bool, error) {
	var rows []*WorkflowRun
	err := w.query(ctx, &rows, "SELECT run.id"+unservedRuns+` AND run.workflow_id = $2 AND run.unserved = ANY ($3)
		AND run.contact_id <> $4 LIMIT 1`, w.Key, workflow, steps, but)
	return len(rows) > 0, err
}

// ToTakeIn reads the conversations that are open, unassigned and unblocked, the longest
// waiting first. Left out are those that came up or back after an event, and those that
// wait in this workflow already.
func (tx Tx) ToTakeIn(ctx context.Context, workflow WorkflowID, seq Seq) ([]*Conversation, error) {
	var rows []*Conversation
	err := tx.query(ctx, &rows, "SELECT "+conversations.read+` FROM conversations AS c
		WHERE workspace_id = $1 AND status = 'OPEN' AND assignee_id IS NULL AND NOT blocked
		AND NOT EXISTS (SELECT FROM events WHERE events.workspace_id = $1 AND events.contact_id = c.contact_id AND events.seq > $3
			AND events.type IN ('CONVERSATION_OPENED', 'CONVERSATION_REOPENED'))
		AND NOT EXISTS (SELECT FROM workflow_runs AS run WHERE run.workspace_id = $1 AND run.contact_id = c.contact_id
			AND run.workflow_id = $2 AND run.unserved IS NOT NULL)
		ORDER BY coalesce(waiting_since, opened_at), id`, tx.Key, workflow, seq)
	return rows, err
}

// CancelRun ends a run that has not ended, waiting for a step that is being taken; none if
// it has ended or there is no such.
func (tx Tx) CancelRun(ctx context.Context, id RunID, now time.Time) ([]*WorkflowRun, error) {
	return tx.cancelRuns(ctx, "id = $3", now, id)
}

// CancelRuns ends the runs of a workflow that have not ended, waiting for steps that are
// being taken.
func (tx Tx) CancelRuns(ctx context.Context, workflow WorkflowID, now time.Time) ([]*WorkflowRun, error) {
	return tx.cancelRuns(ctx, "workflow_id = $3", now, workflow)
}

func (tx Tx) cancelRuns(ctx context.Context, which string, now time.Time, key any) ([]*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := tx.query(ctx, &rows, `UPDATE workflow_runs SET status = 'CANCELLED', due_at = NULL, unserved = NULL, ended_at = $2,
		revision = revision + 1 WHERE workspace_id = $1 AND due_at IS NOT NULL AND `+which+" RETURNING "+runColumns, tx.Key, now, key)
	return rows, err
}

// ForgetUnserved ends the search for an agent for contacts, but for runs that others are at.
func (tx Tx) ForgetUnserved(ctx context.Context, contacts []ContactID) error {
	_, err := tx.exec(ctx, `UPDATE workflow_runs SET unserved = NULL WHERE workspace_id = $1 AND id IN (
		SELECT id FROM workflow_runs WHERE workspace_id = $1 AND contact_id = ANY ($2) AND unserved IS NOT NULL
		FOR NO KEY UPDATE SKIP LOCKED)`, tx.Key, contacts)
	return err
}

// ForgetQueue ends the search for an agent for all conversations that wait in a workflow.
func (tx Tx) ForgetQueue(ctx context.Context, workflow WorkflowID) error {
	_, err := tx.exec(ctx, `UPDATE workflow_runs SET unserved = NULL
		WHERE workspace_id = $1 AND workflow_id = $2 AND unserved IS NOT NULL`, tx.Key, workflow)
	return err
}

// HappenedSince reports whether events of these types happened to a contact after a place
// in the log, those left out that a run caused.
func (w ForWorkspace) HappenedSince(ctx context.Context, contact ContactID, seq Seq, but RunID, types ...EventType) (bool, error) {
	var rows []struct{ Seq Seq }
	err := w.query(ctx, &rows, `SELECT seq FROM events WHERE workspace_id = $1 AND contact_id = $2 AND seq > $3
		AND type = ANY ($4) AND data->'run'->>'id' IS DISTINCT FROM $5::text LIMIT 1`, w.Key, contact, seq, types, but.UUID.String())
	return len(rows) > 0, err
}

// SaveRun writes everything of a run that can change.
func (tx Tx) SaveRun(ctx context.Context, r *WorkflowRun) error {
	r.Revision++
	_, err := tx.bun.NewUpdate().Model(r).
		Column("status", "next", "due_at", "attempts", "unserved", "steps", "revision", "ended_at").
		Where("workspace_id = ?", tx.Key).Where("id = ?", r.ID).Exec(ctx)
	return err
}
