package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestStart runs the benchmark for a moment; it fails if a server does not answer.
func TestStart(t *testing.T) { harness.Test(t, "start", measure) }
