package db

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// progressTime is how long nothing may show that a migration goes on.
const progressTime = 60 * time.Second

// migrationWatch looks at a migration from beside: its own connection is silent while a
// statement runs, however long that takes.
type migrationWatch struct {
	beside *DB
	name   string // under which PostgreSQL shows its sessions
	wait   func(holder string)
	stuck  context.CancelCauseFunc

	mu   sync.Mutex
	last string // who held it up last
}

func (w *migrationWatch) holder() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// run looks until ctx ends, which it sees to when nothing shows that the migration goes on.
func (w *migrationWatch) run(ctx context.Context) {
	for seen := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookPause):
		}
		if there, err := w.look(ctx); err == nil && there {
			seen = time.Now()
		}
		if time.Since(seen) > progressTime {
			w.stuck(fmt.Errorf("the database has not shown for %v that the migration goes on; nothing of the last one was kept: see that the database answers, and run it again", progressTime))
			return
		}
	}
}

// look reports whether the migration's sessions are there, and tells of who holds them up.
func (w *migrationWatch) look(ctx context.Context) (there bool, err error) {
	var rows []struct{ Holder *string }
	err = w.beside.NewRaw(`SELECT CASE WHEN holder.pid IS NOT NULL THEN `+holderText+` END AS holder FROM pg_stat_activity AS migration
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
