// Package command_test runs the real program as its users do: as a process, over HTTP
// and sockets, with its own PostgreSQL.
package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/db/embedded"
)

// patience is how long a test waits for a condition before it fails. It is generous, because a
// first start with the demo takes half a minute on a busy machine.
const patience = 2 * time.Minute

// binary is the program under test, and raced the same with the race detector.
var binary, raced string

// workshop is a folder for what the tests build, which is removed when they end.
var workshop string

// busy are the tests whose servers do much at once and are therefore built with the race detector, if
// loadSize is small. It makes a program several times as slow, so the others do without.
var busy = regexp.MustCompile(`^Test(Crowd|EveryConversation|KilledInCompany|LeastBusy|RevokedOnEachServer|UnassignAfterClose)`)

// TestMain skips every test with -short, because they need whole servers, browsers and npm
// packages.
func TestMain(m *testing.M) {
	if flag.Parse(); testing.Short() {
		fmt.Println("left out with -short")
		return
	}
	os.Exit(buildAndRun(m))
}

// buildAndRun builds the program, also with the race detector if loadSize is small, or takes the one that
// SWITCHBOARD_TEST_BINARY names.
func buildAndRun(m *testing.M) int {
	given := os.Getenv("SWITCHBOARD_TEST_BINARY")
	loadSize = os.Getenv("SWITCHBOARD_TEST_LOAD")
	for _, entry := range os.Environ() { // the developer's settings must not reach these tests
		if name, _, _ := strings.Cut(entry, "="); name == "DATABASE_URL" || name == "NATS_URL" || strings.HasPrefix(name, "SWITCHBOARD_") || strings.HasPrefix(name, "OTEL_") {
			_ = os.Unsetenv(name)
		}
	}
	// By default the race detector makes every process wait a second before it exits.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=20 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	var err error
	if workshop, err = os.MkdirTemp("", "sb-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(workshop) }()
	if binary, raced = given, given; binary != "" {
		return m.Run()
	}
	binary, raced = filepath.Join(workshop, "switchboard"), filepath.Join(workshop, "raced")
	if loadSize != "small" {
		raced = binary
	}
	for _, file := range []string{binary, raced} {
		build := exec.Command("go", "build", fmt.Sprintf("-race=%t", file != binary), "-o", file, "switchboard")
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
			return 1
		}
	}
	return m.Run()
}

// newDir returns the name of a data folder that does not exist yet. PostgreSQL's user can enter
// it, unlike testing's own temporary folders. When the test ends PostgreSQL is stopped, even if
// the servers that used it were killed.
func newDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "sb-")
	check(t, err)
	check(t, os.Chmod(parent, 0o755))
	dir := filepath.Join(parent, "data")
	t.Cleanup(func() {
		if databaseRuns(dir) {
			check(t, attach(t, dir).Close()) // the last user to close it stops PostgreSQL
		}
		check(t, os.RemoveAll(parent))
	})
	return dir
}

// databaseRuns reports whether PostgreSQL runs in a data folder.
func databaseRuns(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "postgres", "postmaster.pid"))
	return err == nil
}

// attach uses the PostgreSQL of a data folder, which it starts if necessary.
func attach(t *testing.T, dir string) *embedded.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := embedded.Start(ctx, embedded.Options{DataDir: dir})
	check(t, err)
	return s
}

// openDatabase opens the database of a data folder as the program does.
func openDatabase(t *testing.T, dir string) (_ *db.DB, leave func()) {
	t.Helper()
	s := attach(t, dir)
	d, err := db.Open(t.Context(), s.URL("switchboard"), db.Options{})
	check(t, err)
	return d, func() {
		check(t, d.Close())
		check(t, s.Close())
	}
}

// databaseURL returns the URL of an empty database on its own PostgreSQL server.
func databaseURL(t *testing.T) string {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{DataDir: newDir(t), Ephemeral: true})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s.URL("switchboard")
}

// result is the outcome of a command.
type result struct {
	status      int
	output, log string
}

// run runs a command to its end.
func run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var output, log bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = &output, &log
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("switchboard %s: %v\n%s", strings.Join(args, " "), err, &log)
	}
	return result{cmd.ProcessState.ExitCode(), output.String(), log.String()}
}

// succeed runs a command with --json and reads its result.
func succeed(t *testing.T, into any, args ...string) {
	t.Helper()
	r := run(t, append(args, "--json")...)
	if r.status != 0 {
		t.Fatalf("switchboard %s: exit %d\n%s", strings.Join(args, " "), r.status, r.log)
	}
	if err := json.Unmarshal([]byte(r.output), into); err != nil {
		t.Fatalf("switchboard %s --json prints no JSON: %v\n%s", strings.Join(args, " "), err, r.output)
	}
}

// refused runs a command that must fail with this status and a message with all of these parts.
func refused(t *testing.T, status int, args []string, parts ...string) {
	t.Helper()
	r := run(t, args...)
	if r.status != status {
		t.Errorf("switchboard %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.status, status, r.output, r.log)
	}
	for _, part := range parts {
		if !strings.Contains(r.log, part) {
			t.Errorf("switchboard %s: %q is missing in\n%s", strings.Join(args, " "), part, r.log)
		}
	}
}

// server is a running `switchboard serve`.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	began time.Time
	gone  chan struct{} // closed when the process has ended
	log   dbtest.Journal

	announced <-chan []byte

	GraphQL, WebSocket, Console, Playground string
	Developers                              []struct{ Name, Role, Email, Token, Playground string }
}

