-- Servers of the previous version keep working (expand): they do not read the new columns, and the
-- constraint of their INSERT … ON CONFLICT (workspace_id, workflow_id, event_id) stays.

-- Runs can be cancelled.
ALTER TABLE workflow_runs
    DROP CONSTRAINT workflow_runs_status_check,
    ADD CONSTRAINT workflow_runs_status_check
        CHECK (status IN ('RUNNING', 'WAITING', 'COMPLETED', 'REFUSED', 'FAILED', 'STOPPED', 'CANCELLED'));

-- enabling_id is the WORKFLOW_ENABLED event that started a run for a conversation that was waiting
-- then. One such event has many runs, one for each contact. Their event_id is the run's own id,
-- since it must be unique for servers of the previous version.
ALTER TABLE workflow_runs ADD COLUMN enabling_id uuid;
CREATE UNIQUE INDEX workflow_runs_enabling ON workflow_runs (workspace_id, workflow_id, enabling_id, contact_id)
    WHERE enabling_id IS NOT NULL;
CREATE INDEX workflow_runs_enabling_due ON workflow_runs (workspace_id, workflow_id, enabling_id, id)
    WHERE enabling_id IS NOT NULL AND due_at IS NOT NULL;

-- For cancelling the runs of a workflow that have not ended.
CREATE INDEX workflow_runs_unfinished ON workflow_runs (workspace_id, workflow_id) WHERE due_at IS NOT NULL;
