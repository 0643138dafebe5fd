package db

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"switchboard/db/dbtest"
)

// patience is how long a test waits for an event that must happen.
const patience = 30 * time.Second

func migrated(ctx context.Context, url string) error {
	_, err := Migrate(ctx, url)
	return err
}

// impatient returns options by which statements fail after about 2 s. A shorter time would fail on
// a busy machine.
func impatient(l *dbtest.Line) Options {
	return Options{MaxConns: 4, StatementTimeout: 1500 * time.Millisecond, Grace: 500 * time.Millisecond, Dial: l.Dial}
}

func pool(t testing.TB, url string, o Options) *DB {
	t.Helper()
	d, err := Open(t.Context(), url, o)
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// bounded returns the error of do, and fails the test if do does not return within patience.
func bounded(t testing.TB, what string, do func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatalf("%s has not returned after %v", what, patience)
		return nil
	}
}

// TestP8Silence: no call waits for an answer of PostgreSQL longer than its deadline (P8).
func TestP8Silence(t *testing.T) {
	t.Parallel()
	ctx := context.WithoutCancel(t.Context())
	for name, do := range map[string]func(d *DB) error{
		"query":    func(d *DB) error { _, err := d.ForWorkspace(1).Head(ctx); return err },
		"plain":    func(d *DB) error { _, err := d.ExecContext(ctx, "SELECT 1"); return err },
		"begin":    func(d *DB) error { return d.Transact(ctx, 1, func(Tx) error { return nil }) },
		"ping":     func(d *DB) error { return d.PingContext(ctx) },
		"ready":    func(d *DB) error { return d.Ready(ctx) },
		"prepared": func(d *DB) error { return d.NewRaw("SELECT ?", 1).Scan(ctx, new(int)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := dbtest.NewLine(t)
			d := pool(t, dbtest.New(t, migrated), impatient(l))
			fine(t, do(d))
			l.Drop()
			began := time.Now()
			if err := bounded(t, name, func() error { return do(d) }); err == nil {
				t.Error("it succeeded")
			}
			if took := time.Since(began); took > connectTime+5*time.Second {
				t.Errorf("it took %v", took)
			}
			l.Pass()
			fine(t, bounded(t, name, func() error { return do(d) }))
		})
	}
}

// TestLostAnswer: if the answer to a statement does not arrive, the statement is not sent again, as
// PostgreSQL has executed it. The outcome of a commit is then unknown.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	const insert = "INSERT INTO row VALUES (1)"
	for what, do := range map[string]func(d *DB, cut func()) error{
		"statement": func(d *DB, cut func()) error {
			cut()
			_, err := d.ExecContext(t.Context(), insert)
			return err
		},
		"commit": func(d *DB, cut func()) error {
			return d.Transact(t.Context(), 1, func(tx Tx) error {
				_, err := tx.exec(t.Context(), insert)
				cut()
				return err
			})
		},
	} {
		for name, fault := range map[string]dbtest.Fault{"reset": dbtest.ResetIt, "silence": dbtest.SilenceIt} {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				l := dbtest.NewLine(t)
				d := pool(t, dbtest.New(t, migrated), impatient(l))
				_, err := d.ExecContext(t.Context(), "CREATE TABLE row (n int)")
				fine(t, err)
				for tries := 1; ; tries++ {
					writes := 1 // a commit is one
					if what == "statement" {
						writes = statementWrites(t, l, d)
					}
					err := bounded(t, what, func() error { return do(d, func() { l.CutAt(writes, fault, true) }) })
					var n int
					fine(t, d.NewRaw("SELECT count(*) FROM row").Scan(t.Context(), &n))
					if n != tries {
						t.Fatalf("it was executed %d times", n-tries+1)
					}
					if err == nil && tries < 5 {
						continue // the machine was so busy that a ping came first, and was cut
					}
					if !Unavailable(err) || Uncertain(err) != (what == "commit") {
						t.Errorf("the error is %v", err)
					}
					break
				}
			})
		}
	}
}

// statementWrites returns how many writes a statement takes: under row-level security another one goes
// before it.
func statementWrites(t *testing.T, l *dbtest.Line, d *DB) int {
	t.Helper()
	l.Writes()
	_, err := d.ExecContext(t.Context(), "SELECT 1")
	fine(t, err)
	return l.Writes()
}

