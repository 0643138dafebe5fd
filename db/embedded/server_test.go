//go:build unix

package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestFirstAndSecondStart(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	began := time.Now()
	s, err := Start(t.Context(), Options{DataDir: dir}) // durable, like a real server
	check(t, err)
	t.Logf("first start: %v", time.Since(began))
	if !s.created {
		t.Error("the first start does not report a new database")
	}
	run(t, s.URL(database), "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')")
	if got := value(t, s.URL(database), "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
	if got := value(t, s.URL(database), "SHOW listen_addresses"); got != "" {
		t.Errorf("it listens on %q", got)
	}
	check(t, s.Close())
	check(t, s.Close())
	if !stopped(t, dir) {
		t.Error("PostgreSQL still runs after the last process closed it")
	}

	fastest := time.Hour // of several, because other tests load the machine
	for range 3 {
		began = time.Now()
		s, err = Start(t.Context(), Options{DataDir: dir})
		check(t, err)
		fastest = min(fastest, time.Since(began))
		if s.created {
			t.Error("a later start reports a new database")
		}
		if got := value(t, s.URL(database), "SELECT word FROM kept"); got != "still here" {
			t.Errorf("the row came back as %q", got)
		}
		check(t, s.Close())
	}
	t.Logf("second start: %v", fastest)
	if fastest > 10*time.Second {
		t.Errorf("the second start took %v", fastest)
	}
}

func TestLettersBeyondASCII(t *testing.T) {
	t.Parallel()
	s := startServer(t, newDir(t))
	if got := value(t, s.URL(database), "SELECT lower('ÉŁЖ')"); got != "éłж" {
		t.Errorf("lower() returns %q", got)
	}
	for _, extension := range []string{"pg_trgm", "unaccent", "fuzzystrmatch"} {
		run(t, s.URL(database), "CREATE EXTENSION "+extension)
	}
	if got := value(t, s.URL(database), "SELECT similarity('Жанна', 'жанна')::text"); got != "1" {
		t.Errorf("trigrams ignore letters: similarity %s", got)
	}
}

func TestLastProcessStopsServer(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	first := startServer(t, dir)
	began := time.Now()
	second := startServer(t, dir)
	t.Logf("attach: %v", time.Since(began))
	other := spawn(t, dir, nil).ready()
	if other.Fresh || second.created {
		t.Error("attaching reports a new database")
	}
	if other.URL != first.URL(database) {
		t.Errorf("the other process uses %s, this one %s", other.URL, first.URL(database))
	}
	check(t, first.Close())
	run(t, other.URL, "SELECT 1")
	check(t, second.Close())
	run(t, other.URL, "SELECT 1")
	other.leave()
	if !stopped(t, dir) {
		t.Error("PostgreSQL still runs after the last process closed it")
	}
}

func TestStarterLeavesFirst(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	starter := spawn(t, dir, nil).ready()
	s := startServer(t, dir)
	starter.leave()
	conn, err := pgx.Connect(t.Context(), s.URL(database))
	check(t, err)
	defer conn.Close(t.Context()) // an open connection does not delay the stop
	check(t, s.Close())
	if !stopped(t, dir) {
		t.Error("PostgreSQL still runs after the last process closed it")
	}
}

func TestStarterIsKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	starter := spawn(t, dir, nil).ready()
	run(t, starter.URL, "CREATE TABLE kept ()")
	starter.kill()
	if stopped(t, dir) {
		t.Fatal("PostgreSQL ended with the process that started it")
	}
	s := startServer(t, dir)
	run(t, s.URL(database), "TABLE kept")
	check(t, s.Close())
	if !stopped(t, dir) {
		t.Error("the last process did not stop the server that another had started")
	}
}

func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	starter := spawn(t, dir, nil)
	eventually(t, "initdb has begun", func() bool {
		return len(glob(filepath.Join(dir, "postgres.new", "base", "*"))) > 0
	})
	starter.kill()
	if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
		t.Fatal("the database folder exists before it was complete")
	}
	s := startServer(t, dir)
	if !s.created {
		t.Error("the start does not report a new database")
	}
	run(t, s.URL(database), "SELECT 1")
	if _, err := os.Stat(filepath.Join(dir, "postgres.new")); err == nil {
		t.Error("the incomplete database was not removed")
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Options{DataDir: dir, Ephemeral: true})
		result <- err
	}()
	eventually(t, "initdb has begun", func() bool {
		return len(glob(filepath.Join(dir, "postgres.new", "base", "*"))) > 0
	})
	cancel(errors.New("enough"))
	if err := <-result; err == nil {
		t.Fatal("it started although it was cancelled")
	}
	eventually(t, "PostgreSQL has ended", func() bool { return stopped(t, dir) })
	if !startServer(t, dir).created {
		t.Error("the next start does not create the database")
	}
}

