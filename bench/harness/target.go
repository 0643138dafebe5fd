package harness

import (
	"fmt"
	"strings"
)

// A Target is a limit for one figure or ratio, and what was reached.
type Target struct {
	Code   string // such as T1
	Name   string
	Unit   string // ratio, ms, MB …
	Value  float64
	Limit  float64 // 0: none, the value is only reported
	AtMost bool    // the value must not be above the limit, instead of below it
	Rounds []float64
}

// AtLeast adds a target for the median of what the rounds reached. Without a limit it is only
// reported.
func (r *Report) AtLeast(code, name, unit string, limit float64, rounds []float64) {
	r.target(Target{Code: code, Name: name, Unit: unit, Limit: limit, Rounds: rounds})
}

// AtMost is AtLeast for a limit that must not be exceeded.
func (r *Report) AtMost(code, name, unit string, limit float64, rounds []float64) {
	r.target(Target{Code: code, Name: name, Unit: unit, Limit: limit, Rounds: rounds, AtMost: true})
}

func (r *Report) target(t Target) {
	t.Value = Median(t.Rounds)
	r.Targets = append(r.Targets, t)
}

// Verdict returns whether the target was met.
func (t Target) Verdict() string {
	switch {
	case len(t.Rounds) == 0:
		return "not measured"
	case t.Limit == 0:
		return "reported"
	case t.AtMost && t.Value <= t.Limit, !t.AtMost && t.Value >= t.Limit:
		return "met"
	}
	return "missed"
}

// String returns the target in one line, such as "T1 inbox-page ratio 5.3 target 5.0 met".
func (t Target) String() string {
	limit := "–"
	if t.Limit != 0 {
		limit = short(t.Limit)
	}
	rounds := make([]string, len(t.Rounds))
	for i, v := range t.Rounds {
		rounds[i] = short(v)
	}
	return fmt.Sprintf("%s %s %s %s target %s %s (rounds: %s)", t.Code, t.Name, t.Unit, short(t.Value), limit, t.Verdict(), strings.Join(rounds, " "))
}
