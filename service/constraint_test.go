package service_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"switchboard/db"
)

// TestConstraints: the database refuses illegal states, whatever program writes them.
func TestConstraints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.neighbour()
	stranger, strange := other.Agent("Stranger"), other.Contact("Strange")
	open, closed := w.Open(), w.Closed()
	older, newer := w.Older()
	blocked := w.Open()
	w.Block(blocked)
	copied := func(c *db.Conversation, change string) string {
		return fmt.Sprintf(`INSERT INTO conversations (workspace_id, id, contact_id, channel, status, latest, version, opened_at, last_activity_at)
			SELECT workspace_id, gen_random_uuid(), %s, opened_at, last_activity_at FROM conversations WHERE id = '%s'`, change, c.ID.UUID)
	}
	update := func(c *db.Conversation, change string) string {
		return fmt.Sprintf("UPDATE conversations SET %s WHERE id = '%s'", change, c.ID.UUID)
	}
	const check, unique, foreign, restrict, missing = "23514", "23505", "23503", "23001", "23502"
	for _, row := range []struct{ name, code, sql string }{
		{"S3 a second open conversation", unique, copied(open, "contact_id, channel, 'OPEN', true, version")},
		{"a second latest conversation", unique, update(older, "latest = true")},
		{"S3 open, but not the latest", check, update(open, "latest = false")},
		{"S3 an older one opened", check, update(older, "status = 'OPEN', closed_at = NULL, closed_by = NULL")},
		{"I1 blocked, but not the latest", check, update(older, "blocked = true")},
		{"closed without a time", check, update(open, "status = 'CLOSED'")},
		{"open with a time of closing", check, update(open, "closed_at = now()")},
		{"open with who closed it", check, update(open, "closed_by = 'x'")},
		{"open with a closing note", check, update(open, "closing_text = 'x'")},
		{"closed and waiting", check, update(closed, "waiting_since = now()")},
		{"an unknown status", check, update(open, "status = 'PENDING'")},
		{"an assignee of another workspace", foreign, update(newer, fmt.Sprintf("assignee_id = '%s'", stranger.Agent.UUID))},
		{"the same on a contact", foreign, fmt.Sprintf("UPDATE contacts SET assignee_id = '%s' WHERE id = '%s'", stranger.Agent.UUID, open.ContactID.UUID)},
		{"an unknown assignee", foreign, update(newer, "assignee_id = gen_random_uuid()")},
		{"a conversation with another workspace's contact", foreign, copied(open, fmt.Sprintf("'%s'::uuid, channel, 'OPEN', true, version", strange.ID.UUID))},
		{"a conversation moved to another workspace", foreign, update(open, fmt.Sprintf("workspace_id = %d", other.Manager.Workspace))},
		{"an identity twice", unique, fmt.Sprintf(`INSERT INTO contact_identities SELECT workspace_id, 'chat', '1', id FROM contacts WHERE workspace_id = %d`, w.Manager.Workspace)},
		{"version 0", check, update(open, "version = 0")},
		{"A7 a deactivated agent who is online", check, fmt.Sprintf("UPDATE agents SET active = false WHERE id = '%s'", stranger.Agent.UUID)},
		{"an avatar that is no https address", check, "UPDATE contacts SET avatar_url = 'javascript:alert(1)'"},
		{"an avatar that is a path elsewhere", check, "UPDATE contacts SET avatar_url = '/graphql'"},
		{"an agent's avatar that is no https address", check, "UPDATE agents SET avatar_url = 'http://acme.example/a.png'"},
		{"an event changed", restrict, "UPDATE events SET actor = NULL"},
		{"P2 an event number twice", unique, "INSERT INTO events SELECT workspace_id, seq, gen_random_uuid(), type, NULL, NULL, actor, before, after, data, origin, created_at FROM events"},
		{"an event's id twice", unique, "INSERT INTO events SELECT workspace_id, seq + 1000, id, type, NULL, NULL, actor, before, after, data, origin, created_at FROM events"},
		{"an event about another workspace's contact", foreign, fmt.Sprintf(`INSERT INTO events SELECT workspace_id, seq + 1000, gen_random_uuid(), type, NULL, '%s', actor, before, after, data, origin, created_at FROM events WHERE workspace_id = %d`, strange.ID.UUID, w.Manager.Workspace)},
		{"a log without its end", missing, "UPDATE event_heads SET seq = NULL"},
		{"a number without an event", check, "UPDATE event_heads SET event_id = NULL"},
	} {
		_, err := w.DB.ExecContext(w.Context(), row.sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != row.code {
			t.Errorf("%s: SQLSTATE %s was expected, but the answer is: %v", row.name, row.code, err)
		}
	}
}
