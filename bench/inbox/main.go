// Command inbox measures pages of the inbox, and single conversations with their timelines, against
// what one would use instead. ../README.md explains the figures.
package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

func main() { harness.Main("inbox", measure) }

// connections is how many clients ask at once.
const connections = 16

// The cases.
const (
	page         = "inbox-page"
	busy         = "inbox-page-busy"
	closed       = "closed-page"
	conversation = "conversation"
)

func measure(ctx context.Context, b *harness.Bench) error {
	d, err := b.Postgres.Prepare(ctx, fmt.Sprintf("inbox_%d", b.Conversations), dataset.Inbox(b.Conversations))
	if err != nil {
		return err
	}
	m := &measurement{Bench: b, d: d, large: d.Companies[0]}
	if m.servers, err = document.Start(ctx, b, d); err != nil {
		return err
	}
	if m.conversations, err = someConversations(ctx, d); err != nil {
		return err
	}
	if err := harness.InOrder(ctx, m.pages, m.pagesWhileBusy, m.closedPages, m.singleConversations, m.growth); err != nil {
		return err
	}
	m.judge()
	return nil
}

// measurement is one run of the benchmark.
type measurement struct {
	*harness.Bench
	d             *dataset.Database
	large         dataset.Loaded
	servers       map[string]*harness.Server
	conversations []uuid.UUID
}

// someConversations returns conversations in which much has happened.
func someConversations(ctx context.Context, d *dataset.Database) ([]uuid.UUID, error) {
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, _ := conn.Query(ctx, `SELECT conversation_id FROM events WHERE workspace_id = $1 AND conversation_id IS NOT NULL
		AND seq < 200000 GROUP BY 1 HAVING count(*) >= 10 ORDER BY 1 LIMIT 500`, d.Companies[0].Key)
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no conversation of %s has 10 events", d.Name)
	}
	return found, err
}

// compare measures a set on all sides, after it has checked that their answers are equal.
func (m *measurement) compare(ctx context.Context, name string, requests document.Requests, limit harness.Entry) error {
	entries, err := document.Compare(name, m.servers, requests, connections)
	if err != nil {
		return err
	}
	return m.InTurn(ctx, name, append(entries, limit)...)
}

// openPages are the open views as several agents see them.
func (m *measurement) openPages(side document.Side) (all []harness.Request) {
	for _, caller := range m.large.Callers {
		for _, view := range []db.View{db.ViewMine, db.ViewUnassigned, db.ViewAll} {
			all = append(all, side.Page(m.large, view, caller))
		}
	}
	return all
}

func (m *measurement) pages(ctx context.Context) error {
	return m.compare(ctx, page, m.openPages, harness.Pgbench("pgbench", m.d.URL, pageScript(m.large, "OPEN"), connections))
}

func (m *measurement) closedPages(ctx context.Context) error {
	requests := func(side document.Side) (all []harness.Request) {
		for _, caller := range m.large.Callers {
			all = append(all, side.Page(m.large, db.ViewClosed, caller))
		}
		return all
	}
	if err := m.compare(ctx, closed, requests, harness.Pgbench("pgbench", m.d.URL, pageScript(m.large, "CLOSED"), connections)); err != nil {
		return err
	}
	return m.countStatements(ctx, closed, requests(document.Sides[0])[:1]) // of one caller, whose token is known then
}

func (m *measurement) singleConversations(ctx context.Context) error {
	requests := func(side document.Side) (all []harness.Request) {
		for _, id := range m.conversations {
			all = append(all, side.Conversation(m.large, id))
		}
		return all
	}
	if err := m.compare(ctx, conversation, requests, harness.Pgbench("pgbench", m.d.URL, m.conversationScript(), connections)); err != nil {
		return err
	}
	return m.countStatements(ctx, conversation, requests(document.Sides[0]))
}
