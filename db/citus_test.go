package db

import (
	"maps"
	"slices"
	"testing"

	"switchboard/db/dbtest"
)

// beforeCitus are the keys that have to change before the tables can be distributed, with how;
// docs/scale.md says so too.
var beforeCitus = map[string]string{
	"tokens_hash_key":    "a token is looked up before its workspace is known, so tokens become a reference table",
	"doubted_words_pkey": "the key becomes (workspace_id, id)",
}

// notDistributed are the tables without a workspace. Each server of a cluster has a copy of those
// that others refer to.
var notDistributed = []string{"bun_migration_locks", "bun_migrations", "schema_version", "sign_outs", "workspaces"}

// unsafeTriggers are the triggers for which a cluster needs citus.enable_unsafe_triggers. They write
// only rows of the workspace of the row that fired them.
var unsafeTriggers = []string{
	"agents_doubt", "agents_unfold", "contacts_doubt", "contacts_unfold", "conversations_doubt", "conversations_unfold", "events_append_only",
}

// TestCitus: the tables can be distributed by workspace_id. Citus wants it in each of their tables,
// primary keys and unique indexes, and on both sides of each foreign key between them (https://docs.citusdata.com/en/stable/develop/reference_ddl.html). That each statement
// keeps to one workspace, so that a join never leaves its server, is shown by `make rls`.
func TestCitus(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
	names := func(query string) (found []string) {
		t.Helper()
		fine(t, d.NewRaw(query).Scan(t.Context(), &found))
		return found
	}
	const distributed = `(SELECT attrelid FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
		WHERE attname = 'workspace_id' AND NOT attisdropped AND relkind = 'r' AND relnamespace = 'public'::regnamespace)`
	const workspaceOf = `(SELECT attnum FROM pg_attribute WHERE attname = 'workspace_id' AND attrelid = `

	without := names(`SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
		AND oid NOT IN ` + distributed + ` ORDER BY relname`)
	if !slices.Equal(without, notDistributed) {
		t.Errorf("the tables %q have no workspace_id; known are %q", without, notDistributed)
	}
	unique := names(`SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique AND indrelid IN ` + distributed + `
		AND NOT ` + workspaceOf + `indrelid) = ANY (indkey) ORDER BY 1`)
	if want := slices.Sorted(maps.Keys(beforeCitus)); !slices.Equal(unique, want) {
		t.Errorf("the keys %q lack workspace_id; known are %q", unique, want)
	}
	foreign := names(`SELECT conrelid::regclass || '.' || conname FROM pg_constraint WHERE contype = 'f' AND conrelid IN ` + distributed + `
		AND CASE WHEN confrelid IN ` + distributed + ` THEN COALESCE(
			array_position(conkey, ` + workspaceOf + `conrelid)) <> array_position(confkey, ` + workspaceOf + `confrelid)), true)
		ELSE confrelid <> 'workspaces'::regclass END`)
	if len(foreign) > 0 {
		t.Errorf("the foreign keys %q leave the workspace", foreign)
	}
	if identities := names(`SELECT attrelid::regclass || '.' || attname FROM pg_attribute WHERE attidentity <> '' AND atttypid <> 'bigint'::regtype
		AND attrelid IN ` + distributed); len(identities) > 0 {
		t.Errorf("the identity columns %q are no bigint", identities)
	}
	triggers := names(`SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ` + distributed + ` ORDER BY 1`)
	if !slices.Equal(triggers, unsafeTriggers) {
		t.Errorf("distributed tables have the triggers %q; known are %q", triggers, unsafeTriggers)
	}
}
