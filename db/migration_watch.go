package db

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// progressTime is how long a migration may show no sign of progress.
const progressTime = 60 * time.Second

// migrationWatch observes a migration through another connection, since the migration's own
// connection is silent while a statement runs.
type migrationWatch struct {
	monitor *DB
	name    string // the application_name of the migration's sessions
	wait    func(holder string)
	cancel  context.CancelCauseFunc

	mu   sync.Mutex
	last string // the last session that blocked the migration
}

func (w *migrationWatch) holder() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// run polls until ctx ends. It cancels the migration if that shows no sign of progress for
// progressTime.
func (w *migrationWatch) run(ctx context.Context) {
	for seen := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lockPollInterval):
		}
		if alive, err := w.poll(ctx); err == nil && alive {
			seen = time.Now()
		}
		if time.Since(seen) > progressTime {
			w.cancel(fmt.Errorf("the database has not shown for %v that the migration makes progress; nothing of the last migration was kept: check that the database answers, and migrate again", progressTime))
			return
		}
	}
}

// poll returns whether the sessions of the migration exist, and reports the session that blocks
// them.
func (w *migrationWatch) poll(ctx context.Context) (alive bool, err error) {
	var rows []struct{ Holder *string }
	err = w.monitor.NewRaw(`SELECT CASE WHEN holder.pid IS NOT NULL THEN `+holderText+` END AS holder FROM pg_stat_activity AS migration
		LEFT JOIN LATERAL unnest(pg_blocking_pids(migration.pid)) AS blocking (pid) ON true
		LEFT JOIN pg_stat_activity AS holder ON holder.pid = blocking.pid
		WHERE migration.application_name = ? AND migration.datname = current_database()`, w.name).Scan(ctx, &rows)
	for _, row := range rows {
		w.note(row.Holder)
	}
	return len(rows) > 0, err
}

func (w *migrationWatch) note(holder *string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if holder != nil && *holder != w.last {
		w.last = *holder
		w.wait(*holder)
	}
}
