package command_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// heavy returns a stream with large items: each close contains its note many times.
func heavy() *stream {
	var notes strings.Builder
	for i := range 28 { // with the other alias below the limit of a document
		fmt.Fprintf(&notes, "n%d: text ", i)
	}
	return &stream{name: "heavy statusChanged", picks: isStatus, document: `subscription($after: EventCursor) {
		item: statusChanged(after: $after) { cursor id occurredAt ... on ConversationClosed { closingNote { ` + notes.String() + `} } } }`}
}

// narrow makes the client's receive buffer small, so that unread data fills it soon.
func narrow(_, _ string, c syscall.RawConn) (err error) {
	if also := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) }); also != nil {
		return also
	}
	return err
}

// The server closes a subscriber that accepts no byte for 10 s. This time begins when all
// buffers in between are full, which is certain after this many items, about 10 MB.
const (
	filledAfter  = 184
	closedWithin = 20 * time.Second
)

const pause = 8 * time.Second // short enough not to be closed

// TestCrowdWithStalledReaders: one of many subscribers stops reading for good, another for some
// seconds. The first is closed and can resume; the second stays connected; all others receive
// everything without delay.
func TestCrowdWithStalledReaders(t *testing.T) {
	isLoad(t)
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	l := newLoad(t, dir, 2*clients, s)
	c := l.crowd(t, sized(60, 1000))
	slow, h := newCrowd(t, l.fleet, l.program), heavy()
	// It stays for the whole test, so that it costs the same with and without the others.
	slow.join(t, 1, l.after(), h)
	stop := l.run(t, 100)
	time.Sleep(time.Second) // to warm up
	began := time.Now()
	time.Sleep(time.Duration(sized(2, 10)) * time.Second)

	stalled, paused := slow.newMember(h, l.after()), slow.newMember(h, l.after())
	sockets := make([]*websocket.Conn, 2)
	for i, m := range []*member{stalled, paused} {
		m.dialer = dialer(narrow)
		var err error
		sockets[i], err = m.connect(s)
		check(t, err)
		check(t, m.subscribe(sockets[i]))
	}
	begin := time.Now()
	slow.running.Go(func() {
		time.Sleep(pause)
		if err := paused.read(sockets[1]); slow.ctx.Err() == nil {
			slow.fail(fmt.Errorf("the subscriber that paused was cut off: %w", err))
		}
	})
	known := slow.members[0].seen.Load()
	slow.await(t, "fed enough", func(*member) bool { return slow.members[0].seen.Load() > known+filledAfter })
	filled := time.Now()
	for !isLeft(sockets[0]) && time.Since(filled) < closedWithin {
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("the stalled subscriber was left %v after it subscribed, %v after all buffers were full", time.Since(begin), time.Since(filled))
	stop()

	check(t, sockets[0].SetReadDeadline(time.Now().Add(5*time.Second)))
	err := stalled.read(sockets[0])
	t.Logf("then it still had %d items, and %v", stalled.seen.Load(), err)
	if network := net.Error(nil); !mayComeBack(err) || errors.As(err, &network) && network.Timeout() {
		t.Errorf("the stalled subscriber was not closed within %v: %v", closedWithin, err)
	}
	stalled.begin()
	l.complete(t, c, slow)
	uninterrupted(t, c)
	t.Logf("the crowd without stalled readers: %v", c.between(began, begin))
	t.Logf("the crowd with stalled readers:    %v", c.between(begin, begin.Add(pause)))
}

// isLeft reports whether the server has closed its end of a connection. The client does not
// read, so it asks the kernel, which is possible on Linux only.
func isLeft(socket *websocket.Conn) bool {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false
	}
	port := func(a net.Addr) string { return fmt.Sprintf(":%04X", a.(*net.TCPAddr).Port) }
	for line := range bytes.Lines(table) {
		column := strings.Fields(string(line))
		if strings.HasSuffix(column[1], port(socket.RemoteAddr())) && strings.HasSuffix(column[2], port(socket.LocalAddr())) {
			const established = "01"
			return column[3] != established
		}
	}
	return true
}
