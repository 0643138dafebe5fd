package db

import (
	"context"
	"testing"

	"switchboard/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func migrateUp(ctx context.Context, url string) error {
	_, err := Migrate(ctx, url)
	return err
}

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
