package db

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// RunStatus is the state of a run.
type RunStatus string

// The states of a run. All but the first two are final.
const (
	RunRunning   RunStatus = "RUNNING"
	RunWaiting   RunStatus = "WAITING"
	RunCompleted RunStatus = "COMPLETED"
	RunRefused   RunStatus = "REFUSED" // a rule refused a step
	RunFailed    RunStatus = "FAILED"  // every attempt at a step failed
	RunStopped   RunStatus = "STOPPED" // too many workflows triggered each other in a chain
	RunCancelled RunStatus = "CANCELLED"
)

// StepOutcome is the result of a step.
type StepOutcome string

// The outcomes of steps.
const (
	StepDone      StepOutcome = "DONE"
	StepUnchanged StepOutcome = "UNCHANGED" // nothing had to be done
	StepNobody    StepOutcome = "NOBODY"    // no agent was available; it waits for one
	StepOvertaken StepOutcome = "OVERTAKEN" // a later event made it obsolete
	StepRefused   StepOutcome = "REFUSED"   // a rule refused it
	StepFailed    StepOutcome = "FAILED"    // every attempt failed
	StepSkipped   StepOutcome = "SKIPPED"   // an earlier step was overtaken or refused
)

// CandidateOutcome is the reason why an agent was or was not chosen.
type CandidateOutcome string

// The reasons of a choice.
const (
	Chosen     CandidateOutcome = "CHOSEN"
	NotActive  CandidateOutcome = "NOT_ACTIVE"
	NotOnline  CandidateOutcome = "NOT_ONLINE"
	AtCapacity CandidateOutcome = "AT_CAPACITY"
	NotInTurn  CandidateOutcome = "NOT_IN_TURN"
	MoreLoaded CandidateOutcome = "MORE_LOADED"
	LongerWait CandidateOutcome = "LONGER_WAITING" // another conversation has waited longer
	Previous   CandidateOutcome = "PREVIOUS_OWNER" // the event unassigned it from this agent
)

// WorkflowCandidate is an agent who was considered for a conversation.
type WorkflowCandidate struct {
	AgentID           AgentID          `json:"agentId"`
	OpenConversations int              `json:"openConversations"` // at that moment
	Outcome           CandidateOutcome `json:"outcome"`
}

// WorkflowRunStep is the record of one step of a run.
type WorkflowRunStep struct {
	Kind       WorkflowStepKind     `json:"kind"`
	Outcome    StepOutcome          `json:"outcome"`
	At         time.Time            `json:"at"`
	AgentID    *AgentID             `json:"agentId,omitempty"`    // the new assignee
	Code       *string              `json:"code,omitempty"`       // of the refusal
	Message    *string              `json:"message,omitempty"`    // of the refusal or failure
	Candidates []*WorkflowCandidate `json:"candidates,omitempty"` // of a choice; the first 100
}

// RunRef refers to the run that caused an event.
type RunRef struct {
	ID    RunID `json:"id"`
	Depth int   `json:"depth"` // the number of runs in the chain up to this one
}

// WorkflowRun is one execution of a workflow, triggered by one event.
type WorkflowRun struct {
	bun.BaseModel `bun:"table:workflow_runs,alias:run"`

	WorkspaceID    WorkspaceKey `bun:",pk"`
	ID             RunID        `bun:",pk"`
	WorkflowID     WorkflowID
	VersionID      EventID // the version that held when the event was written
	EventID        EventID // the trigger; see Trigger for runs with an EnablingID
	EventSeq       Seq
	EnablingID     *EventID // the event that enabled the workflow, if that started the run
	ContactID      ContactID
	ConversationID *ConversationID // nil if the contact never had one
	Depth          int
	Status         RunStatus
	Next           int                // index of the next step
	DueAt          *time.Time         // when to take the next step; nil if the run has ended
	Attempts       int                // failed attempts at the next step
	Unserved       *int               // index of the step that found no agent; nil: not waiting
	Steps          []*WorkflowRunStep `bun:"type:jsonb"`
	Revision       int                // 1, 2, 3 … with each change of the row
	StartedAt      time.Time
	EndedAt        *time.Time
}

