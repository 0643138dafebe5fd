package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestGrowth runs the benchmark for a moment; it fails if an assignment is refused.
func TestGrowth(t *testing.T) { harness.Test(t, "growth", measure) }
