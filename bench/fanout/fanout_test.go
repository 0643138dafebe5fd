package main

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	runAsServer()
	if flag.Parse(); testing.Short() {
		fmt.Println("left out with -short: contenders are fetched through npm")
		return
	}
	os.Exit(m.Run())
}

// TestContenders runs every contender for a moment: measure fails unless each of 20 clients gets
// every event exactly once and in order. Events have the same size for all contenders.
func TestContenders(t *testing.T) {
	t.Parallel()
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program, err := c.program(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r, err := measure(t.Context(), c, program, 20, plan{events: 5, burst: 50, sustained: 5 * sustainedEvery})
			if err != nil {
				t.Fatal(err)
			}
			for name, d := range map[string]delivery{"single": r.Paced, "burst": r.Burst, "sustained": *r.Sustained} {
				if d.Bytes < 500 || d.Bytes > 600 {
					t.Errorf("%s: an event has %.0f bytes on the wire", name, d.Bytes)
				}
			}
			t.Logf("%+v", r)
		})
	}
}