// TestSilentPool: a connection that does not answer a ping is given up soon, and the pool does not
// try the others one by one. It is pinged when it was idle for a while, and when another was reset.
func TestSilentPool(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(l *dbtest.Line, d *DB){
		"idle": func(*dbtest.Line, *DB) { time.Sleep(idleTime) },
		"reset": func(l *dbtest.Line, d *DB) {
			for range 5 { // on a busy machine a ping may come first, and is cut
				l.CutAt(statementWrites(t, l, d), dbtest.ResetIt, true)
				if _, err := d.ExecContext(t.Context(), "SELECT 1"); err != nil {
					return
				}
			}
			t.Error("the connection was not reset")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := dbtest.NewLine(t)
			d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 4, Dial: l.Dial})
			for range 2 { // the first reuse of a connection always pings
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() { _, _ = d.ExecContext(t.Context(), "SELECT pg_sleep(0.1)") })
				}
				all.Wait()
			}
			if n := l.Connections(); n != 4 {
				t.Fatalf("%d connections are open", n)
			}
			wait(l, d)
			l.Silence()
			began := time.Now()
			fine(t, d.PingContext(t.Context()))
			if took := time.Since(began); took > pingTime+connectTime {
				t.Errorf("the next statement took %v", took)
			}
			if d.conns.broke.Load() < began.UnixNano() {
				t.Error("the other connections are not replaced")
			}
		})
	}
}

// TestCancelledCallKeepsThePool: a cancelled call does not make the pool replace other connections.
func TestCancelledCallKeepsThePool(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 2})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := d.ExecContext(ctx, "SELECT pg_sleep(3)"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	fine(t, d.Close()) // waits for the background work of the driver
	if d.conns.broke.Load() != 0 || d.conns.doubted.Load() != 0 {
		t.Error("the pool would replace or ping its connections")
	}
}

// TestSlowStatementKeepsThePool: a call that is given up after a long silence does not make the pool
// replace other connections, since its statement may only have taken long.
func TestSlowStatementKeepsThePool(t *testing.T) {
	t.Parallel()
	l := dbtest.NewLine(t)
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 4, Dial: l.Dial})
	backends := func() map[int]bool {
		pids := map[int]bool{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				var pid int
				err := d.QueryRowContext(t.Context(), "SELECT pg_backend_pid() FROM pg_sleep(0.1)").Scan(&pid)
				mu.Lock()
				defer mu.Unlock()
				if pids[pid] = true; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return pids
	}
	before := backends()
	ctx, cancel := context.WithTimeout(t.Context(), silenceTime+200*time.Millisecond)
	defer cancel()
	if _, err := d.ExecContext(ctx, "SELECT pg_sleep(4)"); err == nil {
		t.Error("it was not given up")
	}
	if d.conns.doubted.Load() == 0 {
		t.Error("nothing is pinged")
	}
	kept := 0
	for pid := range backends() {
		if before[pid] {
			kept++
		}
	}
	if kept < 2 { // one of them ran the statement, and is closed
		t.Errorf("%d connections are kept", kept)
	}
}

// TestHeld: bytes that are delayed are not lost.
func TestHeld(t *testing.T) {
	t.Parallel()
	l := dbtest.NewLine(t)
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1, Dial: l.Dial})
	cut := l.CutAt(1, dbtest.HoldIt, false)
	ended := make(chan error, 1)
	go func() { ended <- d.PingContext(t.Context()) }()
	<-cut.Done()
	select {
	case err := <-ended:
		t.Errorf("the ping returned %v while its bytes were held", err)
	case <-time.After(20 * time.Millisecond):
	}
	cut.Release()
	fine(t, <-ended)
}

// TestDriversDeadline: reads and writes cannot outlast a deadline that the driver sets.
func TestDriversDeadline(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	c := &connection{Conn: near, all: &connections{ioTimeout: time.Hour}}
	fine(t, c.SetDeadline(time.Unix(1, 0)))
	for _, do := range []func([]byte) (int, error){c.Read, c.Write} {
		if _, err := do(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	}
	fine(t, c.SetDeadline(time.Time{}))
	c.all.ioTimeout = 10 * time.Millisecond
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}

// TestLateSilence: a ping that fails after all connections had to be replaced does not undo that.
func TestLateSilence(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	all := &connections{ioTimeout: 10 * time.Millisecond}
	c := &connection{Conn: near, all: all}
	markInUse(c, time.Now())
	all.replace()
	replaced := all.broke.Load()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if got := all.broke.Load(); got != replaced {
		t.Errorf("connections used before %d are replaced, not before %d", got, replaced)
	}
}

// TestP8VanishedInTransaction: the locks of a machine that disappears during a transaction are
// released soon (P8).
func TestP8VanishedInTransaction(t *testing.T) {
	t.Parallel()
	url, l := dbtest.New(t, migrated), dbtest.NewLine(t)
	o := impatient(l)
	o.IdleTimeout = 2 * time.Second
	vanishing, other := pool(t, url, o), pool(t, url, Options{MaxConns: 2, LockTimeout: 20 * time.Second, StatementTimeout: 25 * time.Second})
	_, err := other.ExecContext(t.Context(), "CREATE TABLE row (n int); INSERT INTO row VALUES (1)")
	fine(t, err)
	tx, err := vanishing.BeginTx(t.Context(), nil)
	fine(t, err)
	_, err = tx.ExecContext(t.Context(), "UPDATE row SET n = 2")
	fine(t, err)
	l.Drop()
	_, err = other.ExecContext(t.Context(), "UPDATE row SET n = n + 10")
	fine(t, err)
	var n int
	fine(t, other.NewRaw("SELECT n FROM row").Scan(t.Context(), &n))
	if n != 11 {
		t.Errorf("the row has %d", n)
	}
}

// TestReplacedAfterError: after an error that makes a connection unusable the pool replaces it;
// after other errors it keeps it.
func TestReplacedAfterError(t *testing.T) {
	t.Parallel()
	for code, kept := range map[string]bool{
		"25006": false, "57P01": false, "57P05": false, "08006": false, "08P01": false, "XX000": false,
		"23505": true, "40P01": true, "57014": true, "22P02": true, "XX001": true,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
			backend := func() (pid int) {
				fine(t, d.NewRaw("SELECT pg_backend_pid()").Scan(t.Context(), &pid))
				return pid
			}
			before := backend()
			_, err := d.ExecContext(t.Context(), "DO $$ BEGIN RAISE 'oh' USING ERRCODE = '"+code+"'; END $$")
			if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != code {
				t.Fatalf("it says %v", err)
			}
			if (backend() == before) != kept {
				t.Errorf("whether the connection is kept: %v, not %v", !kept, kept)
			}
		})
	}
}

