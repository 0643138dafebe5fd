package service_test

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service/servicetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// world is a servicetest.World with the helpers of the tests of this package.
type world struct{ *servicetest.World }

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{servicetest.New(t)}
}

// newPatientWorld returns a world whose statements may take long, since many tests run at once.
func newPatientWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, dbtest.New(t, servicetest.Migrate),
		db.Options{MaxConns: 8, StatementTimeout: time.Minute, LockTimeout: time.Minute, PoolTimeout: time.Minute})
}

// newWorldOn returns a world in a database that the test has made.
func newWorldOn(t *testing.T, url string, o db.Options) *world {
	t.Helper()
	return &world{servicetest.NewOn(t, url, o)}
}

// rule is a sentence of docs/rules.md with the test that holds it.
type rule struct {
	name string
	test func(t *testing.T, w *world)
}

// hold tests each rule in a world of its own.
func hold(t *testing.T, rules []rule) {
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.test(t, newWorld(t))
		})
	}
}