// TestInterruptOfTheGroup: Ctrl-C reaches every process in the terminal's foreground group, but not
// PostgreSQL.
func TestInterruptOfTheGroup(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	starter := spawn(t, dir, nil).ready()
	check(t, syscall.Kill(-starter.cmd.Process.Pid, syscall.SIGINT))
	starter.cmd.Wait()
	run(t, starter.URL, "SELECT 1")
	check(t, startServer(t, dir).Close())
}

func TestPostmasterIsKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	first, err := Start(t.Context(), Options{DataDir: dir}) // durable: nothing may be lost
	check(t, err)
	t.Cleanup(func() { check(t, first.Close()) })
	run(t, first.URL(database), "CREATE TABLE kept ()")
	check(t, syscall.Kill(first.folder.postmaster().pid, syscall.SIGKILL))

	began := time.Now()
	second := startServer(t, dir)
	t.Logf("start after the database was killed: %v", time.Since(began))
	if second.URL(database) != first.URL(database) {
		t.Error("the address has changed for the process that was attached before")
	}
	run(t, first.URL(database), "TABLE kept")
	check(t, second.Close())
	run(t, first.URL(database), "TABLE kept")
}

// TestRestartsKilledPostgreSQL: PostgreSQL is restarted if it is killed while a process uses it.
func TestRestartsKilledPostgreSQL(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{DataDir: newDir(t)}) // durable: nothing may be lost
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	run(t, s.URL(database), "CREATE TABLE kept ()")
	for range 2 { // a restarted server can be killed again
		killed := s.folder.postmaster().pid
		check(t, syscall.Kill(killed, syscall.SIGKILL))
		eventually(t, "PostgreSQL runs again", func() bool {
			p := s.folder.postmaster()
			return p.pid != killed && p.status == "ready" && p.isListening()
		})
		run(t, s.URL(database), "TABLE kept")
	}
}

func TestEverythingIsKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	starter := spawn(t, dir, nil).ready()
	f, err := openFolder(dir)
	check(t, err)
	pid := f.postmaster().pid
	starter.kill()
	check(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, "the child processes of PostgreSQL have ended", func() bool { return stopped(t, dir) })

	// Simulate that the process id was reused. PostgreSQL would take a process of the same user for
	// a running server.
	path := f.cluster() + "/postmaster.pid"
	text, err := os.ReadFile(path)
	check(t, err)
	_, rest, _ := strings.Cut(string(text), "\n")
	bystander := idle(t, f.account)
	check(t, os.WriteFile(path, []byte(itoa(bystander)+"\n"+rest), 0o600))
	check(t, f.account.chown(path))

	s := startServer(t, dir)
	run(t, s.URL(database), "SELECT 1")
	check(t, s.Close())
	check(t, syscall.Kill(bystander, 0)) // still running
}

func TestStartedByHand(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	check(t, startServer(t, dir).Close())
	f, err := openFolder(dir)
	check(t, err)
	bin, err := search{defaultLocations(), f, quiet}.find(t.Context(), 0)
	check(t, err)
	socket, err := f.socketFolder()
	check(t, err)
	byHand := f.account.command(t.Context(), bin.folder+"/postgres", "-D", f.cluster(), "-c", "listen_addresses=", "-k", socket)
	check(t, byHand.Start())
	eventually(t, "PostgreSQL is ready", func() bool { return f.postmaster().status == "ready" })
	mustContain(t, refusal(t, dir, defaultLocations()), "started by hand", "stop it")
	check(t, byHand.Process.Signal(os.Interrupt))
	check(t, byHand.Wait())
	check(t, startServer(t, dir).Close())
}

func TestTwoStartAtOnce(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	var processes []*process
	for range 3 {
		processes = append(processes, spawn(t, dir, nil))
	}
	fresh := 0
	for _, h := range processes {
		if h.ready(); h.Fresh {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d processes report a new database", fresh)
	}
	for _, h := range processes {
		run(t, h.URL, "SELECT 1")
		h.leave()
	}
	if !stopped(t, dir) {
		t.Error("PostgreSQL still runs after the last process closed it")
	}
}

// TestEnteringWhileLeaving: processes that attach while others leave always find the server
// running.
func TestEnteringWhileLeaving(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	check(t, startServer(t, dir).Close())
	done := make(chan error)
	for range 4 {
		go func() {
			var failed error
			for range 5 {
				if err := visit(t.Context(), dir); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if !stopped(t, dir) {
		t.Error("PostgreSQL still runs after the last process closed it")
	}
}
