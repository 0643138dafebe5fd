package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestAssign runs the benchmark for a moment; it fails if an assignment is refused or leaves no
// event.
func TestAssign(t *testing.T) { harness.Test(t, "assign", measure) }
