package command_test

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestServersThatNeverAnswer: replay and import report what they are waiting for, then give up.
func TestServersThatNeverAnswer(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	file, _, _, _ := pastConversations(t, 1)
	nobody, silent := freeAddr(t), silentAddr(t)
	for name, test := range map[string]struct {
		waitsFor, says string
		args           []string
	}{
		"replay, nobody listens": {"http://" + nobody + "/graphql", "start the server there",
			[]string{"replay", file, "--workspace", c.Workspace, "--data-dir", dir, "--url", "http://" + nobody + "/graphql"}},
		"replay, silence": {"http://" + silent + "/graphql", "start the server there",
			[]string{"replay", file, "--workspace", c.Workspace, "--data-dir", dir, "--url", "http://" + silent + "/graphql"}},
		"import, silence": {"the database at " + silent, "the database does not answer",
			[]string{"import", file, "--workspace", c.Workspace, "--database-url", "postgres://mia:secret-word@" + silent + "/acme"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			r := run(t, test.args...)
			if took := time.Since(began); r.status != 1 || took > 25*time.Second {
				t.Errorf("it ends with %d after %v", r.status, took)
			}
			if !strings.Contains(r.log, "waiting for") || !strings.Contains(r.log, test.waitsFor) || !strings.Contains(r.log, test.says) || strings.Contains(r.log, "secret-word") {
				t.Errorf("it says\n%s", r.log)
			}
		})
	}
}

// silentAddr returns an address at which connections are accepted but never answered.
func silentAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			if conn, err := l.Accept(); err == nil {
				defer func() { _ = conn.Close() }()
			} else {
				return
			}
		}
	}()
	return l.Addr().String()
}
