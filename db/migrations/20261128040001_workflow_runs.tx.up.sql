-- A server of the version before works on with these (expand): it reads none of the new
-- columns, and its INSERT … ON CONFLICT (workspace_id, workflow_id, event_id) keeps its constraint.

-- Runs can be cancelled.
ALTER TABLE workflow_runs
    DROP CONSTRAINT workflow_runs_status_check,
    ADD CONSTRAINT workflow_runs_status_check
        CHECK (status IN ('RUNNING', 'WAITING', 'COMPLETED', 'REFUSED', 'FAILED', 'STOPPED', 'CANCELLED'));

-- enabling_id is the WORKFLOW_ENABLED event that took in a conversation that was waiting
-- then. One such event has many runs, one for each contact; their event_id, which must
-- differ for the server of the version before, is the run's own id.
ALTER TABLE workflow_runs ADD COLUMN enabling_id uuid;
CREATE UNIQUE INDEX workflow_runs_enabling ON workflow_runs (workspace_id, workflow_id, enabling_id, contact_id)
    WHERE enabling_id IS NOT NULL;
CREATE INDEX workflow_runs_enabling_due ON workflow_runs (workspace_id, workflow_id, enabling_id, id)
    WHERE enabling_id IS NOT NULL AND due_at IS NOT NULL;

-- Cancelling the runs of a workflow finds those that have not ended.
CREATE INDEX workflow_runs_unfinished ON workflow_runs (workspace_id, workflow_id) WHERE due_at IS NOT NULL;
