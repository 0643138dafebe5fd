-- What came in from elsewhere under an id of there, with what came of it: the same id is
-- not taken in twice, however late it comes again.
CREATE TABLE external_ids (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    kind         text NOT NULL CHECK (kind IN ('MESSAGE', 'BUSINESS_EVENT')),
    channel      text NOT NULL, -- of a message; empty for a business event
    external_id  text NOT NULL CHECK (external_id <> ''),
    outcome      jsonb,
    PRIMARY KEY (workspace_id, kind, channel, external_id)
);
