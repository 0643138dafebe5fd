package command_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/db/embedded"
)

// TestCrowdWhenPostgreSQLRestarts: the database crashes under load and is down for two seconds.
// Meanwhile some clients lose their sockets and reconnect, and others subscribe for the first
// time. Subscriptions survive or are resumed; no event is lost or delivered twice.
func TestCrowdWhenPostgreSQLRestarts(t *testing.T) {
	isLoad(t)
	t.Parallel()
	dir := newDir(t)
	database := attach(t, dir)
	t.Cleanup(func() { check(t, database.Close()) })
	s := start(t, "--database-url", database.URL("switchboard"))
	l := newLoad(t, dir, 2*clients, s)
	c := l.crowd(t, sized(60, 200))
	stop := l.run(t, 100)
	phase := time.Duration(sized(1, 5)) * time.Second
	time.Sleep(phase)
	const lost, late = 20, 10
	sockets := make([]*websocket.Conn, late)
	for i := range sockets {
		var err error
		sockets[i], err = c.newMember(c.members[i].stream, l.after()).connect(s)
		check(t, err)
	}
	crash(t, dir, database)
	for _, m := range c.members[:lost] {
		m.interrupt()
	}
	for i, m := range c.members[len(c.members)-late:] {
		m.beginOn(sockets[i])
	}
	time.Sleep(2 * time.Second)
	database = attach(t, dir)
	began := time.Now()
	time.Sleep(phase)
	stop()
	l.complete(t, c)
	t.Logf("complete %v after the database was back; of %d subscriptions %d ended with an error and %d were resumed",
		time.Since(began), len(c.members), c.count(func(m *member) int64 { return m.ended.Load() }), c.count((*member).resumed))
	if l.repeated == 0 {
		t.Error("no mutation noticed that the database was away")
	}
	if n := c.count((*member).resumed); n < lost {
		t.Errorf("only %d subscriptions were resumed", n)
	}
}

// crash kills PostgreSQL and prevents that it is started again. No other process uses it.
func crash(t *testing.T, dir string, share *embedded.Server) {
	t.Helper()
	first := postmaster(dir)
	pid, err := strconv.Atoi(first)
	check(t, err)
	check(t, syscall.Kill(pid, syscall.SIGQUIT))
	eventually(t, patience, "that PostgreSQL ends", func() bool { return postmaster(dir) != first })
	check(t, share.Close())
}

// postmaster returns PostgreSQL's process id, or "" if it does not run.
func postmaster(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
