//go:build linux

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// restarted restarts PostgreSQL as its service manager does, or as a crash does.
func restarted(signal syscall.Signal) func(context.Context, *run) {
	return func(ctx context.Context, r *run) {
		r.cluster.stop(signal)
		r.moves(ctx, 20+r.rand.Int64N(60))
		r.cluster.start()
	}
}

// backendsKilled ends all connections of the servers, three times.
func backendsKilled(ctx context.Context, r *run) {
	for n := range 3 {
		if n > 0 {
			r.moves(ctx, 20+r.rand.Int64N(60))
		}
		r.cluster.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	}
}

// frozen stops all processes of PostgreSQL for a while.
func frozen(d time.Duration) func(context.Context, *run) {
	return func(ctx context.Context, r *run) {
		thaw := r.cluster.freeze()
		_ = sleep(ctx, d)
		thaw()
	}
}

// lockable are the tables of which one is locked.
var lockable = []string{"conversations", "contacts", "events", "event_heads", "tokens", "idempotency_keys", "agents", "workspaces", "workflow_positions"}

// locked locks a table as an operator's statement does.
func locked(ctx context.Context, r *run) {
	conn := r.cluster.attend()
	defer func() { _ = conn.Close(ctx) }() // ends the lock
	table := lockable[r.rand.IntN(len(lockable))]
	r.t.Log("the table is", table)
	_, err := conn.Exec(ctx, "BEGIN; LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE")
	check(r.t, err)
	_ = sleep(ctx, 6*time.Second)
}

// readOnly makes the database read-only, and cuts the connections so that all new ones are.
func readOnly(ctx context.Context, r *run) {
	set := func(value string) {
		conn := r.cluster.attend()
		defer func() { _ = conn.Close(ctx) }()
		for _, sql := range []string{
			"SET default_transaction_read_only = off", "ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()",
		} {
			_, err := conn.Exec(ctx, sql)
			check(r.t, err)
		}
	}
	set("on")
	r.cluster.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	r.moves(ctx, 100+r.rand.Int64N(100))
	set("off")
}

// crowded takes all connections that PostgreSQL accepts.
func crowded(ctx context.Context, r *run) {
	r.cluster.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	var taken []*pgx.Conn
	defer func() {
		for _, conn := range taken {
			_ = conn.Close(ctx)
		}
	}()
	for until := r.attempted.Load() + 100 + r.rand.Int64N(100); r.attempted.Load() < until && ctx.Err() == nil; {
		conn, err := r.cluster.connect(ctx)
		if full := (*pgconn.PgError)(nil); err != nil && !(errors.As(err, &full) && full.Code == "53300") {
			r.t.Error(err)
			return
		}
		if err == nil {
			taken = append(taken, conn)
		} else if sleep(ctx, 20*time.Millisecond) != nil {
			return
		}
	}
}

// small puts the data into a file system that has little room.
func small(r *run) {
	if os.Geteuid() != 0 {
		r.t.Skip("only root may mount a file system that becomes full")
	}
	check(r.t, os.MkdirAll(r.dir, 0o755))
	check(r.t, syscall.Mount("tmpfs", r.dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", 128<<20)))
	mounted := r.dir
	r.t.Cleanup(func() { check(r.t, syscall.Unmount(mounted, syscall.MNT_DETACH)) })
	r.dir = filepath.Join(r.dir, "data")
}

// full fills the disk. If PostgreSQL gives up, it is started again once there is room.
func full(ctx context.Context, r *run) {
	ballast := filepath.Join(filepath.Dir(r.dir), "ballast")
	f, err := os.Create(ballast)
	check(r.t, err)
	defer func() { _ = f.Close() }()
	for until := r.attempted.Load() + 150 + r.rand.Int64N(100); r.attempted.Load() < until && ctx.Err() == nil; {
		for _, size := range []int{1 << 20, 1 << 12, 1} { // what PostgreSQL frees is filled again
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, size))
			}
		}
		_ = sleep(ctx, 20*time.Millisecond)
	}
	check(r.t, os.Remove(ballast))
	_ = f.Close()
	select {
	case <-r.cluster.gone:
		r.t.Log("PostgreSQL has ended and is started again")
		r.cluster.stop(syscall.SIGQUIT)
		r.cluster.start()
	default:
	}
}

// Codes of PostgreSQL for what a migration may try again.
const (
	lockTimeout    = "55P03"
	duplicateTable = "42P07"
)

// migrated changes tables as migrations do while the servers work.
func migrated(ctx context.Context, r *run) {
	conn := r.cluster.attend()
	defer func() { _ = conn.Close(ctx) }()
	const index = "CREATE INDEX CONCURRENTLY later ON events (created_at)"
	for _, sql := range []string{
		"SET lock_timeout = '1s'",
		"ALTER TABLE conversations ADD COLUMN later text", "ALTER TABLE contacts ADD COLUMN later text", "ALTER TABLE events ADD COLUMN later text",
		index,
		"ALTER TABLE conversations ALTER COLUMN version TYPE bigint", "ALTER TABLE messages ALTER COLUMN body TYPE varchar",
		"ALTER TABLE agents ADD COLUMN later boolean NOT NULL DEFAULT false",
	} {
		for ctx.Err() == nil {
			_, err := conn.Exec(ctx, sql)
			if busy := (*pgconn.PgError)(nil); errors.As(err, &busy) && slices.Contains([]string{lockTimeout, duplicateTable}, busy.Code) {
				if sql == index { // what was given up stays
					_, _ = conn.Exec(ctx, "DROP INDEX IF EXISTS later")
				}
				continue
			}
			check(r.t, err)
			break
		}
		r.moves(ctx, r.rand.Int64N(20))
	}
}
