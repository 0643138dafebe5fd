package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
)

// lookPause is between two looks at who holds a lock.
const lookPause = 200 * time.Millisecond

// lockNews is how long waiting for a lock is nothing to tell of.
const lockNews = time.Second

// holderText describes the session that holds a lock so that people can find it.
const holderText = `format('process %s (%s, user %s, %s, %s)', holder.pid, COALESCE(NULLIF(holder.application_name, ''), 'unnamed'),
	holder.usename, COALESCE('from ' || host(holder.client_addr), 'local'), COALESCE(holder.state, 'busy'))`

// Alone runs fn while no other process runs one under the same key, however it may end.
// It waits for others no longer than its patience, and tells waiting once who they are.
func (d *DB) Alone(ctx context.Context, key int64, patience time.Duration, waiting func(holder string), fn func() error) error {
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	// The lock ends with the connection, however this process ends.
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
		case !told && holder != "" && time.Since(began) > lockNews:
			told = true
			waiting(holder)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookPause):
		}
	}
}

// lockHolder returns who holds an advisory lock of this database; empty for nobody.
func (d *DB) lockHolder(ctx context.Context, key int64) (string, error) {
	var holders []string
	err := d.NewRaw(`SELECT `+holderText+` FROM pg_locks AS lock JOIN pg_stat_activity AS holder USING (pid)
		WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = ? AND objid = ?
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, key>>32, key&0xffffffff).Scan(ctx, &holders)
	return strings.Join(holders, ", "), err
}
