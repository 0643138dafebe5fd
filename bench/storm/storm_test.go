package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestStorm runs the benchmark for a moment; it fails if a server does not answer everybody.
func TestStorm(t *testing.T) { harness.Test(t, "storm", measure) }
