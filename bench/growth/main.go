// Command growth measures whether a unit of work costs our server the same with ten times the
// workspaces, agents or subscribers. ../README.md explains the figures.
package main

import (
	"context"
	"fmt"
	"time"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

func main() { harness.Main("growth", measure) }

const connections = 16

// The cases; each has the names "few" and "ten times".
const (
	workspaces = "CPU of an assignment: 20 and 200 workspaces"
	agents     = "CPU of a page: 10 and 100 agents"
	listeners  = "CPU of a delivery: 100 and 1,000 subscribers"

	few, tenTimes = "few", "ten times"
)

func measure(ctx context.Context, b *harness.Bench) error {
	m := &measurement{b}
	if err := harness.InOrder(ctx, m.workspaces, m.agents, m.subscribers); err != nil {
		return err
	}
	r := b.Report
	r.AtMost("T10", "growth-workspaces", "ratio", 1.2, r.RatiosOf(workspaces, tenTimes, harness.CPU, few))
	r.AtMost("T10", "growth-agents", "ratio", 1.2, r.RatiosOf(agents, tenTimes, harness.CPU, few))
	r.AtMost("T10", "growth-subscribers", "ratio", 1.2, r.RatiosOf(listeners, tenTimes, harness.CPU, few))
	return nil
}

type measurement struct{ *harness.Bench }

// compare measures our server in two situations.
func (m *measurement) compare(ctx context.Context, name string, fewer, more harness.Entry) error {
	fewer.Name, more.Name = few, tenTimes
	return m.InTurn(ctx, name, fewer, more)
}

func (m *measurement) companies(ctx context.Context, name string, companies []dataset.Company) (*dataset.Database, *harness.Server, error) {
	d, err := m.Postgres.Prepare(ctx, name, companies)
	if err != nil {
		return nil, nil, err
	}
	clone, err := m.Clone(ctx, d, name)
	if err != nil {
		return nil, nil, err
	}
	server, err := m.StartOurs(ctx, clone)
	return clone, server, err
}

// workspaces compares assignments in few workspaces with the same load in ten times as many, with
// so few clients for each that mutations seldom share a transaction in either.
func (m *measurement) workspaces(ctx context.Context) error {
	d, server, err := m.companies(ctx, "workspaces", dataset.Companies(200, min(150, m.Conversations/50)))
	if err != nil {
		return err
	}
	targets := make([][]*document.Target, len(d.Companies))
	for i, c := range d.Companies {
		if targets[i], err = document.Targets(ctx, d, c, 320); err != nil {
			return err
		}
	}
	return m.compare(ctx, workspaces, harness.Under("", server, assigning(targets[:20])), harness.Under("", server, assigning(targets)))
}

// assigning is a load of clients of which each goes from one company to the next, in each with
// conversations of its own.
func assigning(targets [][]*document.Target) harness.Load {
	current, next, own := make([]*document.Target, connections), make([]int, connections), make([][]*document.Target, connections)
	for client := range own {
		for i := range targets {
			all := targets[(i+client)%len(targets)]
			for n := client; n < len(all); n += connections {
				own[client] = append(own[client], all[n])
			}
		}
	}
	return harness.Load{
		Connections: connections,
		Next: func(client int) harness.Request {
			t := own[client][next[client]%len(own[client])]
			next[client]++
			current[client] = t
			return document.Sides[0].Assign(t.Company, t.Next())
		},
		Check: func(client int, answer []byte) error { return current[client].Assigned(answer) },
	}
}

func (m *measurement) agents(ctx context.Context) error {
	size := min(2000, m.Conversations/10)
	d, server, err := m.companies(ctx, "agents", []dataset.Company{
		{Name: "Few", Conversations: size, Agents: 10}, {Name: "Ten times", Conversations: size, Agents: 100}})
	if err != nil {
		return err
	}
	var entries []harness.Entry
	for _, c := range d.Companies {
		var requests []harness.Request
		for _, caller := range c.Callers {
			requests = append(requests, document.Sides[0].Page(c, db.ViewAll, caller), document.Sides[0].Counts(c, caller))
		}
		entries = append(entries, harness.Under("", server, harness.Reading(requests, connections)))
	}
	return m.compare(ctx, agents, entries[0], entries[1])
}

const changes = `subscription { inboxChanged(view: ALL) { kind conversationId cursor counts { all unassigned asOf }
	conversation { id status version assignee { id name } } } }`

// subscribers compares what a delivery costs: the server's processors while 100 events a second go
// to all subscribers, less what the same events cost without any.
func (m *measurement) subscribers(ctx context.Context) error {
	size := min(2000, m.Conversations/10)
	d, server, err := m.companies(ctx, "agents", []dataset.Company{
		{Name: "Few", Conversations: size, Agents: 10}, {Name: "Ten times", Conversations: size, Agents: 100}})
	if err != nil {
		return err
	}
	targets, err := document.Targets(ctx, d, d.Companies[1], 400)
	if err != nil {
		return err
	}
	a := audience{d.Companies[1], server, targets}
	return m.compare(ctx, listeners, harness.Entry{Measure: a.follow(100)}, harness.Entry{Measure: a.follow(1000)})
}

// audience is the company whose changes subscribers follow.
type audience struct {
	company dataset.Loaded
	server  *harness.Server
	targets []*document.Target
}

// follow measures what each delivery to a number of subscribers costs.
func (a audience) follow(number int) func(context.Context, time.Duration) (harness.Figures, error) {
	return func(ctx context.Context, during time.Duration) (f harness.Figures, err error) {
		alone, err := a.change(ctx, during)
		if err != nil {
			return f, err
		}
		tokens := harness.Tokens(a.company.Callers, func(c dataset.Caller) string { return c.Token }, number)
		all, err := a.server.Subscribe(ctx, tokens, changes)
		if err != nil {
			return f, err
		}
		defer all.Close()
		followed, err := a.change(ctx, during)
		if err != nil {
			return f, err
		}
		received := float64(all.Received.Load())
		if received == 0 {
			return f, fmt.Errorf("none of %d subscribers has received anything", number)
		}
		f.Rate, f.CPU = received/during.Seconds(), max(time.Microsecond, followed-alone).Seconds()*1000/received
		return f, all.Err()
	}
}

// change makes 100 assignments a second and returns the server's use of processors meanwhile.
func (a audience) change(ctx context.Context, during time.Duration) (time.Duration, error) {
	assigning, stop := context.WithTimeout(ctx, during)
	defer stop()
	before := a.server.CPU()
	err := document.KeepAssigning(assigning, a.server, document.Sides[0], a.targets)
	return a.server.CPU() - before, err
}