// Trigger returns the event that started the run. EventID is unique, so a run that started when the
// workflow was enabled has its own id there.
func (r *WorkflowRun) Trigger() EventID {
	if r.EnablingID != nil {
		return *r.EnablingID
	}
	return r.EventID
}

// RecordStep appends the record of the next step and advances to the one after it.
func (r *WorkflowRun) RecordStep(s *WorkflowRunStep) {
	r.Steps, r.Next = append(r.Steps, s), r.Next+1
}

const runColumns = `workspace_id, id, workflow_id, version_id, event_id, event_seq, enabling_id, contact_id, conversation_id, depth,
	status, next, due_at, attempts, unserved, steps, revision, started_at, ended_at`

// runColumnsOf is runColumns for a join in which the table is named run.
const runColumnsOf = `run.workspace_id, run.id, run.workflow_id, run.version_id, run.event_id, run.event_seq, run.enabling_id,
	run.contact_id, run.conversation_id, run.depth, run.status, run.next, run.due_at, run.attempts, run.unserved, run.steps, run.revision,
	run.started_at, run.ended_at`

// RunOrder lists runs, newest first.
var RunOrder = Order{Name: "workflow.runs", Columns: []string{"id"}, Desc: true}

// Key returns the run's position in RunOrder.
func (r *WorkflowRun) Key() Key { return Key{r.ID.UUID.String()} }

// RunsOf returns the same page of the runs of each workflow.
func (w ForWorkspace) RunsOf(ctx context.Context, workflows []WorkflowID, p Page) (map[WorkflowID][]*WorkflowRun, error) {
	var rows []*WorkflowRun
	s := &statement{}
	err := w.nested(ctx, &rows, s, WorkflowRuns.page(s, w, runColumns, RunOrder, p), workflows)
	return groupBy(rows, func(r *WorkflowRun) WorkflowID { return r.WorkflowID }), err
}

