package feed

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"switchboard/db"
)

// A broker is a NATS server in this process that can be stopped and started again.
type broker struct {
	*server.Server
	t       testing.TB
	options server.Options
	address string
}

func newBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{t: t, options: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}}
	b.start()
	b.options.Port = b.Addr().(*net.TCPAddr).Port // keep the port after a restart
	b.address = b.Addr().String()
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	options := b.options // a copy, because the server changes it
	s, err := server.NewServer(&options)
	fine(b.t, err)
	go s.Start()
	if !s.ReadyForConnections(timeout) {
		b.t.Fatal("the NATS server does not start")
	}
	b.Server = s
}

func (b *broker) stop() {
	b.Shutdown()
	b.WaitForShutdown()
}

func (b *broker) waker(*db.DB) Waker {
	n, err := NewNATS("nats://" + b.address)
	fine(b.t, err)
	b.t.Cleanup(n.Close)
	return n
}

func natsTransport(t *testing.T, _ *journal) transport {
	b := newBroker(t)
	return transport{waker: b.waker, interrupt: func() {
		b.stop()
		b.start()
	}}
}

// TestNATSDoesNotNotify: with NATS, NOTIFY is not used.
func TestNATSDoesNotNotify(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	listener, err := j.Listen(t.Context(), channel, time.Second)
	fine(t, err)
	defer listener.Close(t.Context())

	x := natsTransport(t, j)
	here, _ := x.process(t, j, quiet)
	there, receiver := x.process(t, j, quiet)
	receiver.waitListening(t, true)
	r := &reader{Watcher: watch(t, there, j.key, nil)}
	for i := range db.Seq(5) {
		j.write(newEvents(1)...)
		here.Poke(j.key)
		fine(t, r.read(timeoutContext(t), i+1))
		receiver.waitHint(t, j.key, timeout)
	}
	// PostgreSQL delivers notifications in commit order, so any earlier one would come first.
	j.run("SELECT pg_notify($1, 'the end')", channel)
	first, err := listener.Wait(timeoutContext(t))
	fine(t, err)
	if first != "the end" {
		t.Errorf("got notification %q", first)
	}
}

// TestNATSReconnects: while NATS is down the poll delivers and one warning is logged. Wake-ups are
// used again once NATS is back.
func TestNATSReconnects(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it waits for reconnections")
	}
	t.Parallel()
	j := newJournal(t)
	b := newBroker(t)
	b.stop()
	x := transport{waker: b.waker}
	var logHere, logThere logged
	here, sender := x.process(t, j, logHere.logger())
	there, receiver := x.process(t, j, logThere.logger())
	w := watch(t, there, j.key, nil)
	r := &reader{Watcher: w}
	commit := func(within time.Duration) {
		t.Helper()
		j.write(newEvents(1)...)
		began := time.Now()
		here.Poke(j.key)
		here.Flush()
		fine(t, r.read(timeoutContext(t), r.seq+1))
		if took := time.Since(began); took > within {
			t.Errorf("event %d took %v, more than %v", r.seq, took, within)
		}
	}
	for outage := range 2 {
		for _, s := range []*spy{sender, receiver} {
			s.waitListening(t, false)
		}
		for range 3 {
			commit(3 * time.Second)
		}
		logHere.wantCount(t, "telling other servers about a change failed", outage+1)
		logHere.wantCount(t, "listening for changes was interrupted", outage+1)
		logThere.wantCount(t, "listening for changes was interrupted", outage+1)
		b.start()
		began := time.Now()
		for _, s := range []*spy{sender, receiver} {
			s.waitListening(t, true)
		}
		t.Logf("listening again after %v", time.Since(began))
		for range 3 {
			commit(3 * time.Second)
			receiver.waitHint(t, j.key, 100*time.Millisecond)
		}
		logThere.wantCount(t, "listening for changes works again", outage+1)
		logHere.wantCount(t, "telling other servers about changes works again", outage+1)
		b.stop()
	}
	commit(3 * time.Second)
	idle(t, w)
}

// TestNATSPermissionDenied: with a missing permission the feed polls and logs the reason.
func TestNATSPermissionDenied(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	b := newBroker(t)
	b.stop()
	b.options.Users = []*server.User{{Username: "mia", Password: "secret-word", Permissions: &server.Permissions{
		Subscribe: &server.SubjectPermission{Deny: []string{subject}},
	}}}
	b.start()
	b.address = "mia:secret-word@" + b.address
	var log logged
	f, receiver := transport{waker: b.waker}.process(t, j, log.logger())
	receiver.waitListening(t, false)
	log.wantCount(t, "permissions violation", 1)
	log.wantCount(t, "secret-word", 0)
	w := watch(t, f, j.key, nil)
	j.write(newEvents(1)...)
	read(t, w, 1)
}

// TestNATSPublishReachesServer: a process that only publishes, such as an import, may exit at once.
func TestNATSPublishReachesServer(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	conn, err := nats.Connect("nats://" + b.address)
	fine(t, err)
	defer conn.Close()
	subscription, err := conn.SubscribeSync(subject)
	fine(t, err)
	fine(t, conn.FlushTimeout(timeout))
	f := New(nil, Options{Waker: b.waker(nil), Log: quiet})
	for published := range 20 {
		f.Poke(1)
		f.Flush()
		fine(t, conn.FlushTimeout(timeout)) // everything that the server has is here now
		if n, _, err := subscription.Pending(); err != nil || n != published+1 {
			t.Fatalf("the server has %d of %d messages, %v", n, published+1, err)
		}
	}
}

// TestNATSSilent: Publish fails if the server does not confirm.
func TestNATSSilent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fine(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte(`INFO {"server_id":"silent","version":"2.14.3","proto":1,"max_payload":1048576}` + "\r\n"))
		connected := false
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() == "PING" && !connected { // later ones stay unanswered
				_, _ = conn.Write([]byte("PONG\r\n"))
				connected = true
			}
		}
	}()
	n, err := NewNATS("nats://" + l.Addr().String())
	fine(t, err)
	t.Cleanup(n.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := n.Publish(ctx, []Hint{{Workspace: 1}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish to a silent server: %v", err)
	}
}

func TestNATSAddresses(t *testing.T) {
	t.Parallel()
	for urls, good := range map[string]bool{
		"nats://127.0.0.1:4222": true, "nats://host": true, "tls://mia:word@host:4222": true, "nats://a:4222, nats://b:4222": true, "nats://[::1]:4222": true,
		"": false, "host:4222": false, "host": false, "http://host": false, "nats://": false, "nats://:4222": false, "nats://a:4222,": false,
		"nats://mia:secret-word@host:port": false, "nats://a:4222,mia:secret-word@b": false,
	} {
		n, err := NewNATS(urls)
		if (err == nil) != good || (n != nil) != good {
			t.Errorf("%q: %v", urls, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret-word") || !strings.Contains(err.Error(), "nats://")) {
			t.Errorf("%q: %v", urls, err)
		}
	}
}
