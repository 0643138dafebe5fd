package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

const countsAsOf = `query Counts { inboxCounts { all unassigned closed blocked asOf } }`

// counted is one answer.
type counted struct {
	All, Unassigned, Closed, Blocked int
	AsOf                             string
}

// checkExact reads counts while conversations change, and compares each with what the log says
// about the moment of its asOf: the present counts without the changes since.
func (m *measurement) checkExact(ctx context.Context) error {
	targets, err := document.Targets(ctx, m.d, m.large, 500)
	if err != nil {
		return err
	}
	changing, stop := context.WithTimeout(ctx, max(m.Duration, time.Second/2))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- m.reassign(changing, targets) }()
	var answers []counted
	for changing.Err() == nil {
		var answer struct{ InboxCounts counted }
		if err := m.ours.Ask(harness.Request{Token: m.large.Manager.Token, Body: harness.Body(countsAsOf, nil)}, &answer); err != nil {
			return err
		}
		answers = append(answers, answer.InboxCounts)
	}
	if err := <-done; err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, m.d.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	key, err := m.cursorKey(ctx)
	if err != nil {
		return err
	}
	wrong, places := 0, map[string]bool{}
	for i := 0; i < len(answers); i += 1 + len(answers)/40 { // each is a look through the whole table
		answer := answers[i]
		expected, err := m.countedAt(ctx, conn, key, answer.AsOf)
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

const unassign = `mutation Unassign($input: UnassignConversationInput!) { unassignConversation(input: $input) { conversation { id } userErrors { code } } }`

// cursorKey returns the key of the large company's cursors.
func (m *measurement) cursorKey(ctx context.Context) (db.CursorKey, error) {
	d, err := db.Open(ctx, m.d.URL, db.Options{MaxConns: 1})
	if err != nil {
		return db.CursorKey{}, err
	}
	defer func() { _ = d.Close() }()
	return d.ForWorkspace(m.large.Key).CursorKey(ctx)
}

// reassign unassigns conversations and assigns them again, so that each change is one of the
// counts.
func (m *measurement) reassign(ctx context.Context, targets []*document.Target) error {
	for n := 0; ctx.Err() == nil; n++ {
		t := targets[n%len(targets)]
		id := map[string]any{"input": map[string]any{"conversationId": db.ConversationID{UUID: t.ID}.String()}}
		for _, request := range []harness.Request{
			document.Sides[0].Assign(m.large, t.Next()), {Token: m.large.Manager.Token, Body: harness.Body(unassign, id)},
		} {
			answer, err := m.ours.Request(request)
			if err == nil && (harness.Failed(answer) || bytes.Contains(answer, []byte(`"code":"`))) {
				err = fmt.Errorf("the server answered %.500s", answer)
			}
			if err != nil {
				return err
			}
		}
		t.Version += 2
	}
	return nil
}

// countedAt counts by SQL what a place of the log had.
func (m *measurement) countedAt(ctx context.Context, conn *pgx.Conn, key db.CursorKey, asOf string) (c counted, err error) {
	cursor, err := key.Open(asOf)
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
