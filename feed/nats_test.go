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

// broker is a NATS server in this process that can go away and come back.
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
	b.options.Port = b.Addr().(*net.TCPAddr).Port // the same when it comes back
	b.address = b.Addr().String()
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	options := b.options // the server fills it in
	s, err := server.NewServer(&options)
	fine(b.t, err)
	go s.Start()
	if !s.ReadyForConnections(patience) {
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

func throughNATS(t *testing.T, _ *journal) exchange {
	b := newBroker(t)
	return exchange{waker: b.waker, interrupt: func() {
		b.stop()
		b.start()
	}}
}

// TestNATSAlone: with NATS nothing is notified.
func TestNATSAlone(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	conn, err := j.Connect(t.Context())
	fine(t, err)
	defer func() { fine(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), "LISTEN "+channel)
	fine(t, err)

	x := throughNATS(t, j)
	here, _ := x.process(t, j, quiet)
	there, ear := x.process(t, j, quiet)
	ear.listens(t, true)
	r := &reader{Watcher: watch(t, there, j.key, nil)}
	for i := range int64(5) {
		j.write(happenings(1)...)
		here.Poke(j.key)
		fine(t, r.read(patient(t), i+1))
		ear.hears(t, j.key, patience)
	}
	// Notifications come in the order of their commits.
	j.run("SELECT pg_notify($1, 'the end')", channel)
	first, err := conn.WaitForNotification(patient(t))
	fine(t, err)
	if first.Payload != "the end" {
		t.Errorf("%q was notified", first.Payload)
	}
}

// TestNATSGoesAndComesBack: without it the poll delivers, one warning tells of it, and
// when it comes, for the first time or again, hints do.
func TestNATSGoesAndComesBack(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	b := newBroker(t)
	b.stop()
	x := exchange{waker: b.waker}
	var logHere, logThere logged
	here, mouth := x.process(t, j, logHere.logger())
	there, ear := x.process(t, j, logThere.logger())
	w := watch(t, there, j.key, nil)
	r := &reader{Watcher: w}
	commit := func(within time.Duration) {
		t.Helper()
		j.write(happenings(1)...)
		began := time.Now()
		here.Poke(j.key)
		here.Flush()
		fine(t, r.read(patient(t), r.seq+1))
		if took := time.Since(began); took > within {
			t.Errorf("event %d took %v, more than %v", r.seq, took, within)
		}
	}
	for outage := range 2 {
		for _, s := range []*spy{mouth, ear} {
			s.listens(t, false)
		}
		for range 3 {
			commit(3 * time.Second)
		}
		logHere.says(t, "telling other servers about a change failed", outage+1)
		logHere.says(t, "listening for changes was interrupted", outage+1)
		logThere.says(t, "listening for changes was interrupted", outage+1)
		b.start()
		began := time.Now()
		for _, s := range []*spy{mouth, ear} {
			s.listens(t, true)
		}
		t.Logf("heard again after %v", time.Since(began))
		for range 3 {
			commit(3 * time.Second)
			ear.hears(t, j.key, 100*time.Millisecond)
		}
		logThere.says(t, "listening for changes works again", outage+1)
		logHere.says(t, "telling other servers about changes works again", outage+1)
		b.stop()
	}
	commit(3 * time.Second)
	idle(t, w)
}

// TestNATSForbids: a missing permission is a reason to poll, and is told.
func TestNATSForbids(t *testing.T) {
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
	f, ear := exchange{waker: b.waker}.process(t, j, log.logger())
	ear.listens(t, false)
	log.says(t, "permissions violation", 1)
	log.says(t, "secret-word", 0)
	w := watch(t, f, j.key, nil)
	j.write(happenings(1)...)
	read(t, w, 1)
}

// TestNATSTellsBeforeTheEnd: a process that only tells, such as an import, may end at once.
func TestNATSTellsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	conn, err := nats.Connect("nats://" + b.address)
	fine(t, err)
	defer conn.Close()
	subscription, err := conn.SubscribeSync(subject)
	fine(t, err)
	fine(t, conn.FlushTimeout(patience))
	f := New(nil, Options{Waker: b.waker(nil), Log: quiet})
	for told := range 20 {
		f.Poke(1)
		f.Flush()
		fine(t, conn.FlushTimeout(patience)) // whatever the server has is here now
		if n, _, err := subscription.Pending(); err != nil || n != told+1 {
			t.Fatalf("the server has %d messages of %d, %v", n, told+1, err)
		}
	}
}

// TestNATSSilent: what a server does not confirm counts as not told.
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
		greeted := false
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() == "PING" && !greeted { // of the greeting; later ones stay unanswered
				_, _ = conn.Write([]byte("PONG\r\n"))
				greeted = true
			}
		}
	}()
	n, err := NewNATS("nats://" + l.Addr().String())
	fine(t, err)
	t.Cleanup(n.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := n.Tell(ctx, []int64{1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("telling a silent server: %v", err)
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
