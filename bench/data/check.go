package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
	"switchboard/bench/harness"
	"switchboard/db"
)

// answers is what the API says about a company.
type answers struct {
	InboxCounts struct {
		Mine, Unassigned, All, Closed, Blocked int
		AsOf                                   string
	}
	Contacts     struct{ Nodes []struct{ ID string } }
	Conversation struct{ Timeline struct{ TotalCount int } }
}

const question = `query Check($name: String!, $conversation: ID!) {
	inboxCounts { mine unassigned all closed blocked asOf }
	contacts(search: $name, first: 100) { nodes { id } }
	conversation(id: $conversation) { timeline(first: 1) { totalCount } } }`

// check starts the server on the data and compares its answers with the rows.
func check(ctx context.Context, d *dataset.Database) error {
	defer harness.Clean()
	server, err := harness.Start(ctx, d, false)
	if err != nil {
		return err
	}
	defer server.Stop()
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, c := range d.Companies {
		if err := checkCompany(ctx, conn, server, c); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return nil
}

func checkCompany(ctx context.Context, conn *pgx.Conn, server *harness.Server, c dataset.Loaded) error {
	var contact, conversation uuid.UUID
	var name string
	err := conn.QueryRow(ctx, `SELECT contacts.id, name, c.id FROM contacts JOIN conversations AS c ON c.workspace_id = contacts.workspace_id AND contact_id = contacts.id
		WHERE c.workspace_id = $1 AND latest ORDER BY md5(c.id::text) LIMIT 1`, c.Key).Scan(&contact, &name, &conversation)
	if err != nil {
		return err
	}
	caller := c.Callers[0]
	var got, want answers
	request := harness.Request{Token: caller.Token, Body: harness.Body(question, map[string]any{"name": name, "conversation": db.ConversationID{UUID: conversation}.String()})}
	if err := server.Ask(request, &got); err != nil {
		return err
	}
	counts := &want.InboxCounts
	err = conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE status = 'OPEN' AND NOT blocked AND assignee_id = $2),
			count(*) FILTER (WHERE status = 'OPEN' AND NOT blocked AND assignee_id IS NULL), count(*) FILTER (WHERE status = 'OPEN' AND NOT blocked),
			count(*) FILTER (WHERE status = 'CLOSED' AND NOT blocked), count(*) FILTER (WHERE blocked),
			(SELECT count(*) FROM events WHERE workspace_id = $1 AND conversation_id = $3)
		FROM conversations WHERE workspace_id = $1`, c.Key, caller.Agent, conversation).Scan(&counts.Mine, &counts.Unassigned, &counts.All, &counts.Closed,
		&counts.Blocked, &want.Conversation.Timeline.TotalCount)
	if err != nil {
		return err
	}
	counts.AsOf = got.InboxCounts.AsOf // only the server can make it
	want.Conversation.Timeline.TotalCount = min(want.Conversation.Timeline.TotalCount, 1000)
	found := false
	for _, node := range got.Contacts.Nodes {
		found = found || node.ID == db.ContactID{UUID: contact}.String()
	}
	if got.InboxCounts != want.InboxCounts || got.Conversation != want.Conversation || !found {
		return fmt.Errorf("the API answers %+v, but the rows say %+v (contact %q found: %t)", got, want, name, found)
	}
	fmt.Printf("%s: %+v as the API and SQL count\n", c.Name, want.InboxCounts)
	return checkHead(server, caller.Token, got.InboxCounts.AsOf)
}

// checkHead compares asOf with the end of the log.
func checkHead(server *harness.Server, token, asOf string) error {
	var later struct {
		Events struct{ Nodes []struct{ ID string } }
	}
	const question = `query Later($after: EventCursor!) { events(first: 1, after: $after) { nodes { id } } }`
	if err := server.Ask(harness.Request{Token: token, Body: harness.Body(question, map[string]any{"after": asOf})}, &later); err != nil {
		return err
	}
	if len(later.Events.Nodes) > 0 {
		return fmt.Errorf("the API says that the log ends at %q, but event %s is later", asOf, later.Events.Nodes[0].ID)
	}
	return nil
}
