package dbtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

var migrations atomic.Int64

func migrate(ctx context.Context, url string) error {
	migrations.Add(1)
	return execute(ctx, url, "CREATE TABLE notes (word text); INSERT INTO notes VALUES ('from the template')")
}

func TestEveryTestHasItsOwnDatabase(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			url := New(t, migrate)
			t.Logf("new database: %v", time.Since(began))
			must(t, execute(t.Context(), url, "INSERT INTO notes VALUES ('mine')"))
			if got := value(t, url, "SELECT string_agg(word, ', ' ORDER BY word) FROM notes"); got != "from the template, mine" {
				t.Errorf("the database holds %s", got)
			}
			if n := migrations.Load(); n != 1 {
				t.Errorf("migrated %d times", n)
			}
		})
	}
}

func TestEmptyDatabase(t *testing.T) {
	url := New(t, nil)
	if got := value(t, url, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
		t.Errorf("the database has %s tables", got)
	}
}

func TestDroppedWithOpenConnections(t *testing.T) {
	var database string
	t.Run("leaves a connection open", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), New(t, migrate))
		must(t, err)
		database = conn.Config().Database
	})
	if exists(t, database) {
		t.Errorf("%s was not dropped", database)
	}
}

// victimVariable enables TestVictim; it is set only in the process that is to be killed.
const victimVariable = "SWITCHBOARD_DBTEST_VICTIM"

func TestVictim(t *testing.T) {
	if os.Getenv(victimVariable) == "" {
		return
	}
	fmt.Println("database " + New(t, migrate))
	select {}
}

func TestKilledProcessHarmsNoOther(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it kills a process")
	}
	mine := New(t, migrate)
	self, err := os.Executable()
	must(t, err)
	victim := exec.Command(self, "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimVariable+"=1")
	stdout, err := victim.StdoutPipe()
	must(t, err)
	must(t, victim.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	config, err := pgx.ParseConfig(strings.TrimSpace(strings.TrimPrefix(line, "database ")))
	must(t, err)
	must(t, victim.Process.Kill())
	victim.Wait()

	must(t, execute(t.Context(), mine, "SELECT 1"))
	// The next process drops the database of the killed one.
	out, err := exec.Command(self, "-test.run=^TestEmptyDatabase$").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if exists(t, config.Database) {
		t.Errorf("%s was not dropped", config.Database)
	}
	must(t, execute(t.Context(), mine, "SELECT 1"))
}

func TestOwner(t *testing.T) {
	for database, want := range map[string]int{
		"test_12_3": 12, "test_12_template": 12, "test_drive": 0, "test_my_own": 0, "test_1_2_3": 0, "switchboard": 0,
	} {
		if got := owner(database); got != want {
			t.Errorf("%s belongs to process %d, not %d", database, got, want)
		}
	}
	if hasEnded(os.Getpid()) {
		t.Error("hasEnded reports that this process has ended")
	}
}

func exists(t *testing.T, database string) bool {
	t.Helper()
	return value(t, serverURL(t)("postgres"), "SELECT (EXISTS (SELECT FROM pg_database WHERE datname = '"+database+"'))::text") == "true"
}

func value(t *testing.T, url, sql string) (found string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(context.Background())
	must(t, conn.QueryRow(t.Context(), sql).Scan(&found))
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