// Runs returns the runs with these ids, in no order. Unknown ids are omitted.
func (w ForWorkspace) Runs(ctx context.Context, ids []RunID) ([]*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := w.query(ctx, &rows, "SELECT "+runColumns+" FROM workflow_runs WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// UnfinishedRuns returns the runs that have not ended, oldest first: those of one workflow or, if
// it is nil, of all.
func (w ForWorkspace) UnfinishedRuns(ctx context.Context, workflow *WorkflowID, limit int) ([]*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := w.query(ctx, &rows, "SELECT "+runColumns+` FROM workflow_runs WHERE workspace_id = $1 AND due_at IS NOT NULL
		AND ($2::uuid IS NULL OR workflow_id = $2) ORDER BY id LIMIT $3`, w.Key, workflow, limit)
	return rows, err
}

// WorkflowPosition is the position of a workspace's workflows in its log.
type WorkflowPosition struct {
	bun.BaseModel `bun:"table:workflow_positions,alias:position"`

	WorkspaceID WorkspaceKey
	Seq         Seq // runs are planned for all events up to this one
	CapacitySeq Seq `bun:"freed"`  // the last planned event that may have freed an agent's capacity
	ServedSeq   Seq `bun:"served"` // the queue has been served since this event
}

// WorkflowWorkspaces returns the workspaces that have, or once had, workflows.
func (d *DB) WorkflowWorkspaces(ctx context.Context) (keys []WorkspaceKey, err error) {
	var rows []WorkflowPosition
	err = d.ForWorkspace(0).query(ctx, &rows, "SELECT workspace_id FROM workflow_positions WHERE workspace_id IS NOT NULL")
	for _, row := range rows {
		keys = append(keys, row.WorkspaceID)
	}
	return keys, err
}

// LockWorkflowPosition returns the position, or nil if the workspace never had a workflow. Until
// the transaction ends, no other can plan runs or serve the queue. Take this lock before any other.
func (tx Tx) LockWorkflowPosition(ctx context.Context) (*WorkflowPosition, error) {
	var rows []*WorkflowPosition
	err := tx.query(ctx, &rows, `SELECT workspace_id, seq, freed, served FROM workflow_positions
		WHERE workspace_id = $1 FOR NO KEY UPDATE`, tx.Key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// SaveWorkflowPosition writes Seq and CapacitySeq.
func (tx Tx) SaveWorkflowPosition(ctx context.Context, p *WorkflowPosition) error {
	_, err := tx.exec(ctx, "UPDATE workflow_positions SET seq = $2, freed = $3 WHERE workspace_id = $1", tx.Key, p.Seq, p.CapacitySeq)
	return err
}

// SaveServedSeq notes that the queue has been served since an event.
func (tx Tx) SaveServedSeq(ctx context.Context, seq Seq) error {
	_, err := tx.exec(ctx, "UPDATE workflow_positions SET served = greatest(served, $2) WHERE workspace_id = $1", tx.Key, seq)
	return err
}

// PlannedVersions returns the versions that are in force at the position, enabled ones only.
func (tx Tx) PlannedVersions(ctx context.Context) ([]*WorkflowVersion, error) {
	var rows []*WorkflowVersion
	err := tx.query(ctx, &rows, "SELECT "+versionColumns+` FROM workflow_versions WHERE workspace_id = $1 AND enabled
		AND id IN (SELECT planned_version FROM workflows WHERE workspace_id = $1) ORDER BY workflow_id`, tx.Key)
	return rows, err
}

// SavePlannedVersion stores which version of a workflow is in force at the position.
func (tx Tx) SavePlannedVersion(ctx context.Context, v *WorkflowVersion) error {
	_, err := tx.exec(ctx, "UPDATE workflows SET planned_version = $3 WHERE workspace_id = $1 AND id = $2", tx.Key, v.WorkflowID, v.ID)
	return err
}

// runsAtOnce is the number of runs that one statement inserts.
const runsAtOnce = 1000

// InsertRuns adds runs and skips those that exist already.
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

// ClaimRun locks and returns the run whose next step has been due longest, or nil if no step is
// due. It skips runs that other transactions have locked. It also skips runs of a contact with an
// earlier run that is due, since steps follow the order of the contact's events. Runs that started
// together, when a workflow was enabled, are claimed one after the other, longest waiting first
// (W4).
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

// LockRun returns a run under an exclusive lock, or nil if it is unknown.
func (tx Tx) LockRun(ctx context.Context, id RunID) (*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := tx.query(ctx, &rows, "SELECT "+runColumns+` FROM workflow_runs
		WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE`, tx.Key, id)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// NextDue returns when the next step of any run is due, or nil if all runs have ended.
func (w ForWorkspace) NextDue(ctx context.Context) (*time.Time, error) {
	var rows []struct{ Due *time.Time }
	err := w.query(ctx, &rows, "SELECT min(due_at) AS due FROM workflow_runs WHERE workspace_id = $1 AND due_at IS NOT NULL", w.Key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Due, nil
}

// StepRef refers to a step of a workflow by its index in the definition.
type StepRef struct {
	Workflow WorkflowID
	Step     int
}

// ClaimLongestWaiting locks and returns the run of the conversation that has waited longest for an
// agent (W4), or nil if none is waiting. It skips runs that other transactions have locked, runs of
// disabled workflows, and runs that wait at one of the given steps.
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

// unservedRuns selects the runs whose conversations wait for an agent.
const unservedRuns = ` FROM workflow_runs AS run
		JOIN conversations AS c ON c.workspace_id = $1 AND c.id = run.conversation_id
		JOIN workflows AS workflow ON workflow.workspace_id = $1 AND workflow.id = run.workflow_id
		WHERE run.workspace_id = $1 AND run.unserved IS NOT NULL AND workflow.enabled
		AND c.status = 'OPEN' AND c.assignee_id IS NULL AND NOT c.blocked`

// AnyWaiting reports whether a conversation of any contact except one waits for an agent at one of
// these steps of a workflow.
func (w ForWorkspace) AnyWaiting(ctx context.Context, workflow WorkflowID, steps []int, except ContactID) (bool, error) {
	var rows []*WorkflowRun
	err := w.query(ctx, &rows, "SELECT run.id"+unservedRuns+` AND run.workflow_id = $2 AND run.unserved = ANY ($3)
		AND run.contact_id <> $4 LIMIT 1`, w.Key, workflow, steps, except)
	return len(rows) > 0, err
}

// UnassignedConversations returns the open conversations without an assignee and without a block,
// longest waiting first, for a workflow that is enabled at seq. It omits conversations that were
// opened or reopened after seq, and those that already wait for an agent in this workflow.
func (tx Tx) UnassignedConversations(ctx context.Context, workflow WorkflowID, seq Seq) ([]*Conversation, error) {
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

// CancelRun cancels a run and returns it. The result is empty if the run has ended or is unknown.
// If a step of the run is in progress, CancelRun waits for it.
func (tx Tx) CancelRun(ctx context.Context, id RunID, now time.Time) ([]*WorkflowRun, error) {
	return tx.cancelRuns(ctx, "id = $3", now, id)
}

// CancelRuns cancels all runs of a workflow that have not ended and returns them. It waits for
// steps in progress.
func (tx Tx) CancelRuns(ctx context.Context, workflow WorkflowID, now time.Time) ([]*WorkflowRun, error) {
	return tx.cancelRuns(ctx, "workflow_id = $3", now, workflow)
}

func (tx Tx) cancelRuns(ctx context.Context, which string, now time.Time, key any) ([]*WorkflowRun, error) {
	var rows []*WorkflowRun
	err := tx.query(ctx, &rows, `UPDATE workflow_runs SET status = 'CANCELLED', due_at = NULL, unserved = NULL, ended_at = $2,
		revision = revision + 1 WHERE workspace_id = $1 AND due_at IS NOT NULL AND `+which+" RETURNING "+runColumns, tx.Key, now, key)
	return rows, err
}

// RemoveFromQueue stops the search for an agent for these contacts' conversations. It skips runs
// that other transactions have locked.
func (tx Tx) RemoveFromQueue(ctx context.Context, contacts []ContactID) error {
	_, err := tx.exec(ctx, `UPDATE workflow_runs SET unserved = NULL WHERE workspace_id = $1 AND id IN (
		SELECT id FROM workflow_runs WHERE workspace_id = $1 AND contact_id = ANY ($2) AND unserved IS NOT NULL
		FOR NO KEY UPDATE SKIP LOCKED)`, tx.Key, contacts)
	return err
}

// ClearQueue stops the search for an agent for all conversations that wait in a workflow.
func (tx Tx) ClearQueue(ctx context.Context, workflow WorkflowID) error {
	_, err := tx.exec(ctx, `UPDATE workflow_runs SET unserved = NULL
		WHERE workspace_id = $1 AND workflow_id = $2 AND unserved IS NOT NULL`, tx.Key, workflow)
	return err
}

// HappenedSince reports whether the log has events of these types about a contact after seq. Events
// that the given run caused do not count.
func (w ForWorkspace) HappenedSince(ctx context.Context, contact ContactID, seq Seq, except RunID, types ...EventType) (bool, error) {
	var rows []struct{ Seq Seq }
	err := w.query(ctx, &rows, `SELECT seq FROM events WHERE workspace_id = $1 AND contact_id = $2 AND seq > $3
		AND type = ANY ($4) AND data->'run'->>'id' IS DISTINCT FROM $5::text LIMIT 1`, w.Key, contact, seq, types, except.UUID.String())
	return len(rows) > 0, err
}

// SaveRun writes all mutable fields of a run, as its next revision.
func (tx Tx) SaveRun(ctx context.Context, r *WorkflowRun) error {
	r.Revision++
	_, err := tx.bun.NewUpdate().Model(r).
		Column("status", "next", "due_at", "attempts", "unserved", "steps", "revision", "ended_at").
		Where("workspace_id = ?", tx.Key).Where("id = ?", r.ID).Exec(ctx)
	return err
}

// WorkflowBacklog returns how many runs of all workspaces have a step due, and since when the
// oldest one has been due; nil if none is.
func (d *DB) WorkflowBacklog(ctx context.Context, now time.Time) (count int, since *time.Time, err error) {
	err = d.NewRaw("SELECT count(*), min(due_at) FROM workflow_runs WHERE due_at <= ?", now).Scan(ctx, &count, &since)
	return count, since, err
}
