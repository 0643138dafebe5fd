-- Messages and business events that were received with an external id, which is unique per sender.
-- external_ids, which has no sender, stays for servers of the previous version; its rows are read
-- until a later version no longer needs them.
CREATE TABLE deliveries (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    kind         text COLLATE "C" NOT NULL CHECK (kind IN ('MESSAGE', 'BUSINESS_EVENT')),
    sender       text COLLATE "C" NOT NULL, -- contact or integration
    scope        text COLLATE "C" NOT NULL, -- channel or event type
    external_id  text COLLATE "C" NOT NULL CHECK (external_id <> ''),
    content      bytea CHECK (length(content) = 32), -- SHA-256 of the content; null if unknown
    outcome      jsonb,
    PRIMARY KEY (workspace_id, kind, sender, scope, external_id)
);
