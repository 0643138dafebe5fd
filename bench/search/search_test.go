package main

import (
	"testing"

	"switchboard/bench/harness"
)

// TestSearch runs the benchmark for a moment; it fails if answers differ.
func TestSearch(t *testing.T) { harness.Test(t, "search", measure) }
