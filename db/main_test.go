package db

import (
	"testing"

	"switchboard/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
