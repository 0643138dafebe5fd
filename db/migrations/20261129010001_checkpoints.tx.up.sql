-- The states of projections, each at one place of its log. They take the place of dashboard_days, which
-- servers of the version before still read; the version after drops that table.
CREATE TABLE checkpoints (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    projection   text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL,
    event_id     uuid NOT NULL, -- the event with this number
    state        json NOT NULL,
    PRIMARY KEY (workspace_id, projection)
);
