package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// A Report is everything that a benchmark has measured, and on which machine.
type Report struct {
	Bench        string
	Machine      string
	Started      time.Time
	Took         time.Duration
	LoadAfter    string
	Size         string
	Versions     map[string]string
	Measurements []Measurement
	Targets      []Target
	Failures     []string
}

// A Measurement is what one contender reached in one round of a case.
type Measurement struct {
	Case, Contender string
	Round           int
	Figures         map[string]float64
}

func newReport(name string) *Report {
	return &Report{Bench: name, Machine: Machine(), Started: time.Now().UTC(), Versions: ModuleVersions("99designs/gqlgen", "jackc/pgx/v5", "gorilla/websocket")}
}

func (r *Report) finish(o Options) {
	r.Took, r.LoadAfter = time.Since(r.Started), LoadAverage()
	r.Size = fmt.Sprintf("%s and %s conversations, %d rounds of %v", Thousands(o.Conversations), Thousands(o.Large), o.Rounds, o.Duration)
}

// Add adds a measurement.
func (r *Report) Add(name, contender string, round int, figures map[string]float64) {
	r.Measurements = append(r.Measurements, Measurement{name, contender, round, figures})
}

// Fail notes that a contender could not be measured.
func (r *Report) Fail(name, contender string, err error) {
	r.Failures = append(r.Failures, fmt.Sprintf("%s, %s: %v", name, contender, err))
}

// value returns a figure of one round, and false if it was not measured.
func (r *Report) value(name, contender, figure string, round int) (float64, bool) {
	for _, m := range r.Measurements {
		if m.Case == name && m.Contender == contender && m.Round == round {
			v, measured := m.Figures[figure]
			return v, measured
		}
	}
	return 0, false
}

// Values returns a figure of all rounds.
func (r *Report) Values(name, contender, figure string) (all []float64) {
	for _, m := range r.Measurements {
		if v, measured := m.Figures[figure]; measured && m.Case == name && m.Contender == contender {
			all = append(all, v)
		}
	}
	return all
}

// Ratios returns, for each round, our figure divided by the best of the others.
func (r *Report) Ratios(name, figure string, others ...string) (all []float64) {
	return r.RatiosOf(name, Ours, figure, others...)
}

// RatiosOf is Ratios for another contender than ours.
func (r *Report) RatiosOf(name, contender, figure string, others ...string) (all []float64) {
	for round := range r.rounds() {
		mine, measured := r.value(name, contender, figure, round)
		best := 0.0
		for _, other := range others {
			v, known := r.value(name, other, figure, round)
			if known && (best == 0 || figure == Rate && v > best || figure != Rate && v < best) {
				best = v
			}
		}
		if measured && best > 0 {
			all = append(all, mine/best)
		}
	}
	return all
}

func (r *Report) rounds() (n int) {
	for _, m := range r.Measurements {
		n = max(n, m.Round+1)
	}
	return n
}

// Median returns the median; 0 of nothing.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

func (r *Report) save(jsonFile, markdownFile string) error {
	var failed error
	if jsonFile != "" {
		content, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			return err
		}
		failed = os.WriteFile(jsonFile, content, 0o644)
	}
	if markdownFile != "" {
		failed = errors.Join(failed, os.WriteFile(markdownFile, []byte(r.Markdown()), 0o644))
	}
	return failed
}
