-- Who signed in, and whose credentials were refused. A row stands for what one caller did within an
-- hour, or for a sign-in that lasts: it is written in the background and deleted after 90 days.
CREATE TABLE access_log (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    id           uuid NOT NULL,
    outcome      text COLLATE "C" NOT NULL, -- SIGNED_IN, or why the caller was refused
    caller       text COLLATE "C" NOT NULL, -- whose agent, token and issuer these are; empty for the others of the hour
    hour         timestamptz NOT NULL,      -- in which first_at is
    agent_id     uuid,
    token_id     uuid,
    issuer       text COLLATE "C",
    address      text COLLATE "C",          -- of the latest request
    count        bigint NOT NULL,
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX access_log_caller ON access_log (workspace_id, caller, outcome, hour);
CREATE INDEX access_log_order ON access_log (workspace_id, first_at, id);
CREATE INDEX access_log_age ON access_log (first_at);
