//go:build linux

package faults

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db/dbtest"
)

// cluster is a PostgreSQL server that a test starts, stops and damages.
type cluster struct {
	t    *testing.T
	dir  string // of the data
	port int
	env  []string // further environment

	mu   sync.Mutex // guards cmd
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	log  journal
}

// settings make commits cheap. Everything survives the end of the processes, only not that of the
// machine. The proxy answers keepalives for a server that it cuts off, so PostgreSQL keeps those
// sessions for ever: there is room for all of both servers twice.
var settings = []string{
	"fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=32MB", "jit=off",
	"wal_level=replica", "max_wal_senders=4", "max_connections=100", "wal_keep_size=256MB", "max_wal_size=256MB",
}

// newCluster starts a copy of the template in a folder. The test's end stops and removes it.
func newCluster(t *testing.T, dir string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: dir, port: freePort(t)}
	copyFolder(t, template.data, dir)
	t.Cleanup(func() { c.stop(syscall.SIGQUIT) })
	c.start()
	return c
}

// start starts PostgreSQL and waits until it accepts connections.
func (c *cluster) start() {
	c.t.Helper()
	c.launch()
	eventually(c.t, patience, "that PostgreSQL accepts connections", func() bool {
		conn, err := c.connect(c.t.Context())
		if err == nil {
			_ = conn.Close(c.t.Context())
		}
		return err == nil
	})
}

// launch starts PostgreSQL.
func (c *cluster) launch() {
	c.t.Helper()
	args := []string{"-D", c.dir, "-p", strconv.Itoa(c.port)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = make(chan struct{})
	c.cmd = program("postgres", args...)
	c.cmd.Env = append(c.cmd.Environ(), c.env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	check(c.t, c.cmd.Start())
	go func(cmd *exec.Cmd, gone chan struct{}) {
		_ = cmd.Wait()
		close(gone)
	}(c.cmd, c.gone)
}

// stop sends a signal to the postmaster, once, and waits until all processes have ended.
func (c *cluster) stop(signal syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return
	}
	children := descendants(c.cmd.Process.Pid)
	_ = c.cmd.Process.Signal(signal)
	select {
	case <-c.gone:
	case <-time.After(patience):
		c.t.Error("PostgreSQL does not stop")
		_ = c.cmd.Process.Kill()
		<-c.gone
	}
	for _, pid := range children { // they outlive a postmaster that was killed
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	c.cmd = nil
}

// freeze stops every process of PostgreSQL until thaw is called.
func (c *cluster) freeze() (thaw func()) {
	c.mu.Lock()
	pid := c.cmd.Process.Pid
	c.mu.Unlock()
	_ = syscall.Kill(pid, syscall.SIGSTOP) // first, so that it starts no more of them
	frozen := descendants(pid)
	for _, child := range frozen {
		_ = syscall.Kill(child, syscall.SIGSTOP)
	}
	return func() {
		for _, child := range append(frozen, pid) {
			_ = syscall.Kill(child, syscall.SIGCONT)
		}
	}
}

// address is where PostgreSQL listens.
func (c *cluster) address() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

// urlAt is the URL of the database at an address that leads to a cluster.
func urlAt(address string) string {
	return "postgres://switchboard@" + address + "/switchboard?sslmode=disable"
}

// connect connects without any line in between.
func (c *cluster) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pgx.Connect(ctx, urlAt(c.address()))
}

// attend connects once PostgreSQL has a connection to give.
func (c *cluster) attend() (conn *pgx.Conn) {
	c.t.Helper()
	eventually(c.t, patience, "that PostgreSQL gives a connection", func() bool {
		var err error
		conn, err = c.connect(c.t.Context())
		return err == nil
	})
	return conn
}

// exec executes a statement as an operator does.
func (c *cluster) exec(sql string, args ...any) {
	c.t.Helper()
	conn := c.attend()
	defer func() { _ = conn.Close(c.t.Context()) }()
	if _, err := conn.Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// query returns the number that a statement selects.
func (c *cluster) query(sql string, args ...any) (n int) {
	c.t.Helper()
	conn := c.attend()
	defer func() { _ = conn.Close(c.t.Context()) }()
	if err := conn.QueryRow(c.t.Context(), sql, args...).Scan(&n); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// descendants returns the processes that a process has started.
func descendants(pid int) (all []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		_, rest, _ := bytes.Cut(text, []byte(") "))
		if fields := strings.Fields(string(rest)); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			all = append(append(all, child), descendants(child)...)
		}
	}
	return all
}

// freePort returns a port at which nothing listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// journal keeps the output of a process.
type journal struct{ dbtest.Journal }

// without returns the lines that do not contain a text.
func (j *journal) without(text string) string {
	var b strings.Builder
	for line := range strings.Lines(j.String()) {
		if !strings.Contains(line, text) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// with returns the lines that contain a text.
func (j *journal) with(text string) (found []string) {
	for line := range strings.Lines(j.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
