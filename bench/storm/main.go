// Command storm measures how long a thousand agents who come back at once after a restart of the
// server wait for their pages of the inbox. ../README.md explains the figures.
package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

func main() { harness.Main("storm", measure) }

// agents is how many come back.
const agents = 1000

// The cases.
const (
	quiet = "storm"
	busy  = "storm-busy"
	last  = "ms to the last page"
)

func measure(ctx context.Context, b *harness.Bench) error {
	d, err := b.Postgres.Prepare(ctx, fmt.Sprintf("inbox_%d", b.Conversations), dataset.Inbox(b.Conversations))
	if err != nil {
		return err
	}
	m := &measurement{Bench: b, d: d, company: d.Companies[0]}
	if m.targets, err = document.Targets(ctx, d, m.company, 2000); err != nil {
		return err
	}
	first := 0
	if b.Rounds > 1 {
		first = -1 // does not count: it fills PostgreSQL's memory
	}
	for round := first; round < b.Rounds; round++ {
		if err := m.round(ctx, round); err != nil {
			return err
		}
	}
	for _, name := range []string{quiet, busy} {
		b.Report.AtMost("T8", name, "ratio", 0, b.Report.Ratios(name, last, "postgraphile", "yoga"))
	}
	return nil
}

// measurement is one run of the benchmark.
type measurement struct {
	*harness.Bench
	d       *dataset.Database
	company dataset.Loaded
	targets []*document.Target
}

// round lets the agents come back to each contender, begun with another one each time.
func (m *measurement) round(ctx context.Context, round int) error {
	for i := range document.Sides {
		side := document.Sides[(i+round+1)%len(document.Sides)]
		if !m.Wants(side.Name) {
			continue
		}
		for _, name := range []string{quiet, busy} {
			figures, err := m.restart(ctx, side, name == busy)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", name, side.Name, err)
			}
			if round >= 0 {
				m.Report.Add(name, side.Name, round, figures)
			}
		}
	}
	return nil
}

// restart starts a contender's server, which then is asked for a thousand pages at once.
func (m *measurement) restart(ctx context.Context, side document.Side, busy bool) (figures map[string]float64, err error) {
	server, err := m.Fresh(ctx, side.Program, m.d)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	storm := func() (harness.Figures, error) {
		figures, err = m.storm(ctx, side, server)
		return harness.Figures{}, err
	}
	if busy {
		_, err = document.WhileAssigning(ctx, server, side, m.targets, storm)
	} else {
		_, err = storm()
	}
	return figures, err
}

// storm connects all agents and asks for a page for each of them.
func (m *measurement) storm(ctx context.Context, side document.Side, server *harness.Server) (map[string]float64, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	took := make([]time.Duration, agents)
	began := time.Now()
	var all sync.WaitGroup
	for i := range agents {
		all.Go(func() {
			if err := m.load(ctx, side, server, i); err != nil {
				stop(err)
			}
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	slices.Sort(took)
	return map[string]float64{last: harness.Percentile(took, 100), "p50 ms": harness.Percentile(took, 50), "p99 ms": harness.Percentile(took, 99)},
		context.Cause(ctx)
}

// load connects one agent, who asks for a page of one of the open views.
func (m *measurement) load(ctx context.Context, side document.Side, server *harness.Server, agent int) error {
	c, err := harness.Dial(server.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	view := []db.View{db.ViewMine, db.ViewUnassigned, db.ViewAll}[agent%3]
	answer, err := c.Do(side.Page(m.company, view, m.company.Callers[agent%len(m.company.Callers)]))
	if err == nil && harness.Failed(answer) {
		err = fmt.Errorf("the server answered %.500s", answer)
	}
	return cmp.Or(err, context.Cause(ctx))
}
