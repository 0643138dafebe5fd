// Package service is what the product does: its rules, its permissions and its
// transactions. The rules quote the codes of the product's description (A1, S4 …).
//
// Every change goes through write: rule, change, event, commit, wake. Everything that is
// pushed to clients comes out of watch.go.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/feed"
	"switchboard/service/projection"
)

// Service carries out what callers ask for, on one database.
type Service struct {
	DB   *db.DB
	Feed *feed.Feed
	Log  *slog.Logger
	Now  func() time.Time

	inbox      *projection.Inbox
	dashboards *projection.Dashboards
}

// Options tune a service. The zero value is the default.
type Options struct {
	Log *slog.Logger     // slog.Default
	Now func() time.Time // the clock; time.Now
}

// New makes a service on a database whose log the feed follows.
func New(d *db.DB, f *feed.Feed, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{DB: d, Feed: f, Log: o.Log}
	// The database keeps microseconds; what is returned must equal what is read later.
	s.Now = func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }
	s.inbox = projection.NewInbox()
	s.dashboards = projection.NewDashboards(s.Now)
	return s
}

const (
	readyTime   = 2 * time.Second // for the database to answer
	readyWithin = 5 * time.Second // of the last time that the log could be read
)

// Ready reports, as an error, why this server cannot do its work at the moment: the
// database does not answer or is read-only, or its log cannot be followed.
func (s *Service) Ready(ctx context.Context) error {
	if silence := s.Feed.Silence(); silence > readyWithin {
		return fmt.Errorf("the log of events could not be read for %v", silence.Round(time.Second))
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return s.DB.Ready(ctx)
}

// Silence returns how long the log of events could not be read, about.
func (s *Service) Silence() time.Duration { return s.Feed.Silence() }

// Maintain deletes what is kept for a time only, now and then, and keeps text searchable,
// until the context ends.
func (s *Service) Maintain(ctx context.Context) {
	var searchable sync.WaitGroup
	defer searchable.Wait()
	searchable.Go(func() { s.keepSearchable(ctx) })
	for {
		if err := s.DB.ForgetKeys(ctx, s.Now().Add(-keyLifetime)); err != nil && ctx.Err() == nil {
			s.Log.Warn("forgetting old idempotency keys failed; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Hour):
		}
	}
}

// Analyze updates the planner statistics after many rows were inserted. Without it queries are slow
// for about a minute, so a failure is only logged.
func (s *Service) Analyze(ctx context.Context) {
	if err := s.DB.Analyze(ctx); err != nil {
		s.Log.Debug("the tables could not be analyzed", "error", err)
	}
}
