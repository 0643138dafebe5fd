package workflow_test

import (
	"testing"

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
