package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

// deep asks for a page anywhere in a view, in any order.
const deep = `query Page($view: InboxView!, $order: InboxOrder!, $after: String) {
	inbox(view: $view, orderBy: $order, first: 50, after: $after) { nodes { id status channel version openedAt lastActivityAt waitingSince
	contact { id name } assignee { id name } lastMessage { id body } } pageInfo { hasNextPage endCursor } } }`

// growth compares pages of any view, order and depth in the large company with those in one of
// 10,000 conversations (T2).
func (m *measurement) growth(ctx context.Context) error {
	d, err := m.Postgres.Prepare(ctx, fmt.Sprintf("inbox_%d", m.Large), dataset.Inbox(m.Large))
	if err != nil {
		return err
	}
	server := m.servers[harness.Ours]
	if d.Name != m.d.Name {
		if server, err = m.StartOurs(ctx, d); err != nil {
			return err
		}
	}
	var entries []harness.Entry
	for i, name := range []string{harness.Ours, "at 10,000"} {
		requests, err := deepPages(ctx, d, d.Companies[i])
		if err != nil {
			return err
		}
		entries = append(entries, harness.Under(name, server, harness.Reading(requests, 4)))
	}
	return m.InTurn(ctx, anyPage, entries...)
}

const anyPage = "any-page"

// deepPages returns requests for pages of each view in each order, from the beginning and from
// random places.
func deepPages(ctx context.Context, d *dataset.Database, c dataset.Loaded) (all []harness.Request, err error) {
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, view := range []db.View{db.ViewAll, db.ViewMine, db.ViewUnassigned, db.ViewClosed} {
		for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
			for _, desc := range []bool{true, false} {
				caller := c.Callers[len(all)%len(c.Callers)]
				q := db.InboxQuery{View: view, Viewer: &caller.Agent, Field: field, Desc: desc}
				cursors, err := placesIn(ctx, conn, c, q)
				if err != nil {
					return nil, err
				}
				for _, after := range append(cursors, "") {
					variables := map[string]any{"view": view, "order": map[string]any{"field": field, "direction": map[bool]string{true: "DESC", false: "ASC"}[desc]}}
					if after != "" {
						variables["after"] = after
					}
					all = append(all, harness.Request{Token: caller.Token, Body: harness.Body(deep, variables)})
				}
			}
		}
	}
	return all, nil
}

// placesIn returns the page cursors of random conversations of a view.
func placesIn(ctx context.Context, conn *pgx.Conn, c dataset.Loaded, q db.InboxQuery) (cursors []string, err error) {
	condition := map[db.View]string{
		db.ViewAll: "status = 'OPEN'", db.ViewClosed: "status = 'CLOSED'",
		db.ViewUnassigned: "status = 'OPEN' AND assignee_id IS NULL", db.ViewMine: "status = 'OPEN' AND assignee_id IS NOT DISTINCT FROM $2",
	}[q.View]
	// Ids are as good as random: what stands after one is anywhere in a list that time orders.
	rows, _ := conn.Query(ctx, `SELECT id, opened_at, last_activity_at, waiting_since FROM conversations
		WHERE workspace_id = $1 AND NOT blocked AND ($2::uuid IS NULL OR TRUE) AND `+condition+" ORDER BY md5(id::text) LIMIT 5", c.Key, q.Viewer)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var found struct {
			id               uuid.UUID
			opened, activity time.Time
			waiting          *time.Time
		}
		err := row.Scan(&found.id, &found.opened, &found.activity, &found.waiting)
		key := q.Key(&db.Conversation{ID: db.ConversationID{UUID: found.id}, OpenedAt: found.opened, LastActivityAt: found.activity, WaitingSince: found.waiting})
		return q.Order().Cursor(c.Key, key), err
	})
}

// judge compares what was reached with the targets.
func (m *measurement) judge() {
	r, peers := m.Report, document.Peers
	r.AtLeast("T1", page, "ratio", 5, r.Ratios(page, harness.Rate, peers...))
	r.AtMost("T1", page+"-p99", "ratio", 1.0/3, r.Ratios(page, harness.P99, peers...))
	r.AtLeast("T1", busy, "ratio", 4, r.Ratios(busy, harness.Rate, peers...))
	r.AtLeast("T1", page+"-pgbench", "ratio", 0, r.Ratios(page, harness.Rate, "pgbench"))
	r.AtLeast("T1b", closed, "ratio", 2, r.Ratios(closed, harness.Rate, peers...))
	r.AtLeast("T1b", conversation, "ratio", 2, r.Ratios(conversation, harness.Rate, peers...))
	r.AtMost("T2", anyPage+"-p50", "ratio", 1.5, r.Ratios(anyPage, harness.P50, "at 10,000"))
	r.AtMost("T2", anyPage+"-p99", "ratio", 1.5, r.Ratios(anyPage, harness.P99, "at 10,000"))
}
