package main

import (
	"strings"
	"testing"
)

// TestTargets: the median of the rounds' ratios decides whether a target is met. What was not
// measured is neither met nor missed.
func TestTargets(t *testing.T) {
	t.Parallel()
	report := &report{}
	for round, cpu := range []float64{4, 1, 9} {
		report.Results = append(report.Results,
			result{Contender: ours, Subscribers: 1000, Round: round, Paced: delivery{CPU: cpu}, Idle: idle{Bytes: 20 << 10}},
			result{Contender: "gqlgen", Subscribers: 1000, Round: round, Paced: delivery{CPU: 20}},
			result{Contender: "prepared", Subscribers: 1000, Round: round, Paced: delivery{CPU: []float64{2, 1, 1}[round]}},
		)
	}
	for name, want := range map[string]string{
		"CPU, single events: ours/gqlgen":               "0.222 0.200 pass",
		"CPU, single events: ours/prepared":             "1.050 2.000 FAIL",
		"CPU, single events: ours/yoga":                 "0.143 –",
		"idle subscriber, KB (goal: 9)":                 "18.000 20.000 FAIL",
		"idle subscriber, goroutines (and one for all)": "1.005 –",
	} {
		var printed strings.Builder
		report.printTargets(&printed)
		found := false
		for line := range strings.Lines(printed.String()) {
			rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
			if got := strings.Join(strings.Fields(rest), " "); ok && got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			found = found || ok
		}
		if !found {
			t.Errorf("no target %q", name)
		}
	}
}