// start runs a server on a free port and waits until it is ready. When the test ends the server
// is terminated; the test fails if its exit status is not 0, or if it had a data race, panicked
// or logged an error.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := launch(t, args...)
	s.ready()
	return s
}

// launch starts a server like start, but does not wait until it is ready.
func launch(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, gone: make(chan struct{}), began: time.Now()}
	announced := &firstLine{line: make(chan []byte, 1)}
	program := binary
	if busy.MatchString(t.Name()) {
		program = raced
	}
	s.cmd = exec.Command(program, append([]string{"serve", "--json", "--rate-limit", "0"}, args...)...)
	if os.Getenv("SWITCHBOARD_ADDR") == "" && !slices.Contains(args, "--addr") {
		s.cmd.Args = append(s.cmd.Args, "--addr", "127.0.0.1:0")
	}
	s.cmd.Stdout, s.cmd.Stderr = announced, &s.log
	s.announced = announced.line
	check(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // the result is in ProcessState
		close(s.gone)
	}()
	t.Cleanup(s.cleanUp)
	return s
}

// ready waits for the announcement.
func (s *server) ready() {
	s.t.Helper()
	select {
	case line := <-s.announced:
		if err := json.Unmarshal(line, s); err != nil {
			s.t.Fatalf("the announcement is no JSON: %v\n%s", err, line)
		}
	case <-s.gone:
		s.t.Fatalf("the server ended at once: %v", s.cmd.ProcessState)
	case <-time.After(patience):
		s.t.Fatal("the server does not get ready")
	}
}

// kill ends the process as the OOM killer would.
func (s *server) kill() {
	s.t.Helper()
	check(s.t, s.cmd.Process.Kill())
	s.wait()
}

// terminate asks the process to end, as systemd, Docker and Kubernetes do.
func (s *server) terminate() {
	s.t.Helper()
	check(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
}

// wait waits until the process has ended and returns its exit status.
func (s *server) wait() int {
	s.t.Helper()
	select {
	case <-s.gone:
	case <-time.After(patience):
		s.t.Error("the server does not end")
		_ = s.cmd.Process.Kill()
		<-s.gone
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) cleanUp() {
	select {
	case <-s.gone:
	default:
		s.terminate()
		if status := s.wait(); status != 0 {
			s.t.Errorf("the server ended with status %d", status)
		}
	}
	for _, complaint := range []string{"DATA RACE", "panic", "level=ERROR"} {
		if strings.Contains(s.log.String(), complaint) {
			s.t.Errorf("%s in the server's log", complaint)
		}
	}
	if s.t.Failed() {
		s.t.Logf("the server's log:\n%s", s.log.String())
	}
}

// firstLine is a writer that passes on the first line of a process's output.
type firstLine struct {
	text []byte
	line chan []byte
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.line != nil {
		f.text = append(f.text, p...)
		if line, _, found := bytes.Cut(f.text, []byte("\n")); found {
			f.line <- line
			f.line = nil
		}
	}
	return len(p), nil
}

// company is a workspace with the tokens of its agents.
type company struct {
	Workspace string // its id
	Manager   string // the manager's id
	TokenID   string
	Token     string // the manager's
	agents    []agent
}

type agent struct{ id, token string }

// found creates a workspace in the server's database, with some agents who all have tokens.
func found(t *testing.T, s *server, dir string, agents int) *company {
	t.Helper()
	c := &company{}
	succeed(t, c, "workspace", "create", "Acme", "--manager", "mia@acme.example", "--data-dir", dir)
	for i := range agents {
		var made struct {
			CreateAgent struct{ Agent struct{ ID string } }
		}
		s.as(c.Token).ask(&made, `mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }`,
			vars{"input": vars{"name": fmt.Sprintf("Agent %d", i), "email": fmt.Sprintf("agent%d@acme.example", i)}})
		c.agents = append(c.agents, agent{id: made.CreateAgent.Agent.ID})
	}
	c.issue(t, dir)
	return c
}

// issue creates a token for every agent. It does not use `switchboard token create`, which would
// need a process for each and has its own test.
func (c *company) issue(t *testing.T, dir string) {
	t.Helper()
	d, leave := openDatabase(t, dir)
	defer leave()
	all, err := d.Workspaces(t.Context())
	check(t, err)
	issuer := auth.New(d, nil)
	for _, w := range all {
		for i := range c.agents {
			if w.ID.String() != c.Workspace {
				break
			}
			var id db.AgentID
			check(t, id.UnmarshalGQL(c.agents[i].id))
			c.agents[i].token, _, err = issuer.Issue(t.Context(), w.Key, db.ScopeAgent, &id, "", 0)
			check(t, err)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually calls a condition repeatedly until it is true.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not true within %v: %s", within, what)
		}
	}
}
