package service_test

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestTwoDatabaseRoles (finding 13): the statements of docs/hardening.md make a role with which a
// server does all its work and cannot change a table.
func TestTwoDatabaseRoles(t *testing.T) {
	t.Parallel()
	admin := dbtest.New(t, nil)
	address, err := url.Parse(admin)
	servicetest.Fine(t, err)
	database := strings.TrimPrefix(address.Path, "/")
	owner, server := database+"_owner", database+"_server"
	as := func(role string) string {
		address.User = url.User(role)
		return address.String()
	}
	d, err := db.Open(t.Context(), admin, db.Options{MaxConns: 1})
	servicetest.Fine(t, err)
	roles := strings.NewReplacer("{db}", database, "{owner}", owner, "{server}", server)
	t.Cleanup(func() {
		for _, statement := range []string{"ALTER DATABASE {db} OWNER TO CURRENT_USER", "DROP OWNED BY {owner} CASCADE", "DROP OWNED BY {server} CASCADE", "DROP ROLE {owner}, {server}"} {
			_, err := d.Exec(roles.Replace(statement))
			servicetest.Fine(t, err)
		}
		_ = d.Close()
	})
	text, err := os.ReadFile("../docs/hardening.md")
	servicetest.Fine(t, err)
	names := strings.NewReplacer("switchboard_owner", owner, "switchboard_server", server, "CREATE DATABASE switchboard OWNER", "ALTER DATABASE "+database+" OWNER TO")
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	for _, block := range blocks {
		for statement := range strings.SplitSeq(strings.TrimSpace(block[1]), ";\n") {
			_, err := d.ExecContext(t.Context(), names.Replace(statement))
			servicetest.Fine(t, err)
		}
	}
	if len(blocks) != 2 {
		t.Fatalf("docs/hardening.md has %d blocks of SQL", len(blocks))
	}
	if err := d.CheckMigrated(t.Context()); !db.SchemaMissing(err) {
		t.Errorf("an empty database counts as migrated: %v", err)
	}
	servicetest.Fine(t, servicetest.Migrate(t.Context(), as(owner)))

	w := newWorldOn(t, as(server), db.Options{MaxConns: 4})
	servicetest.Fine(t, w.DB.CheckMigrated(t.Context()))
	conversation := w.Open()
	w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: conversation.ID}))
	w.Template("unassign-after-close", nil)
	w.Settle()
	servicetest.Fine(t, w.DB.ForgetKeys(t.Context(), w.Clock))
	for _, statement := range []string{
		"DROP TABLE messages", "ALTER TABLE messages ADD COLUMN more text", "CREATE TABLE more (id int)", "TRUNCATE messages", "CREATE ROLE " + server + "2",
	} {
		if _, err := w.DB.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("the role of the server may %s", statement)
		}
	}
	if _, err := d.ExecContext(t.Context(), "DELETE FROM bun_migrations WHERE id = (SELECT max(id) FROM bun_migrations)"); err != nil {
		t.Fatal(err)
	}
	if err := w.DB.CheckMigrated(t.Context()); err == nil || !strings.Contains(err.Error(), "switchboard migrate") {
		t.Errorf("a missing migration is not noticed: %v", err)
	}
}
