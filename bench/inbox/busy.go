package main

import (
	"context"
	"time"

	"switchboard/bench/document"
	"switchboard/bench/harness"
)

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
		entry := harness.Under(side.Name, server, harness.Reading(m.openPages(side), connections))
		quiet := entry.Measure
		entry.Measure = func(ctx context.Context, during time.Duration) (harness.Figures, error) {
			return document.WhileAssigning(ctx, server, side, targets, func() (harness.Figures, error) { return quiet(ctx, during) })
		}
		entries = append(entries, entry)
	}
	return m.InTurn(ctx, busy, entries...)
}
