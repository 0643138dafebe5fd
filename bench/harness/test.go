package harness

import (
	"context"
	"testing"

	"switchboard/bench/dataset"
)

// Test runs a benchmark for a moment, to prove that it works: nothing may fail, and no time is
// asserted.
func Test(t *testing.T, name string, measure func(context.Context, *Bench) error) {
	if testing.Short() {
		t.Skip("left out with -short: peers are fetched through npm")
	}
	o := brief
	o.Folder = dataset.Folder() + "-test"
	report, err := Run(t.Context(), name, o, measure)
	if err != nil {
		t.Fatal(err)
	}
	for _, failure := range report.Failures {
		t.Error(failure)
	}
	for _, target := range report.Targets {
		if len(target.Rounds) == 0 {
			t.Errorf("%s %s was not measured", target.Code, target.Name)
		}
	}
	report.Print(t.Output())
}
