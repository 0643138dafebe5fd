package service

import (
	"context"
	"time"

	"switchboard/db"
)

// What tests outside the package look at beside what it exports.

const (
	CountLimit     = countLimit
	CountsEvery    = countsEvery
	DashboardEvery = dashboardEvery
	EventsReturned = eventsReturned
	MaxItems       = maxItems
	SearchBatch    = searchBatch
)

var Membership = membership

func (s *Service) MakeSearchable(ctx context.Context) error { return s.makeSearchable(ctx) }

func (s *Service) Watch(ctx context.Context, actor Actor, after *db.EventCursor, picks func(*db.Event) bool) (*Stream[*db.Event], error) {
	return s.watch(ctx, actor, after, picks)
}

func (s *Stream[T]) Due() time.Time { return s.due }

func (l *InboxList) Query() db.InboxQuery { return l.query }
