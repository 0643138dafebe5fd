-- DASHBOARD is a scope for programs that show counts and the dashboard.
ALTER TABLE tokens DROP CONSTRAINT tokens_scope_check,
    ADD CONSTRAINT tokens_scope_check CHECK (scope IN ('AGENT', 'INTEGRATION', 'READ', 'DASHBOARD'));
