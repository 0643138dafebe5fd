package attack

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service/servicetest"
)

// patience is how long a test waits for a condition before it fails.
const patience = 30 * time.Second

// binary is the program under test. It is built without the race detector, which would distort the
// figures.
var binary string

// TestMain leaves all tests out with -short, because they need whole servers.
func TestMain(m *testing.M) {
	if flag.Parse(); testing.Short() {
		fmt.Println("left out with -short")
		return
	}
	// The path is always the same, since nothing can remove the program after dbtest.Main.
	binary = filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-attack-%d", os.Getuid()), "switchboard")
	if output, err := exec.Command("go", "build", "-o", binary, "switchboard/bench/profiled").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		os.Exit(1)
	}
	dbtest.Main(m)
}

// A server is a running server with a workspace that has data.
type server struct {
	t       *testing.T
	address string // host and port
	figures string // address of its figures
	out     *dbtest.Journal
	cmd     *exec.Cmd

	searched int // how much of the log was searched for secrets

	company
}

// A company is the workspace with the tokens of its callers.
type company struct {
	world                               *servicetest.World
	agent, manager, integration, reader string // tokens
	contact, conversation               string // ids
}

// issue returns a new token.
func (c company) issue(t *testing.T, scope db.TokenScope, agent *db.AgentID) string {
	t.Helper()
	secret, _, err := auth.New(c.world.DB, slog.New(slog.DiscardHandler)).Issue(t.Context(), c.world.Manager.Workspace, scope, agent, "a token", 0)
	check(t, err)
	return secret
}

// start starts a server with a database of its own.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	return startOn(t, dbtest.New(t, servicetest.Migrate), flags...)
}

// startOn starts a server on a database, in which it makes a workspace.
func startOn(t *testing.T, database string, flags ...string) *server {
	t.Helper()
	s := &server{t: t, out: &dbtest.Journal{}, company: found(t, database)}
	address := filepath.Join(t.TempDir(), "address")
	cmd := exec.Command(binary, append([]string{"serve", "--json", "--addr", "127.0.0.1:0"}, flags...)...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+database, "PROFILES_ADDRESS_FILE="+address)
	cmd.Stderr, s.cmd = s.out, cmd
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() { stop(t, cmd) })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the server does not start: %v\n%s", err, s.log())
	}
	var announced struct{ GraphQL string }
	check(t, json.Unmarshal(line, &announced))
	graphql, err := url.Parse(announced.GraphQL)
	check(t, err)
	figures, err := os.ReadFile(address)
	check(t, err)
	s.address, s.figures = graphql.Host, string(figures)
	return s
}

// stop ends a server and checks that it ends by itself.
func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

const (
	contacts = 60 // each with a conversation
	received = 4  // messages of each conversation
)

// found makes a workspace with data.
func found(t *testing.T, database string) (c company) {
	t.Helper()
	w := servicetest.NewOn(t, database, db.Options{MaxConns: 4})
	ann := w.Agent("Ann")
	for i := range contacts {
		sender := servicetest.Newcomer(fmt.Sprint("customer-", i))
		for range received {
			o := w.ReceivesFrom(sender)
			c.contact, c.conversation = o.Contact.ID.String(), o.Conversation.ID.String()
		}
	}
	c.world = w
	c.agent, c.manager = c.issue(t, db.ScopeAgent, ann.Agent), c.issue(t, db.ScopeAgent, w.Manager.Agent)
	c.integration, c.reader = c.issue(t, db.ScopeIntegration, nil), c.issue(t, db.ScopeRead, nil)
	return c
}

// usage is what the server has used of the machine.
type usage struct {
	CPU        time.Duration
	Allocated  int64 // bytes since the start
	Heap       int64 // bytes in use
	Goroutines int
}

// usage returns what the server has used so far, after a collection of garbage if collect is set.
func (s *server) usage(collect bool) (u usage) {
	s.t.Helper()
	path := "/usage"
	if collect {
		path += "?collect=1"
	}
	response, err := http.Get("http://" + s.figures + path)
	check(s.t, err)
	defer func() { _ = response.Body.Close() }()
	check(s.t, json.NewDecoder(response.Body).Decode(&u))
	return u
}

// logs reports whether the server has logged a text.
func (s *server) logs(text string) bool { return strings.Contains(s.log(), text) }

// log returns what the server has logged so far.
func (s *server) log() string { return s.out.String() }

// get asks the server for one of its other paths.
func (s *server) get(t *testing.T, path string) reply {
	t.Helper()
	response, err := http.Get("http://" + s.address + path)
	check(t, err)
	return read(t, response)
}

func read(t *testing.T, response *http.Response) reply {
	t.Helper()
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	return reply{status: response.StatusCode, header: response.Header, body: string(body)}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
