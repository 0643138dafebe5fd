package dataset

import (
	"log/slog"
	"testing"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// TestLoad checks that the rows of a company are what the product would have written: the log leads
// to the rows, all rules hold, counts agree, and folding everything again changes nothing.
func TestLoad(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	loaded, err := Load(t.Context(), url, []Company{{"Small", 200, 5}, {"Large", 2000, 20}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	quiet := slog.New(slog.DiscardHandler)
	s := service.New(d, feed.New(d, feed.Options{Log: quiet}), service.Options{Log: quiet})
	for _, c := range loaded {
		manager := service.Actor{Workspace: c.Key, Role: service.RoleManager, Agent: &c.Manager.Agent}
		servicetest.CheckWorkspace(t, s, manager)
	}
	checkFolded(t, d)
	checkReferences(t, d)
	checkShape(t, s, loaded[1])
}

// checkShape checks how much of what a company has.
func checkShape(t *testing.T, s *service.Service, c Loaded) {
	counts, err := s.InboxCounts(t.Context(), service.Actor{Workspace: c.Key, Role: service.RoleManager})
	if err != nil {
		t.Fatal(err)
	}
	all := counts.All + counts.Closed + counts.Blocked
	for what, share := range map[string]struct{ is, of, least, most float64 }{
		"conversations": {float64(all), float64(c.Conversations), 0.9, 1.1},
		"open":          {float64(counts.All), float64(all), 0.27, 0.33},
		"unassigned":    {float64(counts.Unassigned), float64(counts.All), 0.07, 0.13},
		"blocked":       {float64(counts.Blocked), float64(all), 0.002, 0.03},
	} {
		if got := share.is / share.of; got < share.least || got > share.most {
			t.Errorf("%s: %.3f", what, got)
		}
	}
}

// checkFolded folds everything once more through the product.
func checkFolded(t *testing.T, d *db.DB) {
	for _, sql := range []string{
		"CREATE TABLE kept_words AS SELECT * FROM known_words",
		"CREATE TABLE kept_contacts AS SELECT * FROM contacts",
		"CREATE TABLE kept_notes AS SELECT workspace_id, id, note_text FROM conversations",
		"DELETE FROM known_words", "DELETE FROM doubted_words",
		"UPDATE contacts SET search_text = NULL, name_text = NULL, search_country = NULL",
		"UPDATE conversations SET note_text = NULL", "UPDATE agents SET search_text = NULL",
	} {
		if _, err := d.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	unfolded, err := d.UnfoldedWorkspaces(t.Context())
	if err != nil || len(unfolded) != 2 {
		t.Fatal(unfolded, err)
	}
	for _, workspace := range unfolded {
		err := d.Transact(t.Context(), workspace, func(tx db.Tx) error {
			for _, fold := range []func() error{
				func() error { _, _, err := tx.FoldAgents(t.Context(), 10_000); return err },
				func() error { _, err := tx.FoldContacts(t.Context(), 10_000); return err },
				func() error { _, err := tx.FoldNotes(t.Context(), 10_000); return err },
			} {
				if err := fold(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, sql := range map[string]string{
		"words":    "(TABLE kept_words EXCEPT TABLE known_words) UNION ALL (TABLE known_words EXCEPT TABLE kept_words)",
		"contacts": "(TABLE kept_contacts EXCEPT TABLE contacts) UNION ALL (TABLE contacts EXCEPT TABLE kept_contacts)",
		"notes":    "TABLE kept_notes EXCEPT SELECT workspace_id, id, note_text FROM conversations",
	} {
		different := -1
		if err := d.NewRaw("SELECT count(*) FROM ("+sql+") AS d").Scan(t.Context(), &different); err != nil || different != 0 {
			t.Errorf("%d %s are not what the product writes: %v", different, what, err)
		}
	}
}

// checkReferences makes all foreign keys again, which checks the rows that were copied without
// them.
func checkReferences(t *testing.T, d *db.DB) {
	var keys []struct{ Named, Definition string }
	err := d.NewRaw(`SELECT conrelid::regclass || ' DROP CONSTRAINT ' || conname || ', ADD CONSTRAINT ' || conname AS named,
		pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'f'`).Scan(t.Context(), &keys)
	if err != nil || len(keys) == 0 {
		t.Fatal(len(keys), err)
	}
	for _, key := range keys {
		if _, err := d.ExecContext(t.Context(), "ALTER TABLE "+key.Named+" "+key.Definition); err != nil {
			t.Error(err)
		}
	}
}
