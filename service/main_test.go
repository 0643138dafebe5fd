package service

import (
	"context"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// world is a fresh workspace with a manager and the service on it.
type world struct {
	*Service
	t       *testing.T
	manager Actor
	clock   time.Time
}

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, dbtest.New(t, migrate), db.Options{MaxConns: 8})
}

// newWorldOn makes a world in a database of which the test knows more.
func newWorldOn(t *testing.T, url string, o db.Options) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := db.Open(ctx, url, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.clock }
	f := feed.New(d, feed.Options{Now: now})
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done; f.Flush(); _ = d.Close() })
	w.Service = New(d, f, Options{Now: now})
	workspace, manager, err := w.CreateWorkspace(ctx, "Acme", "Mia Manager", "mia@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	w.manager = Actor{Workspace: workspace.Key, Role: RoleManager, Agent: &manager.ID}
	return w
}
