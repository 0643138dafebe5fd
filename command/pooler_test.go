package command_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db/dbtest"
)

// TestPooler: two servers behind PgBouncer in transaction mode, which has three connections, import,
// assign, deliver, close and run workflows. The doctor says what settings the role needs.
func TestPooler(t *testing.T) {
	t.Parallel()
	direct := databaseURL(t)
	through := dbtest.Pooler(t, direct, 3)
	flags := []string{"--database-url", through, "--pooler", "--direct-url", direct}
	with := func(args ...string) []string { return append(args, flags...) }
	first, second := start(t, flags...), start(t, flags...)
	if !strings.Contains(first.log.String(), "statements have no time limit") {
		t.Error("nothing warns of missing time-outs")
	}

	c := &company{}
	succeed(t, c, with("workspace", "create", "Acme", "--manager", "mia@acme.example")...)
	file := filepath.Join(t.TempDir(), "past.jsonl")
	check(t, os.WriteFile(file, []byte(pastConversation), 0o600))
	var imported struct{ Added int }
	succeed(t, &imported, with("import", file, "--workspace", c.Workspace)...)
	if imported.Added != 1 {
		t.Errorf("%d conversations were imported", imported.Added)
	}

	manager, elsewhere := first.as(c.Token), second.as(c.Token)
	manager.fromTemplate(vars{"templateKey": "unassign-after-close"})
	conversation := manager.open("Ada Novak")
	subscriber := elsewhere.watch(assignments, elsewhere.asOf())
	began := time.Now()
	events := manager.assign(conversation, c.Manager)
	if got := subscriber.change(t); len(events) != 1 || got.ID != events[0] {
		t.Errorf("the change is %v, the subscriber got %v", events, got)
	}
	t.Logf("the assignment was delivered after %v", time.Since(began))
	var ignored any
	manager.ask(&ignored, `mutation($id: ID!) { closeConversation(input: {conversationId: $id}) { userErrors { code } } }`, vars{"id": conversation})
	subscriber.change(t) // by the workflow

	prescribed := poorTimeouts(t, with("doctor"))
	execute(t, direct, prescribed)
	execute(t, direct, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ''")
	eventually(t, patience, "the doctor finds nothing", func() bool { return run(t, with("doctor")...).status == 0 })
	if started := start(t, flags...); strings.Contains(started.log.String(), "time limit") {
		t.Error("with time-outs there is a warning of them")
	}
	if changed := manager.assign(manager.open("Bo Berg"), c.Manager); len(changed) != 1 {
		t.Errorf("with time-outs an assignment has %d events", len(changed))
	}

	refused(t, 1, []string{"serve", "--addr", "127.0.0.1:0", "--database-url", through}, "a connection pooler, such as PgBouncer", "--pooler", "--direct-url")
}

// poorTimeouts runs the doctor, which must find time-outs missing, and returns the statements that
// it prescribes.
func poorTimeouts(t *testing.T, command []string) string {
	t.Helper()
	r := run(t, command...)
	for line := range strings.Lines(r.output) {
		if at := strings.Index(line, "ALTER ROLE"); at >= 0 && r.status == 1 {
			return line[at:]
		}
	}
	t.Fatalf("the doctor ends with %d and prescribes nothing:\n%s%s", r.status, r.output, r.log)
	return ""
}

func execute(t *testing.T, url, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), statements)
	check(t, err)
}

// TestPoolerFlags: the flags for a pooler are refused unless they fit together.
func TestPoolerFlags(t *testing.T) {
	t.Parallel()
	refused(t, 1, []string{"doctor", "--pooler"}, "--pooler", "DATABASE_URL")
	refused(t, 1, []string{"doctor", "--pooler", "--database-url", "postgres://127.0.0.1:1/x"}, "needs --direct-url")
	refused(t, 1, []string{"doctor", "--direct-url", "postgres://127.0.0.1:1/x", "--database-url", "postgres://127.0.0.1:1/x"}, "add --pooler")
}
