package servicetest

import (
	"context"

	"switchboard/db"
)

// Servers keep open conversations, contacts, agents and messages in memory and read them again when
// the log names them. So every transaction that changes one must append an event that names it. The
// databases of tests hold all code to that: such a transaction without the event fails. The fields
// that only searches read, which no server keeps, may change without one.

// Unlogged lets a test change rows of the workspace without events from now on.
func (w *World) Unlogged() {
	w.T.Helper()
	_, err := w.DB.ExecContext(w.Context(), "INSERT INTO servicetest.unlogged VALUES (?)", w.Manager.Workspace)
	Fine(w.T, err)
}

// mustBeNamed are triggers that are checked when a transaction commits.
const mustBeNamed = `
CREATE SCHEMA servicetest CREATE TABLE unlogged (workspace_id bigint);
GRANT USAGE ON SCHEMA servicetest TO PUBLIC;
GRANT SELECT ON servicetest.unlogged TO PUBLIC;
CREATE FUNCTION must_be_named() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	searched text[] := '{name_text,search_text,search_country,email_key,note_text}';
	named boolean;
BEGIN
	IF EXISTS (SELECT FROM servicetest.unlogged WHERE workspace_id = NEW.workspace_id) THEN
		RETURN NULL;
	END IF;
	IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - searched = to_jsonb(OLD) - searched THEN
		RETURN NULL;
	END IF;
	IF TG_TABLE_NAME = 'conversations' AND to_jsonb(NEW)->>'status' <> 'OPEN' AND to_jsonb(OLD)->>'status' IS DISTINCT FROM 'OPEN' THEN
		RETURN NULL;
	END IF;
	-- One query for each table, so that each can use the index of its column.
	named := CASE TG_TABLE_NAME
		WHEN 'conversations' THEN EXISTS (SELECT FROM events WHERE workspace_id = NEW.workspace_id AND xmin = pg_current_xact_id()::xid AND conversation_id = NEW.id)
		WHEN 'contacts' THEN EXISTS (SELECT FROM events WHERE workspace_id = NEW.workspace_id AND xmin = pg_current_xact_id()::xid AND contact_id = NEW.id)
		WHEN 'agents' THEN EXISTS (SELECT FROM events WHERE workspace_id = NEW.workspace_id AND xmin = pg_current_xact_id()::xid AND (data->>'agentId')::uuid = NEW.id)
		ELSE EXISTS (SELECT FROM events WHERE workspace_id = NEW.workspace_id AND xmin = pg_current_xact_id()::xid AND (data->>'messageId')::uuid = NEW.id)
	END;
	IF NOT named THEN
		RAISE EXCEPTION '% % was changed, but no event of the transaction names it', TG_TABLE_NAME, NEW.id;
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER must_be_named AFTER INSERT OR UPDATE ON conversations
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION must_be_named();
CREATE CONSTRAINT TRIGGER must_be_named AFTER UPDATE ON contacts
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION must_be_named();
CREATE CONSTRAINT TRIGGER must_be_named AFTER UPDATE ON agents
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION must_be_named();
CREATE CONSTRAINT TRIGGER must_be_named AFTER UPDATE ON messages
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION must_be_named();
`

func holdToNaming(ctx context.Context, url string) error {
	d, err := db.Open(ctx, url, db.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	_, err = d.ExecContext(ctx, mustBeNamed)
	return err
}
