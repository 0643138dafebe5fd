// Package service contains the rules, the permissions and the transactions of the product. Codes
// such as A1 and S4 refer to docs/rules.md.
//
// Every change goes one way: check the rules, change rows, append events, commit, wake the feed. For
// mutations of threads that way is together in mutation.go, for all others Write. Everything that is pushed to clients comes from the streams of watch.go.
package service

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/feed"
	"switchboard/service/projection"
)

// Service carries out the queries, mutations and subscriptions of callers on one database.
type Service struct {
	DB   *db.DB
	Feed *feed.Feed
	Log  *slog.Logger
	Now  func() time.Time

	Quotas Quotas

	keys       keyUse
	inbox      *projection.Inbox
	open       *projection.Open
	dashboards *projection.Dashboards
	companies  companies
	measures   *measures
	cursorKeys sync.Map // of workspaces, by their keys; they never change
}

// Options tune a service. The zero value is the default.
type Options struct {
	Log *slog.Logger     // slog.Default
	Now func() time.Time // the clock; time.Now

	Quotas Quotas

	RowMemory int // bytes for rows to which pages of conversations refer; 64 MiB
}

func (o *Options) defaults() {
	o.Log = cmp.Or(o.Log, slog.Default())
	o.RowMemory = cmp.Or(o.RowMemory, 64<<20)
	o.Quotas.defaults()
	if o.Now == nil {
		o.Now = time.Now
	}
}

// New returns a service on a database; the feed must follow the log of that database.
func New(d *db.DB, f *feed.Feed, o Options) *Service {
	o.defaults()
	s := &Service{DB: d, Feed: f, Log: o.Log, measures: newMeasures(), Quotas: o.Quotas}
	// The database stores microseconds, and a returned time must equal the one that is read later.
	s.Now = func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }
	s.inbox = projection.NewInbox()
	s.open = projection.NewOpen(projection.NewRows(o.RowMemory))
	s.dashboards = projection.NewDashboards(s.Now)
	return s
}

const (
	readyTime   = 2 * time.Second // for the database to answer
	readyWithin = 5 * time.Second // since the log was last read
)

// Ready returns an error if this server cannot serve calls at the moment: the database does not
// answer or is read-only, or its log cannot be followed.
func (s *Service) Ready(ctx context.Context) error {
	if silence := s.Feed.Silence(); silence > readyWithin {
		return fmt.Errorf("the log of events could not be read for %v", silence.Round(time.Second))
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return s.DB.Ready(ctx)
}

// Silence returns approximately for how long the log of events could not be read.
func (s *Service) Silence() time.Duration { return s.Feed.Silence() }

// Maintain deletes expired idempotency keys once an hour and keeps text searchable, until the
// context ends.
func (s *Service) Maintain(ctx context.Context) {
	var searchable sync.WaitGroup
	defer searchable.Wait()
	searchable.Go(func() { s.keepSearchable(ctx) })
	for {
		if err := s.DB.ForgetKeys(ctx, s.Now().Add(-keyLifetime)); err != nil && ctx.Err() == nil {
			s.Log.Warn("deleting expired idempotency keys failed; the next try is in an hour", "error", err)
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
