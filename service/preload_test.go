package service_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestPreload: after a start the open conversations of a workspace with recent events are read, and
// its counts and dashboard computed, before anyone asks; those of other workspaces only then.
func TestPreload(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, servicetest.Migrate)
	w := servicetest.NewOn(t, url, db.Options{MaxConns: 8})
	for name, c := range map[string]struct {
		passed time.Duration // since the last event
		ahead  bool
	}{"recent": {time.Hour, true}, "long ago": {48 * time.Hour, false}} {
		log := &statementLog{seen: map[string]bool{}}
		d, err := db.Open(t.Context(), url, db.Options{MaxConns: 4, Tracer: log})
		servicetest.Fine(t, err)
		t.Cleanup(func() { _ = d.Close() })
		quiet := slog.New(slog.DiscardHandler)
		s := service.New(d, feed.New(d, feed.Options{Log: quiet}), service.Options{Log: quiet, Now: func() time.Time { return w.Clock.Add(c.passed) }})
		s.Preload(t.Context())
		if started := log.reads("conversations"); started != c.ahead {
			t.Errorf("%s: computed ahead: %t", name, started)
		}
		clear(log.seen)
		_, err = s.Inbox(t.Context(), w.Manager, service.InboxInput{View: db.ViewAll})
		servicetest.Fine(t, err)
		_, err = s.InboxCounts(t.Context(), w.Manager)
		servicetest.Fine(t, err)
		_, err = s.Dashboard(t.Context(), w.Manager)
		servicetest.Fine(t, err)
		if started := log.reads("conversations"); started == c.ahead {
			t.Errorf("%s: the first caller waits for the conversations to be counted: %t", name, started)
		}
	}
}

// reads reports whether a statement read the table.
func (l *statementLog) reads(table string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for sql := range l.seen {
		if strings.Contains(sql, "FROM "+table+" ") {
			return true
		}
	}
	return false
}
