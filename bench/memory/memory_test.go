package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestMemory runs the benchmark for a moment; it fails if a subscriber ends early.
func TestMemory(t *testing.T) { harness.Test(t, "memory", measure) }
