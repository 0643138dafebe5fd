package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretFiles (finding 13): a variable can be read from a file, and what is wrong with that is
// said without the secret.
func TestSecretFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	check(t, os.WriteFile(file, []byte("postgres://nobody:secret-word@127.0.0.1:1/none\n"), 0o600))
	for name, c := range map[string]struct {
		variables map[string]string
		status    int
		part      string
	}{
		"a file":     {map[string]string{"DATABASE_URL_FILE": file}, 1, "127.0.0.1"},
		"no file":    {map[string]string{"DATABASE_URL_FILE": file + "2"}, 2, "DATABASE_URL_FILE"},
		"both":       {map[string]string{"DATABASE_URL_FILE": file, "DATABASE_URL": "postgres://nobody:secret-word@127.0.0.1:1/none"}, 2, "not both"},
		"not a flag": {map[string]string{"SWITCHBOARD_LOG_LEVEL_FILE": file}, 2, "--log-level"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range c.variables {
				t.Setenv(variable, value)
			}
			r := run(t, "workspace", "list")
			if r.status != c.status || !strings.Contains(r.log, c.part) {
				t.Errorf("exit %d, want %d with %q\n%s", r.status, c.status, c.part, r.log)
			}
			if name != "not a flag" && strings.Contains(r.log, "secret-word") {
				t.Errorf("the secret is printed:\n%s", r.log)
			}
		})
	}
}

// TestNoMigrate (finding 13): a server that leaves the tables alone refuses to start without them.
func TestNoMigrate(t *testing.T) {
	t.Parallel()
	address := databaseURL(t)
	args := []string{"serve", "--no-migrate", "--addr", "127.0.0.1:0", "--database-url", address}
	refused(t, 1, args, "switchboard migrate")
	if r := run(t, "migrate", "--database-url", address); r.status != 0 {
		t.Fatalf("migrate ends with %d\n%s", r.status, r.log)
	}
	start(t, "--no-migrate", "--database-url", address)
}
