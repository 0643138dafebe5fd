package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

// firstReads measures the first counts, page and dashboard of the large company after a start, each
// with a server of its own, and how long callers of the small company wait meanwhile. The
// database's cache is warm from the first round on.
func (m *measurement) firstReads(ctx context.Context) error {
	manager := m.large.Manager
	reads := map[string]harness.Request{
		"counts ms": document.Sides[0].Counts(m.large, manager), "page ms": document.Sides[0].Page(m.large, db.ViewAll, manager),
		"dashboard ms": dashboardOf(m.large)[0],
	}
	for round := -1; round < m.Rounds; round++ {
		figures := map[string]float64{}
		for name, request := range reads {
			took, others, err := m.firstRead(ctx, request)
			if err != nil {
				return fmt.Errorf("first %s: %w", name, err)
			}
			figures[name], figures["others at most ms"] = took, max(others, figures["others at most ms"])
		}
		if round >= 0 {
			m.Report.Add(firsts, harness.Ours, round, figures)
		}
	}
	return nil
}

func (m *measurement) firstRead(ctx context.Context, request harness.Request) (took, others float64, err error) {
	server, err := harness.Start(ctx, m.d, m.Profile != "")
	if err != nil {
		return 0, 0, err
	}
	defer server.Stop()
	if err := awaitReady(ctx, server); err != nil {
		return 0, 0, err
	}
	conn, err := harness.Dial(server.Addr)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	if _, err := timed(conn, document.Sides[0].Page(m.small, db.ViewAll, m.small.Manager)); err != nil {
		return 0, 0, err
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			waited, err := timed(conn, document.Sides[0].Page(m.small, db.ViewAll, m.small.Manager))
			others = max(others, waited)
			select {
			case <-stop:
				done <- err
				return
			default:
			}
		}
	}()
	fresh, err := harness.Dial(server.Addr)
	if err == nil {
		defer fresh.Close()
		took, err = timed(fresh, request)
	}
	close(stop)
	return took, others, errors.Join(<-done, err)
}

// timed returns how long a request takes in milliseconds.
func timed(c *harness.Connection, r harness.Request) (float64, error) {
	began := time.Now()
	answer, err := c.Do(r)
	if err == nil && harness.Failed(answer) {
		err = fmt.Errorf("the server answered %.500s", answer)
	}
	return time.Since(began).Seconds() * 1000, err
}

func awaitReady(ctx context.Context, s *harness.Server) error {
	for ctx.Err() == nil {
		answer, err := http.Get("http://" + s.Addr + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}
