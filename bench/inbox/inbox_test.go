package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestInbox runs the benchmark for a moment; it fails if answers differ.
func TestInbox(t *testing.T) { harness.Test(t, "inbox", measure) }
