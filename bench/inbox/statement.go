package main

import (
	"context"
	"os"
	"strings"

	"switchboard/bench/harness"
)

// countStatements counts how many statements one conversation takes our server: one that lets
// PostgreSQL log each of its statements answers some requests, one after the other.
func (m *measurement) countStatements(ctx context.Context, requests []harness.Request) error {
	logged := *m.d
	logged.URL += "&log_statement=all"
	server, err := harness.Start(ctx, &logged, m.Profile != "")
	if err != nil {
		return err
	}
	defer server.Stop()
	var counts []float64
	for i, request := range requests[:min(len(requests), 25)] {
		before, err := statements(m.Postgres.LogFile())
		if err != nil {
			return err
		}
		if _, err := server.Request(request); err != nil {
			return err
		}
		after, err := statements(m.Postgres.LogFile())
		if err != nil {
			return err
		}
		if i >= 5 { // by then statements are prepared
			counts = append(counts, float64(after-before))
		}
	}
	m.Report.AtMost("T1b", "conversation-statements", "count", 3, []float64{harness.Median(counts)})
	return nil
}

// statements counts the statements in PostgreSQL's log.
func statements(file string) (int, error) {
	content, err := os.ReadFile(file)
	text := string(content)
	return strings.Count(text, "LOG:  execute ") + strings.Count(text, "LOG:  statement: "), err
}
