-- What a workspace wants to happen by itself. definition and enabled are as they now
-- are; planned_version is what holds at the place to which events have been planned.
-- A deleted one stays: it did things.
CREATE TABLE workflows (
    workspace_id    bigint NOT NULL REFERENCES workspaces (key),
    id              uuid NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    template        text,
    definition      jsonb NOT NULL,
    enabled         boolean NOT NULL,
    turn            uuid,
    planned_version uuid,
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    PRIMARY KEY (workspace_id, id),
    CHECK (deleted_at IS NULL OR NOT enabled)
);

-- One row for each change of a workflow, under the id of its event: the event's place in
-- the log is the place from which the version holds. Runs keep theirs.
CREATE TABLE workflow_versions (
    workspace_id bigint NOT NULL,
    id           uuid NOT NULL,
    workflow_id  uuid NOT NULL,
    definition   jsonb NOT NULL,
    enabled      boolean NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id)
);
ALTER TABLE workflows ADD FOREIGN KEY (workspace_id, planned_version) REFERENCES workflow_versions (workspace_id, id);

-- How far into the log runs have been planned. freed is the last event up to there that
-- may have made room for a conversation that waits for an agent; served is the one up to
-- which such conversations have been looked at.
CREATE TABLE workflow_positions (
    workspace_id bigint PRIMARY KEY REFERENCES workspaces (key),
    seq          bigint NOT NULL,
    freed        bigint NOT NULL DEFAULT 0,
    served       bigint NOT NULL DEFAULT 0
);

-- One row for each workflow and event that go together, so that there is one effect.
-- next is the step to take once due_at has come; it is null when the run has ended.
-- unserved is the step that found no agent, as long as one is looked for.
CREATE TABLE workflow_runs (
    workspace_id    bigint NOT NULL REFERENCES workspaces (key),
    id              uuid NOT NULL,
    workflow_id     uuid NOT NULL,
    version_id      uuid NOT NULL,
    event_id        uuid NOT NULL,
    event_seq       bigint NOT NULL,
    contact_id      uuid NOT NULL,
    conversation_id uuid,
    depth           int NOT NULL CHECK (depth >= 1),
    status          text NOT NULL CHECK (status IN ('RUNNING', 'WAITING', 'COMPLETED', 'REFUSED', 'FAILED', 'STOPPED')),
    next            int NOT NULL DEFAULT 0,
    due_at          timestamptz,
    attempts        int NOT NULL DEFAULT 0,
    unserved        int,
    steps           jsonb NOT NULL DEFAULT '[]',
    revision        int NOT NULL DEFAULT 0,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, workflow_id, event_id),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id),
    FOREIGN KEY (workspace_id, version_id) REFERENCES workflow_versions (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations (workspace_id, id),
    CHECK ((ended_at IS NULL) = (status IN ('RUNNING', 'WAITING'))),
    CHECK ((ended_at IS NULL) = (due_at IS NOT NULL))
);
CREATE INDEX workflow_runs_workflow ON workflow_runs (workspace_id, workflow_id, id);
CREATE INDEX workflow_runs_due ON workflow_runs (workspace_id, due_at, event_seq, id) WHERE due_at IS NOT NULL;
CREATE INDEX workflow_runs_contact ON workflow_runs (workspace_id, contact_id) WHERE due_at IS NOT NULL;
CREATE INDEX workflow_runs_unserved ON workflow_runs (workspace_id, contact_id) WHERE unserved IS NOT NULL;
