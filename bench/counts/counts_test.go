package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestCounts runs the benchmark for a moment; it fails if counts are not exact.
func TestCounts(t *testing.T) { harness.Test(t, "counts", measure) }
