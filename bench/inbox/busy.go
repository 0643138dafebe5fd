package main

import (
	"context"
	"fmt"
	"time"

	"switchboard/bench/document"
	"switchboard/bench/harness"
)

// pace is how many assignments a second go on in the workspace while pages are read.
const pace = 100

// pagesWhileBusy measures pages while the same server assigns conversations of the same workspace.
func (m *measurement) pagesWhileBusy(ctx context.Context) error {
	targets, err := document.Targets(ctx, m.d, m.large, 2000)
	if err != nil {
		return err
	}
	var entries []harness.Entry
	for _, side := range document.Sides {
		server := m.servers[side.Name]
		if server == nil {
			continue
		}
		entry := harness.Under(side.Name, server, load(m.openPages(side), connections))
		quiet := entry.Measure
		entry.Measure = func(ctx context.Context, during time.Duration) (harness.Figures, error) {
			assigning, stop := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- keepAssigning(assigning, server, side, targets) }()
			f, err := quiet(ctx, during)
			stop()
			if failed := <-done; err == nil {
				err = failed
			}
			return f, err
		}
		entries = append(entries, entry)
	}
	return m.InTurn(ctx, busy, entries...)
}

// keepAssigning makes pace assignments a second until the context ends. Some clients share them, so
// that a slow answer holds up no other assignment.
func keepAssigning(ctx context.Context, s *harness.Server, side document.Side, targets []*document.Target) error {
	const clients = 8
	failed := make(chan error, clients)
	for i := range clients {
		go func() {
			failed <- assignEvery(ctx, s, side, targets[i*len(targets)/clients:(i+1)*len(targets)/clients], clients*time.Second/pace)
		}()
	}
	var err error
	for range clients {
		if e := <-failed; err == nil {
			err = e
		}
	}
	return err
}

func assignEvery(ctx context.Context, s *harness.Server, side document.Side, targets []*document.Target, interval time.Duration) error {
	c, err := harness.Dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		t := targets[n%len(targets)]
		answer, err := c.Do(side.Assign(t.Company, t.Next()))
		if err == nil {
			err = t.Assigned(answer)
		}
		if err != nil {
			return fmt.Errorf("%s while pages are read: %w", side.Name, err)
		}
	}
}
