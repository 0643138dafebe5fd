// Command counts measures the counts of the views and the dashboard while conversations change.
// ../README.md explains the figures.
package main

import (
	"context"
	"fmt"
	"time"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
)

func main() { harness.Main("counts", measure) }

const clients = 4

// The cases.
const (
	counts    = "counts"
	dashboard = "dashboard"
	firsts    = "first reads after the start"
	small     = "at 10,000"
)

func measure(ctx context.Context, b *harness.Bench) error {
	d, err := b.Postgres.Prepare(ctx, fmt.Sprintf("inbox_%d", b.Large), dataset.Inbox(b.Large))
	if err != nil {
		return err
	}
	m := &measurement{Bench: b, d: d, large: d.Companies[0], small: d.Companies[1]}
	if err := harness.InOrder(ctx, m.firstReads, m.compareCounts, m.compareDashboards, m.checkExact); err != nil {
		return err
	}
	m.judge()
	return nil
}

// measurement is one run of the benchmark.
type measurement struct {
	*harness.Bench
	d            *dataset.Database
	large, small dataset.Loaded
	ours         *harness.Server // once the first reads are measured
}

// compareCounts measures the counts of the large company, ours also those of the small one, while
// 100 conversations a second change in the large one.
func (m *measurement) compareCounts(ctx context.Context) error {
	servers, err := document.Start(ctx, m.Bench, m.d)
	if err != nil {
		return err
	}
	m.ours = servers[harness.Ours]
	asked := func(side document.Side) (all []harness.Request) {
		for _, caller := range m.large.Callers {
			all = append(all, side.Counts(m.large, caller))
		}
		return all
	}
	entries, err := document.Compare(counts, servers, asked, clients)
	if err != nil {
		return err
	}
	var inSmall []harness.Request
	for _, caller := range m.small.Callers {
		inSmall = append(inSmall, document.Sides[0].Counts(m.small, caller))
	}
	entries = append(entries, harness.Under(small, m.ours, harness.Reading(inSmall, clients)))
	for i, e := range entries {
		entries[i] = m.changing(e)
	}
	return m.InTurn(ctx, counts, entries...)
}

// changing returns an entry during which our server makes 100 assignments a second in the large
// company, whatever server is measured: all follow the same changes.
func (m *measurement) changing(e harness.Entry) harness.Entry {
	still := e.Measure
	e.Measure = func(ctx context.Context, during time.Duration) (harness.Figures, error) {
		targets, err := document.Targets(ctx, m.d, m.large, 500)
		if err != nil {
			return harness.Figures{}, err
		}
		return document.WhileAssigning(ctx, m.ours, document.Sides[0], targets, func() (harness.Figures, error) { return still(ctx, during) })
	}
	return e
}

const dashboardQuery = `query Dashboard { dashboard { counts { open unassigned waiting } oldestWaiting asOf
	agents { agent { id name } openConversations closedToday longestWaiting }
	firstResponse { today { count p50 p90 } } resolution { today { count p50 p90 } } timeToAssignment { today { count p50 p90 } } } }`

func dashboardOf(c dataset.Loaded) []harness.Request {
	return []harness.Request{{Token: c.Manager.Token, Body: harness.Body(dashboardQuery, nil)}}
}

// compareDashboards measures our dashboard in the large and in the small company; peers have none.
func (m *measurement) compareDashboards(ctx context.Context) error {
	return m.InTurn(ctx, dashboard, m.changing(harness.Under(harness.Ours, m.ours, harness.Reading(dashboardOf(m.large), clients))),
		m.changing(harness.Under(small, m.ours, harness.Reading(dashboardOf(m.small), clients))))
}

// judge compares what was reached with the targets.
func (m *measurement) judge() {
	r := m.Report
	r.AtMost("T4", "counts-p50-growth", "ratio", 1.5, r.Ratios(counts, harness.P50, small))
	r.AtMost("T4", "dashboard-p50-growth", "ratio", 1.5, r.Ratios(dashboard, harness.P50, small))
	r.AtLeast("T4", "counts-per-second", "ratio", 0, r.Ratios(counts, harness.Rate, document.Peers...))
	r.AtMost("T4", "first-counts", "ms", 300, r.Values(firsts, harness.Ours, "counts ms"))
	r.AtMost("T4", "first-page", "ms", 300, r.Values(firsts, harness.Ours, "page ms"))
	r.AtMost("T4", "first-dashboard", "ms", 1000, r.Values(firsts, harness.Ours, "dashboard ms"))
	r.AtMost("T4", "others-meanwhile", "ms", 300, r.Values(firsts, harness.Ours, "others at most ms"))
}
