package service

import (
	"context"
	"runtime"
	"time"

	"switchboard/db"
	"switchboard/service/projection"
)

// Internals that the tests of package service_test use.

const (
	CompanyTime    = companyTime
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

// ReadOpen returns when the open conversations of a workspace are in memory.
func (s *Service) ReadOpen(ctx context.Context, actor Actor) error {
	return s.open.Preload(ctx, s.DB.ForWorkspace(actor.Workspace))
}

func (l *InboxList) Query() db.InboxQuery { return l.query }

// Gather makes the mutations of a workspace wait for each other until run is called, which lets
// them go in company. It first waits until no company is under way.
func (s *Service) Gather(workspace db.WorkspaceKey) (run func()) {
	for !s.companies.hold(workspace) {
		runtime.Gosched()
	}
	return func() { s.runCompanies(workspace) }
}

// hold marks a company of a workspace as under way, and reports whether none was.
func (all *companies) hold(workspace db.WorkspaceKey) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.waiting == nil {
		all.waiting = map[db.WorkspaceKey][]*member{}
	}
	_, underWay := all.waiting[workspace]
	if !underWay {
		all.waiting[workspace] = nil
	}
	return !underWay
}

// Waiting returns how many mutations of a workspace wait for a company.
func (s *Service) Waiting(workspace db.WorkspaceKey) int {
	s.companies.mu.Lock()
	defer s.companies.mu.Unlock()
	return len(s.companies.waiting[workspace])
}

// Does carries out a verb that is made for a test, with the right to close.
func (s *Service) Does(ctx context.Context, actor Actor, id db.ConversationID, do func(*Act, *Thread) (Changes, error)) (*Outcome, error) {
	return s.mutate(ctx, actor, "closeConversation", &Keyed{}, inConversation(id, nil), Verb{do: do})
}

// IsFromMemory reports whether a page was read from memory.
func (l *InboxList) IsFromMemory() bool { return l.open != nil }

// InMemory returns the rows in memory.
func (k *Kept) InMemory(ctx context.Context) *projection.Kept { return k.inMemory(ctx) }
