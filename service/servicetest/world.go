// Package servicetest sets up worlds for tests of the service: a fresh workspace in a database of
// its own, with helpers that go through the verbs and fail the test if a verb is refused.
package servicetest

import (
	"context"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/workflow"
)

// World is a fresh workspace with a manager and the service on it.
type World struct {
	*workflow.Service
	T       *testing.T
	Manager service.Actor
	Clock   time.Time
}

// Migrate brings a database to the newest schema, and holds transactions to naming what they
// change.
func Migrate(ctx context.Context, url string) error {
	if _, err := db.Migrate(ctx, url); err != nil {
		return err
	}
	return holdToNaming(ctx, url)
}

// New returns a world in a fresh database.
func New(t *testing.T) *World {
	t.Helper()
	return NewOn(t, dbtest.New(t, Migrate), db.Options{MaxConns: 8})
}

// NewOn returns a world in a database that the test has made.
func NewOn(t *testing.T, url string, o db.Options) *World {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := db.Open(ctx, url, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &World{T: t, Clock: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.Clock }
	f := feed.New(d, feed.Options{Now: now})
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done; f.Flush(); _ = d.Close() })
	w.Service = workflow.New(service.New(d, f, service.Options{Now: now}))
	workspace, manager, err := w.CreateWorkspace(ctx, "Acme", "Mia Manager", "mia@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	w.Manager = service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}
	return w
}

// NewWorkspace returns another workspace on the same service, with a manager of this address.
func (w *World) NewWorkspace(email string) *World {
	w.T.Helper()
	workspace, manager, err := w.CreateWorkspace(w.Context(), "Other", "Otto Other", email)
	Fine(w.T, err)
	other := *w
	other.Manager = service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}
	return &other
}

// Patience is how long a test waits for a condition.
const Patience = 30 * time.Second

// Context returns a context that ends with the test, or after Patience.
func Context(t interface {
	Context() context.Context
	Cleanup(func())
}) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Context returns a context that ends with the test, or after Patience.
func (w *World) Context() context.Context { return Context(w.T) }

// Slow skips a test with -short, since it takes seconds.
func Slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it lasts for seconds")
	}
}
