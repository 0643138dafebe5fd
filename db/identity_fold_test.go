package db

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"switchboard/db/dbtest"
)

// TestFoldIdentities stores unfolded identities, as servers did before the migration, and migrates.
func TestFoldIdentities(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := dbtest.New(t, nil)
	_, err := Migrate(ctx, url)
	fine(t, err)
	d, err := Open(ctx, url, Options{})
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := d.ExecContext(ctx, sql, args...)
		fine(t, err)
	}
	exec("INSERT INTO workspaces (id, name, created_at) VALUES (?, 'Acme', now())", NewUUID())
	names := map[uuid.UUID]string{}
	// insert adds a contact with identities and, unless minute is 0, a message at that minute.
	insert := func(name string, minute int, identities ...string) {
		t.Helper()
		contact, conversation := NewUUID(), NewUUID()
		names[contact] = name
		exec("INSERT INTO contacts (workspace_id, id, name, created_at) VALUES (1, ?, ?, now())", contact, name)
		for _, identity := range identities {
			channel, id, _ := strings.Cut(identity, " ")
			exec("INSERT INTO contact_identities VALUES (1, ?, ?, ?)", channel, id, contact)
		}
		if minute == 0 {
			return
		}
		at := time.Date(2026, 3, 1, 9, minute, 0, 0, time.UTC)
		exec(`INSERT INTO conversations (workspace_id, id, contact_id, channel, status, latest, version, opened_at, last_activity_at)
			VALUES (1, ?, ?, 'email', 'OPEN', true, 1, ?, ?)`, conversation, contact, at, at)
		exec(`INSERT INTO messages (workspace_id, id, conversation_id, contact_id, kind, body, channel, created_at)
			VALUES (1, ?, ?, ?, 'INBOUND', 'hi', 'email', ?)`, NewUUID(), conversation, contact, at)
	}
	insert("alone", 0, "Email Ada@x.org", "WhatsApp ABC", "Électro ŘÍP")
	insert("older", 1, "email BOB@x.org", "email ben@x.org")
	insert("younger", 2, "email Bob@x.org", "email Ben@x.org")
	insert("silent", 0, "Email bob@X.org")
	insert("both forms", 0, "email Cy@x.org", "email cy@x.org", "telegram Cy")

	exec("DELETE FROM bun_migrations WHERE name = ?", foldIdentities.Name)
	for range 2 {
		_, err = Migrate(ctx, url)
		fine(t, err)
		var rows []ContactIdentity
		fine(t, d.NewSelect().Model(&rows).Scan(ctx))
		var found []string
		for _, row := range rows {
			found = append(found, fmt.Sprint(row.Channel, " ", row.ExternalID, " of ", names[row.ContactID.UUID]))
		}
		slices.Sort(found)
		want := []string{
			"Email bob@X.org of silent", "email BOB@x.org of older", "email Ben@x.org of older",
			"email ada@x.org of alone", "email ben@x.org of younger", "email bob@x.org of younger", "email cy@x.org of both forms",
			"telegram Cy of both forms", "whatsapp ABC of alone", "électro ŘÍP of alone",
		}
		if slices.Sort(want); !slices.Equal(found, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
		}
		left, err := d.UnfoldedIdentities(ctx)
		fine(t, err)
		if len(left) != 3 {
			t.Errorf("%d unfolded identities remain: %v", len(left), left)
		}
	}
}
