package history

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
