package command_test

import (
	"os"
	"strings"
	"testing"
)

// TestSchema: the schema is printed as it is in the repository, without a database.
func TestSchema(t *testing.T) {
	t.Parallel()
	want := string(must(os.ReadFile("../schema.graphqls")))
	if r := run(t, "schema", "--database-url", "postgres://127.0.0.1:1/none"); r.status != 0 || r.output != want {
		t.Errorf("schema ends with %d %s and prints %d bytes, not %d", r.status, r.log, len(r.output), len(want))
	}
	var printed struct{ Schema string }
	if succeed(t, &printed, "schema"); printed.Schema != want {
		t.Error("schema --json prints something else")
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := run(t, "--version")
	if r.status != 0 || !strings.HasPrefix(r.output, "switchboard") || !strings.Contains(r.output, "(go1.") || strings.Count(r.output, "\n") != 1 {
		t.Errorf("--version ends with %d and prints %q %s", r.status, r.output, r.log)
	}
}