// TestReadOnlyEnds: connections that were opened while the database was read-only are replaced when
// it is writable again.
func TestReadOnlyEnds(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	admin := pool(t, url, Options{MaxConns: 1})
	readOnly := func(yes string) {
		_, err := admin.ExecContext(t.Context(), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "+yes+"', current_database()); END $$")
		fine(t, err)
	}
	readOnly("on")
	d := pool(t, url, Options{MaxConns: 4})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _, _ = d.ExecContext(t.Context(), "SELECT pg_sleep(0.1)") })
	}
	all.Wait()
	if err := d.Ready(t.Context()); err == nil {
		t.Error("it is ready while it cannot write")
	}
	readOnly("off")
	fine(t, d.Ready(t.Context()))
	_, err := d.ExecContext(t.Context(), "CREATE TABLE row (n int)")
	fine(t, err)
}

// TestLifetime: every connection is replaced after a while, and not all at the same time.
func TestLifetime(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
	ends := map[time.Duration]bool{}
	for range 3 {
		conn, err := d.Conn(t.Context())
		fine(t, err)
		fine(t, conn.Raw(func(c any) error {
			s := sessionOf(c.(*stdlib.Conn).Conn())
			left := time.Until(s.expires)
			if left > lifetime || left < lifetime*3/4 {
				t.Errorf("it lives for %v", left)
			}
			ends[left.Round(time.Millisecond)] = true
			s.expires = time.Now()
			return nil
		}))
		fine(t, conn.Close())
	}
	if len(ends) != 3 {
		t.Errorf("three connections lived for %v", ends)
	}
}

// TestStalePlan: a statement that was prepared before its table changed is retried and succeeds.
func TestStalePlan(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 3})
	_, err := d.ExecContext(t.Context(), "CREATE TABLE row (n int); INSERT INTO row VALUES (1)")
	fine(t, err)
	read := func() error {
		var rows []struct{ N int }
		return d.ForWorkspace(0).query(t.Context(), &rows, "SELECT * FROM row WHERE n > $1", 0)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := d.Transact(t.Context(), 0, func(tx Tx) error {
				var rows []struct{ N int }
				if err := tx.query(t.Context(), &rows, "SELECT * FROM row WHERE n > $1", 0); err != nil {
					return err
				}
				_, err := tx.exec(t.Context(), "SELECT pg_sleep(0.1)")
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	_, err = d.ExecContext(t.Context(), "ALTER TABLE row ALTER COLUMN n TYPE bigint")
	fine(t, err)
	for range 4 {
		fine(t, read())
	}
}

// TestCloseLeavesNothing: after Close no goroutine of the driver is left, which cancels statements
// in the background. It does not run in parallel, because goroutines of other tests would look like
// leaks.
func TestCloseLeavesNothing(t *testing.T) {
	url, l := dbtest.New(t, migrated), dbtest.NewLine(t)
	before := goleak.IgnoreCurrent()
	d, err := Open(t.Context(), url, Options{MaxConns: 2, Dial: l.Dial})
	fine(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	asked := l.CutAt(1, dbtest.SilenceIt, false)
	failed := make(chan error, 1)
	go func() { _, err := d.ExecContext(ctx, "SELECT pg_sleep(60)"); failed <- err }()
	<-asked.Done()
	cancelling := l.CutAt(1, dbtest.SilenceIt, false)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	<-cancelling.Done()
	fine(t, d.Close())
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("switchboard/db/dbtest.(*wire).receive"))
}
