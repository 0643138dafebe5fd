package dbtest

import (
	"context"
	"net/url"
	"os"
	"testing"
)

// confinedVariable makes New return databases with row-level security: make rls.
const confinedVariable = "SWITCHBOARD_TEST_RLS"

// confine makes row-level security apply to a role that neither owns the tables nor bypasses it. The
// role sees the rows of the workspace in the setting, and all for "*". A session without the setting
// sees none.
const confine = `
	DO $$ BEGIN
		CREATE ROLE confined LOGIN PASSWORD 'confined' NOSUPERUSER NOBYPASSRLS;
		GRANT pg_signal_backend, pg_read_all_stats TO confined;
	EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
	END $$;
	GRANT ALL ON ALL TABLES IN SCHEMA public TO confined;
	GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO confined;
	GRANT ALL ON SCHEMA public TO confined;
	DO $$ BEGIN
		GRANT USAGE ON SCHEMA servicetest TO confined;
		GRANT ALL ON ALL TABLES IN SCHEMA servicetest TO confined;
	EXCEPTION WHEN invalid_schema_name THEN NULL; -- only some tests have this schema
	END $$;
	DO $$ DECLARE t record; BEGIN
		FOR t IN SELECT table_name AS name, column_name AS workspace FROM information_schema.columns
			WHERE table_schema = 'public' AND (column_name = 'workspace_id' OR table_name = 'workspaces' AND column_name = 'key')
		LOOP
			EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name);
			EXECUTE format('CREATE POLICY workspace ON %I USING (current_setting(''switchboard.workspace'', true) = ''*''
				OR %I::text = current_setting(''switchboard.workspace'', true))', t.name, t.workspace);
		END LOOP;
	END $$`

// Confined is New for a database with row-level security, to which the URL connects as a role that
// it applies to.
func Confined(tb testing.TB, migrate func(ctx context.Context, url string) error) string {
	tb.Helper()
	owner := clone(tb, migrate)
	if !isConfined() { // then the template is
		if err := execute(tb.Context(), owner, confine); err != nil {
			tb.Fatal(err)
		}
	}
	return asConfined(tb, owner)
}

// asConfined returns the URL of a confined database for the role that is confined.
func asConfined(tb testing.TB, owner string) string {
	tb.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		tb.Fatal(err)
	}
	u.User = url.UserPassword("confined", "confined")
	query := u.Query()
	query.Set("switchboard.workspace", "*")
	u.RawQuery = query.Encode()
	return u.String()
}

// isConfined reports whether the run is one with row-level security.
func isConfined() bool { return os.Getenv(confinedVariable) != "" }
