package db

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// advisoryLock returns the number of the advisory lock that guards what the values name.
func advisoryLock(values ...any) int64 {
	sum := sha256.Sum256(fmt.Append(nil, values...))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// takeLocks adds the taking of advisory locks until the transaction ends. free reports for each
// whether it is held now; with wait, which is for one lock only, it always is.
func (b *Batch) takeLocks(locks []int64, wait bool, free *[]bool) {
	lock := "pg_try_advisory_xact_lock(k.lock)"
	if wait {
		lock = "pg_advisory_xact_lock(k.lock) IS NOT NULL"
	}
	collectValues(b, free, "SELECT "+lock+" FROM unnest($1::bigint[]) WITH ORDINALITY AS k (lock, n) ORDER BY n", locks)
}

// lockPollInterval is the time between two attempts to take a lock.
const lockPollInterval = 200 * time.Millisecond

// lockNoticeTime is how long a wait for a lock may last before it is reported.
const lockNoticeTime = time.Second

// holderText describes the session that holds a lock, so that an operator can find it.
const holderText = `format('process %s (%s, user %s, %s, %s)', holder.pid, COALESCE(NULLIF(holder.application_name, ''), 'unnamed'),
	holder.usename, COALESCE('from ' || host(holder.client_addr), 'local'), COALESCE(holder.state, 'busy'))`

// Alone runs fn while no other process runs one under the same key. The lock is released even if
// the process crashes. Alone waits for the lock for at most patience, and calls waiting once with a
// description of the sessions that hold it.
func (d *DB) Alone(ctx context.Context, key int64, patience time.Duration, waiting func(holder string), fn func() error) error {
	conn, err := d.sessions().Conn(ctx)
	if err != nil {
		return err
	}
	// Closing the connection releases the lock, and a crash of the process closes it too.
	defer func() { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }()
	told := false
	for began, deadline := time.Now(), time.Now().Add(patience); ; {
		var mine bool
		if err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT pg_try_advisory_lock(%d)", key)).Scan(&mine); err != nil {
			return err
		}
		if mine {
			return fn()
		}
		holder, err := d.lockHolder(ctx, key)
		switch {
		case err != nil:
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("waited %v for %s, which does the same on this database: try again when it is done, or end it", patience, holder)
		case !told && holder != "" && time.Since(began) > lockNoticeTime:
			told = true
			waiting(holder)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPollInterval):
		}
	}
}

// lockHolder returns a description of the sessions that hold an advisory lock of this database;
// empty if there are none.
func (d *DB) lockHolder(ctx context.Context, key int64) (string, error) {
	var holders []string
	err := d.NewRaw(`SELECT `+holderText+` FROM pg_locks AS lock JOIN pg_stat_activity AS holder USING (pid)
		WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = ? AND objid = ?
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, key>>32, key&0xffffffff).Scan(ctx, &holders)
	return strings.Join(holders, ", "), err
}
