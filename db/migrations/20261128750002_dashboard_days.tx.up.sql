-- What dashboards have measured on the last days, up to one place of each log.
CREATE TABLE dashboard_days (
    workspace_id bigint PRIMARY KEY REFERENCES workspaces (key),
    seq          bigint NOT NULL,
    event_id     uuid NOT NULL, -- the event with this number
    time_zone    text NOT NULL, -- in which the days begin
    days         json NOT NULL
);
