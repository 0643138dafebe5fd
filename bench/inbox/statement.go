package main

import (
	"cmp"
	"context"
	"os"
	"strings"
	"time"

	"switchboard/bench/document"
	"switchboard/bench/harness"
)

// countStatements counts how many statements a request of a case takes our server, once it has read
// what is open: one that lets PostgreSQL log each of its statements answers some requests, one after
// the other.
func (m *measurement) countStatements(ctx context.Context, name string, requests []harness.Request) error {
	logged := *m.d
	logged.URL += "&log_statement=all"
	server, err := harness.Start(ctx, &logged, m.Profile != "")
	if err != nil {
		return err
	}
	defer server.Stop()
	page := m.openPages(document.Sides[0])[0]
	for taken := 0; taken != 1; time.Sleep(100 * time.Millisecond) {
		if taken, err = m.statementsOf(server, page); err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
	}
	var counts []float64
	for i := range 40 {
		taken, err := m.statementsOf(server, requests[i%len(requests)])
		if err != nil {
			return err
		}
		if i >= 15 { // by then statements are prepared, and agents are in memory
			counts = append(counts, float64(taken))
		}
	}
	m.Report.AtMost("T1b", name+"-statements", "count", 3, []float64{harness.Median(counts)})
	return nil
}

// statementsOf sends a request and counts the statements that PostgreSQL logs meanwhile.
func (m *measurement) statementsOf(server *harness.Server, request harness.Request) (taken int, err error) {
	before, err := statements(m.Postgres.LogFile())
	if err != nil {
		return 0, err
	}
	if _, err := server.Request(request); err != nil {
		return 0, err
	}
	after, err := statements(m.Postgres.LogFile())
	return after - before, err
}

// statements counts the statements in PostgreSQL's log.
func statements(file string) (int, error) {
	content, err := os.ReadFile(file)
	text := string(content)
	return strings.Count(text, "LOG:  execute ") + strings.Count(text, "LOG:  statement: "), err
}
