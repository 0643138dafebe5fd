package command_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// pastConversation is one to import.
const pastConversation = `{"company": "Acme", "contact": {"externalId": "c1", "name": "Bob Novak"}, "openedAt": "2026-01-05T10:00:00Z", "closingNote": "Sent a new one.", "messages": [{"at": "2026-01-05T10:00:00Z", "from": "contact", "body": "It broke."}]}`

// startNATS runs a NATS server in this process.
func startNATS(t *testing.T, address string) {
	t.Helper()
	resolved, err := net.ResolveTCPAddr("tcp", address)
	check(t, err)
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: resolved.Port, NoSigs: true, NoLog: true})
	check(t, err)
	go s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
}

// TestServersWithoutNATSYet: servers start while NATS is down, deliver by polling, and use NATS
// once it is up. An import wakes them as well.
func TestServersWithoutNATSYet(t *testing.T) {
	t.Parallel()
	dir, address := newDir(t), freePort(t)
	wake := []string{"--data-dir", dir, "--nats-url", "nats://" + address}
	both := []*server{start(t, append(wake, "--no-demo")...), start(t, wake...)}
	c := found(t, both[0], dir, 2)
	conversation := both[0].as(c.Token).open("Ada")
	subscriber := both[1].as(c.Token).watch(assignments, both[1].as(c.Token).asOf())
	assign := func(to int) {
		t.Helper()
		events := both[0].as(c.Token).assign(conversation, c.agents[to].id)
		if got := subscriber.change(t); len(events) != 1 || got.ID != events[0] {
			t.Errorf("the change is %v, the subscriber got %v", events, got)
		}
	}
	var took durations
	for i := range 6 {
		began := time.Now()
		assign(i % 2)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("by polling: %v", took)
	if p50 := took[len(took)/2]; p50 > 3*time.Second {
		t.Errorf("without a wake-up a change takes %v", p50)
	}
	for _, s := range both {
		eventually(t, patience, "a warning", func() bool { return strings.Contains(s.log.String(), "no connection to NATS at "+address) })
	}

	startNATS(t, address)
	for _, s := range both {
		eventually(t, patience, "that NATS is used", func() bool { return strings.Contains(s.log.String(), "listening for changes works again") })
	}
	hints := hearNATS(t, address)
	assign(0)
	hints.wait(t, "an assignment")

	file := filepath.Join(t.TempDir(), "past.jsonl")
	check(t, os.WriteFile(file, []byte(pastConversation), 0o600))
	var imported struct{ Added int }
	succeed(t, &imported, append([]string{"import", file, "--workspace", c.Workspace}, wake...)...)
	if imported.Added != 1 {
		t.Errorf("%d conversations were imported", imported.Added)
	}
	hints.wait(t, "an import")
}

// hints are the wake-ups that processes send each other.
type hints struct{ *nats.Subscription }

func hearNATS(t *testing.T, address string) hints {
	t.Helper()
	conn, err := nats.Connect("nats://" + address)
	check(t, err)
	t.Cleanup(conn.Close)
	s, err := conn.SubscribeSync("switchboard.wake")
	check(t, err)
	check(t, conn.FlushTimeout(patience))
	return hints{s}
}

// wait waits for the hint of one change, and skips further hints of the same change.
func (h hints) wait(t *testing.T, of string) {
	t.Helper()
	_, err := h.NextMsg(patience)
	if err != nil {
		t.Fatalf("no hint of %s: %v", of, err)
	}
}
