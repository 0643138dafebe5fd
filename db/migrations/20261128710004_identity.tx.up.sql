-- A sign-in belongs to one agent of each workspace. While it belonged to one agent of all, a refusal
-- told that another workspace knows it.
DROP INDEX IF EXISTS agents_identity;
CREATE UNIQUE INDEX agents_identity ON agents (issuer, subject, workspace_id);
