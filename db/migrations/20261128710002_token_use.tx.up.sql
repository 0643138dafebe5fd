-- When a token was last used, exact to an hour; null for one that was not used since this column
-- exists.
ALTER TABLE tokens ADD COLUMN last_used_at timestamptz;

-- The tokens of an agent are revoked with the agent.
CREATE INDEX tokens_agent ON tokens (workspace_id, agent_id) WHERE agent_id IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX tokens_age ON tokens (workspace_id, created_at, id);

-- The events that a manager audits. Some of these types have no events yet.
CREATE INDEX events_audit ON events (workspace_id, seq) WHERE type IN (
    'AGENT_CREATED', 'AGENT_UPDATED', 'AGENT_DEACTIVATED', 'AGENT_REACTIVATED', 'IDENTITY_LINKED',
    'TOKEN_CREATED', 'TOKEN_REVOKED', 'SIGNED_IN', 'ACCESS_REFUSED');
