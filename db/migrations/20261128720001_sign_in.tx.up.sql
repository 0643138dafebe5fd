-- linked is whether the agent has, or ever had, a sign-in. A first sign-in links by e-mail address
-- only an agent that never had one.
ALTER TABLE agents ADD COLUMN linked boolean NOT NULL DEFAULT false;
UPDATE agents SET linked = true WHERE issuer IS NOT NULL OR EXISTS (
    SELECT FROM events WHERE events.workspace_id = agents.workspace_id AND type = 'AGENT_UPDATED'
        AND data ->> 'agentId' = agents.id::text AND data @> '{"changes": [{"field": "identity"}]}');

-- What identity providers have reported by back-channel logout. Tokens of the session end, or, if
-- none is named, those of the subject that were issued until then. It belongs to no workspace: it is
-- read before the workspace of a caller is known.
CREATE TABLE sign_outs (
    issuer  text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL, -- empty if only the session is named
    session text COLLATE "C" NOT NULL, -- empty for all sessions of the subject
    at      timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject, session),
    CHECK (subject <> '' OR session <> '')
);
CREATE INDEX sign_outs_session ON sign_outs (issuer, session) WHERE session <> '';
