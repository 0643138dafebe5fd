//go:build unix

package dbtest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
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

const poolerPort = "6432" // only part of the socket's name

// Pooler runs PgBouncer in transaction mode in front of the PostgreSQL server at a URL and returns
// the URL that leads through it. It shares a number of server connections among all clients.
// Settings are further lines of its configuration. It stops when the test ends.
//
// The test is skipped if PgBouncer is missing; `make tools` installs it.
func Pooler(tb testing.TB, direct string, connections int, settings ...string) string {
	tb.Helper()
	program := poolerProgram(tb)
	server, err := url.Parse(direct)
	succeeds(tb, err)
	as := poolerUser(tb, server.Query().Get("host"))
	dir := poolerFolder(tb, as)
	lines := append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%s", server.Query().Get("host"), server.Query().Get("port")),
		"[pgbouncer]", "pool_mode = transaction", "default_pool_size = " + strconv.Itoa(connections), "max_client_conn = 500",
		"unix_socket_dir = " + dir, "listen_port = " + poolerPort, "auth_type = trust", "auth_file = " + filepath.Join(dir, "users"),
	}, settings...)
	config := filepath.Join(dir, "config")
	succeeds(tb, os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	succeeds(tb, os.WriteFile(filepath.Join(dir, "users"), fmt.Appendf(nil, "%q \"\"\n", server.User.Username()), 0o644))
	runPooler(tb, as, program, config)
	through := *server
	through.RawQuery = url.Values{"host": {dir}, "port": {poolerPort}, "sslmode": {"disable"}}.Encode()
	awaitPooler(tb, through.String())
	return through.String()
}

func poolerProgram(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	tb.Skip("PgBouncer is missing: `make tools` installs it")
	return ""
}

// poolerUser returns the user as which PgBouncer runs: the one as which PostgreSQL runs, whose socket
// is in a folder. nil means the user of this process. PgBouncer refuses to run as root.
func poolerUser(tb testing.TB, socket string) *syscall.Credential {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	var owner syscall.Stat_t
	succeeds(tb, syscall.Stat(socket, &owner))
	return &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
}

// poolerFolder returns a folder for the socket and the configuration. Its name is short, unlike
// those of testing's own folders, since that of a socket is limited.
func poolerFolder(tb testing.TB, as *syscall.Credential) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pooler-")
	succeeds(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if as != nil {
		succeeds(tb, os.Chown(dir, int(as.Uid), int(as.Gid)))
	}
	return dir
}

func runPooler(tb testing.TB, as *syscall.Credential, program, config string) {
	tb.Helper()
	cmd := exec.Command(program, config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	var log bytes.Buffer
	cmd.Stderr = &log
	succeeds(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("PgBouncer's log:\n%s", &log)
		}
	})
}

// awaitPooler waits until a statement is answered through PgBouncer.
func awaitPooler(tb testing.TB, url string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("PgBouncer does not answer: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func succeeds(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
