package main

import (
	"context"
	"testing"

	"switchboard/bench/dataset"
	"switchboard/bench/harness"
)

// TestData loads companies and compares what the server answers with the rows.
func TestData(t *testing.T) {
	harness.Test(t, "data", func(ctx context.Context, b *harness.Bench) error {
		d, err := b.Postgres.Prepare(ctx, "inbox_2000", dataset.Inbox(b.Conversations))
		if err != nil {
			return err
		}
		return check(ctx, d)
	})
}
