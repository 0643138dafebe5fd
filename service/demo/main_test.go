package demo

import (
	"testing"

	"switchboard/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
