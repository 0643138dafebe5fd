//go:build unix

package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// processVariable makes the test binary a helper process that uses the data folder in the variable
// until its standard input ends.
const processVariable = "SWITCHBOARD_EMBEDDED_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(processVariable); dir != "" {
		os.Exit(runHelper(dir))
	}
	// Every test starts PostgreSQL servers, many kill them, and some download one with npm.
	if flag.Parse(); testing.Short() {
		fmt.Println("left out with -short")
		return
	}
	os.Exit(m.Run())
}

// A report is what a process prints once it has started.
type report struct {
	URL   string
	Fresh bool
	Error string
}

func runHelper(dir string) int {
	s, err := Start(context.Background(), Options{DataDir: dir, Ephemeral: true})
	if err != nil {
		json.NewEncoder(os.Stdout).Encode(report{Error: err.Error()})
		return 1
	}
	json.NewEncoder(os.Stdout).Encode(report{URL: s.URL(database), Fresh: s.created})
	io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type process struct {
	report
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	first chan report
}

// spawn starts another process, as another user if one is given.
func spawn(t *testing.T, dir string, as *syscall.Credential) *process {
	t.Helper()
	cmd := exec.Command(binary(t, as))
	cmd.Env = append(os.Environ(), processVariable+"="+dir)
	cmd.Dir = "/"
	// A pipe, so that Wait never returns if PostgreSQL inherits it.
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	h := &process{t: t, cmd: cmd, stdin: stdin, first: make(chan report, 1)}
	go func() {
		var r report
		if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&r); err != nil {
			r.Error = "the process ended without output: " + err.Error()
		}
		h.first <- r
	}()
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
		if stderr.Len() > 0 {
			t.Errorf("the other process printed: %s", &stderr)
		}
	})
	return h
}

// binary returns the test binary, copied to where another user can run it.
func binary(t *testing.T, as *syscall.Credential) string {
	self, err := os.Executable()
	check(t, err)
	if as == nil {
		return self
	}
	content, err := os.ReadFile(self)
	check(t, err)
	copied := filepath.Join(folderOf(t, 0), "process")
	check(t, os.WriteFile(copied, content, 0o755))
	return copied
}

// ready waits until the process uses the database.
func (h *process) ready() *process {
	h.t.Helper()
	select {
	case h.report = <-h.first:
	case <-time.After(30 * time.Second):
		h.t.Fatal("the other process did not start")
	}
	if h.Error != "" {
		h.t.Fatal(h.Error)
	}
	return h
}

func (h *process) leave() {
	h.t.Helper()
	h.stdin.Close()
	check(h.t, h.cmd.Wait())
}

func (h *process) kill() {
	check(h.t, h.cmd.Process.Kill())
	h.cmd.Wait()
}

// folderOf creates a folder that belongs to a user and that other users can enter, unlike the
// temporary folders of package testing.
func folderOf(t *testing.T, uid int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sb-")
	check(t, err)
	check(t, os.Chmod(dir, 0o755))
	if uid != 0 {
		check(t, os.Chown(dir, uid, -1))
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

func newDir(t *testing.T) string { return filepath.Join(folderOf(t, 0), "data") }

// startServer starts a server in this process; the end of the test closes it.
func startServer(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{DataDir: dir, Ephemeral: true})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// refusal returns the message of a start that must fail.
func refusal(t *testing.T, dir string, where locations) string {
	t.Helper()
	s, err := start(t.Context(), Options{DataDir: dir, Ephemeral: true}, where)
	if err == nil {
		s.Close()
		t.Fatal("it started instead of refusing")
	}
	return err.Error()
}

func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// run executes SQL in a database.
func run(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	check(t, err)
}

func value(t *testing.T, url, sql string) (found string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer conn.Close(context.Background())
	check(t, conn.QueryRow(t.Context(), sql).Scan(&found))
	return found
}

// stopped reports whether no process of PostgreSQL runs in the folder.
func stopped(t *testing.T, dir string) bool {
	t.Helper()
	work, err := (&folder{root: dir}).claim()
	check(t, err)
	if work == nil {
		return false
	}
	work.Close()
	return true
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

func itoa(n int) string { return strconv.Itoa(n) }

// visit starts or attaches, runs a statement and closes.
func visit(ctx context.Context, dir string) error {
	s, err := Start(ctx, Options{DataDir: dir, Ephemeral: true})
	if err != nil {
		return err
	}
	defer s.Close()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "SELECT 1")
	return errors.Join(err, s.Close())
}

// idle starts a process of the account that does nothing until the test ends.
func idle(t *testing.T, who account) int {
	t.Helper()
	cmd := who.command(context.Background(), "/bin/cat")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		check(t, cmd.Wait())
	})
	return cmd.Process.Pid
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	check(t, err)
	return n
}
