-- What came in under an id of elsewhere, by sender: the same id from another sender is
-- another delivery. external_ids stays for servers of the version before, which know
-- nothing of senders; its rows are read until a later version has no use for them.
CREATE TABLE deliveries (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    kind         text COLLATE "C" NOT NULL CHECK (kind IN ('MESSAGE', 'BUSINESS_EVENT')),
    sender       text COLLATE "C" NOT NULL, -- the contact of a message, the integration of a business event
    scope        text COLLATE "C" NOT NULL, -- the channel of a message, the type of a business event
    external_id  text COLLATE "C" NOT NULL CHECK (external_id <> ''),
    content      bytea CHECK (length(content) = 32), -- SHA-256 of it; null if it is not known
    outcome      jsonb,
    PRIMARY KEY (workspace_id, kind, sender, scope, external_id)
);
