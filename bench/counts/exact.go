package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/bench/harness"
	"switchboard/db"
)

const countsAsOf = `query Counts { inboxCounts { all unassigned closed blocked asOf } }`

// counted is one answer.
type counted struct {
	All, Unassigned, Closed, Blocked int
	AsOf                             string
}

// checkExact reads counts while conversations change, and compares each with what the log says about
// the moment of its asOf: the present counts without the changes since.
func (m *measurement) checkExact(ctx context.Context) error {
	var answers []counted
	reading := harness.Entry{Name: harness.Ours, Measure: func(ctx context.Context, during time.Duration) (f harness.Figures, err error) {
		for end := time.Now().Add(during); time.Now().Before(end) && err == nil; time.Sleep(during / 50) {
			var answer struct{ InboxCounts counted }
			err = m.ours.Ask(harness.Request{Token: m.large.Manager.Token, Body: harness.Body(countsAsOf, nil)}, &answer)
			answers = append(answers, answer.InboxCounts)
		}
		return f, err
	}}
	if _, err := m.changing(reading).Measure(ctx, max(m.Duration, time.Second/2)); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, m.d.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	wrong, places := 0, map[string]bool{}
	for _, answer := range answers {
		expected, err := m.countedAt(ctx, conn, answer.AsOf)
		if err != nil {
			return err
		}
		if places[answer.AsOf] = true; expected != answer {
			wrong++
			m.Report.Fail(counts, harness.Ours, fmt.Errorf("counted %+v, but the log says %+v", answer, expected))
		}
	}
	if len(places) < 2 {
		return fmt.Errorf("nothing changed while counts were read: %d answers", len(answers))
	}
	m.Report.AtMost("T4", "counts-not-exact", "count", 0.5, []float64{float64(wrong)})
	return nil
}

// countedAt counts by SQL what a place of the log had.
func (m *measurement) countedAt(ctx context.Context, conn *pgx.Conn, asOf string) (c counted, err error) {
	cursor, err := db.ParseEventCursor(asOf)
	if err != nil {
		return c, err
	}
	c.AsOf = asOf
	err = conn.QueryRow(ctx, `
		WITH present AS (SELECT status, blocked, assignee_id IS NULL AS free, 1 AS n FROM conversations WHERE workspace_id = $1),
		since AS (
			SELECT f->>'status' AS status, coalesce((f->>'blocked')::boolean, FALSE) AS blocked, f->>'assignee' IS NULL AS free, n
			FROM events, LATERAL (VALUES (before, 1), (after, -1)) AS change (f, n)
			WHERE workspace_id = $1 AND seq > $2 AND f IS NOT NULL)
		SELECT coalesce(sum(n) FILTER (WHERE status = 'OPEN' AND NOT blocked), 0), coalesce(sum(n) FILTER (WHERE status = 'OPEN' AND NOT blocked AND free), 0),
			coalesce(sum(n) FILTER (WHERE status = 'CLOSED' AND NOT blocked), 0), coalesce(sum(n) FILTER (WHERE blocked AND status IS NOT NULL), 0)
		FROM (TABLE present UNION ALL TABLE since) AS everything`, m.large.Key, int64(cursor.Seq)).Scan(&c.All, &c.Unassigned, &c.Closed, &c.Blocked)
	return c, err
}
