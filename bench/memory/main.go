// Command memory measures the memory of the server: idle, with subscribers, and with large inboxes
// in use. ../README.md explains the figures.
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

func main() { harness.Main("memory", measure) }

// The cases.
const (
	idle     = "idle"
	sockets  = "1,000 sockets and 100 events a second"
	resident = "resident MB"
)

const subscribers = 1000

func measure(ctx context.Context, b *harness.Bench) error {
	companies, err := b.Postgres.Prepare(ctx, "companies", dataset.Companies(20, min(2000, b.Conversations/10)))
	if err != nil {
		return err
	}
	m := &measurement{b}
	if err := m.idle(ctx, companies); err != nil {
		return err
	}
	if err := m.sockets(ctx, companies); err != nil {
		return err
	}
	sizes := []int{b.Conversations, b.Large}
	if b.Large == b.Conversations {
		sizes = sizes[:1]
	}
	for _, size := range sizes {
		if err := m.inUse(ctx, size); err != nil {
			return err
		}
	}
	b.Report.AtMost("T9", "memory-idle", "MB", 40, b.Report.Values(idle, harness.Ours, resident))
	b.Report.AtMost("T9", "memory-1,000-sockets", "MB", 80, b.Report.Values(sockets, harness.Ours, resident))
	return nil
}

type measurement struct{ *harness.Bench }

// idle measures servers that have answered one request.
func (m *measurement) idle(ctx context.Context, d *dataset.Database) error {
	for round := range m.Rounds {
		for _, side := range document.Sides {
			if !m.Wants(side.Name) {
				continue
			}
			server, err := m.Fresh(ctx, side.Program, d)
			if err == nil {
				_, err = server.Request(side.Counts(d.Companies[0], d.Companies[0].Manager))
				m.settle(ctx)
				m.Report.Add(idle, side.Name, round, map[string]float64{resident: megabytes(server)})
				server.Stop()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

const changes = `subscription { inboxChanged(view: ALL) { kind conversationId cursor counts { all unassigned asOf }
	conversation { id status version assignee { id name } } } }`

// sockets measures our server while subscribers follow what changes.
func (m *measurement) sockets(ctx context.Context, from *dataset.Database) error {
	d, err := m.Clone(ctx, from, "sockets")
	if err != nil {
		return err
	}
	c := d.Companies[0]
	targets, err := document.Targets(ctx, d, c, 500)
	if err != nil {
		return err
	}
	for round := range m.Rounds {
		server, err := harness.Start(ctx, d, m.Profile != "")
		if err != nil {
			return err
		}
		most, err := m.follow(ctx, server, c, targets)
		server.Stop()
		if err != nil {
			return err
		}
		m.Report.Add(sockets, harness.Ours, round, map[string]float64{resident: most})
	}
	return nil
}

// follow returns the most memory that the server had while its subscribers followed.
func (m *measurement) follow(ctx context.Context, server *harness.Server, c dataset.Loaded, targets []*document.Target) (most float64, err error) {
	tokens := harness.Tokens(c.Callers, func(c dataset.Caller) string { return c.Token }, subscribers)
	all, err := server.Subscribe(ctx, tokens, changes)
	if err != nil {
		return 0, err
	}
	defer all.Close()
	assigning, stop := context.WithTimeout(ctx, 2*m.Duration)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- document.KeepAssigning(assigning, server, document.Sides[0], targets) }()
	for assigning.Err() == nil {
		most = max(most, megabytes(server))
		time.Sleep(20 * time.Millisecond)
	}
	if err := <-done; err != nil {
		return 0, err
	}
	if all.Received.Load() == 0 {
		return 0, fmt.Errorf("no subscriber has received anything")
	}
	return most, all.Err()
}

// inUse measures our server after pages of every view, counts and dashboards of a large company.
func (m *measurement) inUse(ctx context.Context, conversations int) error {
	d, err := m.Postgres.Prepare(ctx, fmt.Sprintf("inbox_%d", conversations), dataset.Inbox(conversations))
	if err != nil {
		return err
	}
	c, ours := d.Companies[0], document.Sides[0]
	var counted struct{ InboxCounts struct{ All int } }
	name := ""
	for round := range m.Rounds {
		server, err := harness.Start(ctx, d, m.Profile != "")
		if err != nil {
			return err
		}
		requests := []harness.Request{ours.Counts(c, c.Manager), {Token: c.Manager.Token, Body: harness.Body(`{ dashboard { asOf } }`, nil)}}
		for _, caller := range c.Callers {
			for _, view := range []db.View{db.ViewMine, db.ViewUnassigned, db.ViewAll, db.ViewClosed} {
				requests = append(requests, ours.Page(c, view, caller))
			}
		}
		load := harness.Reading(requests, 16)
		load.Duration = m.Duration
		if _, err = load.Run(ctx, server); err == nil {
			err = server.Ask(requests[0], &counted)
		}
		m.settle(ctx)
		name = fmt.Sprintf("%s open conversations in use", harness.Thousands(counted.InboxCounts.All))
		m.Report.Add(name, harness.Ours, round, map[string]float64{resident: megabytes(server)})
		server.Stop()
		if err != nil {
			return err
		}
	}
	limit := map[bool]float64{true: 120, false: 250}[counted.InboxCounts.All <= 40_000]
	m.Report.AtMost("T9", fmt.Sprintf("memory-%s-open", harness.Thousands(counted.InboxCounts.All)), "MB", limit, m.Report.Values(name, harness.Ours, resident))
	return nil
}

// settle waits until what has just been done is over.
func (m *measurement) settle(ctx context.Context) {
	select {
	case <-time.After(min(m.Duration, time.Second)):
	case <-ctx.Done():
	}
}

func megabytes(s *harness.Server) float64 { return float64(s.Resident()) / (1 << 20) }
