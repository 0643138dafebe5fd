package db

import (
	"errors"
	"fmt"
	"testing"

	"switchboard/db/dbtest"
)

// TestUniquesExist: each name in uniques is a unique index of the schema, so that renaming one
// there cannot turn a refusal into an internal error.
func TestUniquesExist(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
	for name := range uniques {
		var unique bool
		err := d.NewRaw("SELECT indisunique FROM pg_index WHERE indexrelid = to_regclass(?)", name).Scan(t.Context(), &unique)
		if err != nil || !unique {
			t.Errorf("%s is not a unique index: %v", name, err)
		}
	}
}

// TestErrorsOfTheDatabase: each kind of error is recognised even if it is wrapped, and no other
// error is.
func TestErrorsOfTheDatabase(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
	raise := func(code, constraint string) string {
		return fmt.Sprintf("DO $$ BEGIN RAISE 'x' USING ERRCODE = '%s', CONSTRAINT = '%s'; END $$", code, constraint)
	}
	type kind struct {
		taken                                 Unique
		invalid, missing, unavailable, again1 bool
		again2                                bool // after a second failure
	}
	for statement, want := range map[string]kind{
		"SELECT 1":            {},
		"SELECT FROM nothing": {missing: true},
		"SELECT 'x'::int":     {invalid: true},
		raise("23505", "contact_identities_pkey"): {taken: ContactExternal},
		raise("23505", "agents_email"):            {taken: AgentEmail},
		raise("23505", "agents_email_key"):        {taken: AgentEmail},
		raise("23505", "agents_identity"):         {taken: AgentSignIn},
		raise("23505", "another"):                 {},
		raise("23514", "agents_email"):            {},
		raise("40001", ""):                        {unavailable: true, again1: true, again2: true},
		raise("40P01", ""):                        {unavailable: true, again1: true, again2: true},
		raise("25006", ""):                        {unavailable: true, again1: true},
		raise("53100", ""):                        {unavailable: true},
	} {
		_, err := d.ExecContext(t.Context(), statement)
		if err != nil {
			err = fmt.Errorf("somewhere: %w", err)
		}
		got := kind{Taken(err), InvalidValue(err), SchemaMissing(err), Unavailable(err), Retryable(err, 1), Retryable(err, 2)}
		if got != want {
			t.Errorf("%s: %+v, not %+v", statement, got, want)
		}
	}
	if _, err := d.WorkspaceByID(t.Context(), WorkspaceID{UUID: NewUUID()}); !NotFound(err) {
		t.Errorf("an unknown workspace: %v", err)
	}
	if NotFound(errors.New("no rows")) || NotFound(nil) {
		t.Error("an error of another kind, or no error, is NotFound")
	}
}
