// Command assign measures assignments, whole mutations over HTTP with version check, event and
// idempotency key, against what one would use instead. ../README.md explains the figures.
package main

import (
	"context"
	"fmt"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
)

func main() { harness.Main("assign", measure) }

const (
	connections = 32
	companies   = 20
)

// The cases.
const (
	many  = "assign-20-workspaces"
	one   = "assign-one-workspace"
	crowd = "assign-to-me"
)

func measure(ctx context.Context, b *harness.Bench) error {
	d, err := b.Postgres.Prepare(ctx, "companies", dataset.Companies(companies, min(2000, b.Conversations/10)))
	if err != nil {
		return err
	}
	m := &measurement{Bench: b, d: d, rivals: map[string]*rival{}}
	if err := m.start(ctx); err != nil {
		return err
	}
	if err := harness.InOrder(ctx, m.manyWorkspaces, m.oneWorkspace, m.crowd, m.check); err != nil {
		return err
	}
	m.judge()
	return nil
}

// measurement is one run of the benchmark.
type measurement struct {
	*harness.Bench
	d      *dataset.Database
	rivals map[string]*rival // by contender
	pg     *dataset.Database // of pgbench

	conversations, agents int // of each company at least, for pgbench
}

// A rival is a contender's server with a copy of the data.
type rival struct {
	side    document.Side
	d       *dataset.Database
	server  *harness.Server
	targets [][]*document.Target // by company
	made    int                  // assignments
}

// sides are all contenders with a server: those that do the same, then those that only update a
// row.
func sides() []document.Side {
	return append(document.Sides[:len(document.Sides):len(document.Sides)], document.Bare...)
}

// start starts each program once, on a copy of the data: what a peer does in full and what it does
// bare is asked of the same server.
func (m *measurement) start(ctx context.Context) (err error) {
	started := map[string]*rival{}
	for _, side := range sides() {
		if !m.Wants(side.Name) {
			continue
		}
		r := &rival{side: side}
		if same := started[side.Program]; same != nil {
			r.d, r.server = same.d, same.server
		} else if err := m.startRival(ctx, r); err != nil {
			return err
		}
		for _, c := range r.d.Companies {
			targets, err := document.Targets(ctx, r.d, c, 600)
			if err != nil {
				return err
			}
			r.targets = append(r.targets, targets)
		}
		started[side.Program], m.rivals[side.Name] = r, r
	}
	if m.pg, err = m.Clone(ctx, m.d, "pgbench"); err != nil {
		return err
	}
	m.conversations, m.agents, err = prepareScript(ctx, m.Postgres, m.pg)
	return err
}

func (m *measurement) startRival(ctx context.Context, r *rival) (err error) {
	if r.d, err = m.Clone(ctx, m.d, r.side.Name); err != nil {
		return err
	}
	r.server, err = m.Start(ctx, r.side.Program, r.d)
	return err
}

// load returns a load in which each client assigns conversations of its own, so that versions
// agree. Client i works for company i modulo the number of companies.
func (r *rival) load(companies int) harness.Load {
	current, next := make([]*document.Target, connections), make([]int, connections)
	return harness.Load{
		Connections: connections,
		Next: func(client int) harness.Request {
			targets, sharers := r.targets[client%companies], (connections-1-client%companies)/companies+1
			own := len(targets) / sharers
			t := targets[client/companies*own+next[client]%own]
			next[client]++
			current[client] = t
			return r.side.Assign(t.Company, t.Next())
		},
		Check: func(client int, answer []byte) error { return current[client].Assigned(answer) },
	}
}

func (m *measurement) compare(ctx context.Context, name string, companies int) error {
	var entries []harness.Entry
	for _, side := range sides() {
		if r := m.rivals[side.Name]; r != nil {
			entries = append(entries, r.counted(harness.Under(side.Name, r.server, r.load(companies))))
		}
	}
	return m.InTurn(ctx, name, append(entries, harness.Pgbench("pgbench", m.pg.URL, m.script(companies), connections))...)
}

func (m *measurement) manyWorkspaces(ctx context.Context) error {
	return m.compare(ctx, many, len(m.d.Companies))
}

func (m *measurement) oneWorkspace(ctx context.Context) error { return m.compare(ctx, one, 1) }

// judge compares what was reached with the targets.
func (m *measurement) judge() {
	r, peers := m.Report, document.Peers
	var bare []string
	for _, side := range document.Bare {
		bare = append(bare, side.Name)
	}
	r.AtLeast("T5", many, "ratio", 1.5, r.Ratios(many, harness.Rate, peers...))
	r.AtLeast("T5", many+"-pgbench", "ratio", 1.2, r.Ratios(many, harness.Rate, "pgbench"))
	r.AtLeast("T5", many+"-bare", "ratio", 0, r.Ratios(many, harness.Rate, bare...))
	r.AtLeast("T6", one, "ratio", 2, r.Ratios(one, harness.Rate, peers...))
	r.AtLeast("T6", one+"-pgbench", "ratio", 4, r.Ratios(one, harness.Rate, "pgbench"))
	r.AtLeast("T6", one+"-bare", "ratio", 1, r.Ratios(one, harness.Rate, bare...))
	r.AtMost("T6", crowd+"-p99", "ratio", 4, r.Ratios(crowd, harness.P99, "alone"))
}

// errorf names a contender.
func (r *rival) errorf(format string, args ...any) error {
	return fmt.Errorf(r.side.Name+": "+format, args...)
}
