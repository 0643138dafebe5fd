package main

import (
	"fmt"
	"strings"

	"switchboard/bench/dataset"
)

// The scripts of pgbench hold the SQL with which one would read what the documents ask for, in a
// single statement: the limit for a server that asks PostgreSQL for each page.

const relations = `c.id, c.status, c.channel, c.version, c.opened_at, c.last_activity_at, c.waiting_since,
	contact.id AS contact, contact.name, contact.email, contact.phone, contact.avatar_url, agent.id AS agent, agent.name AS agent_name, agent.availability`

const joins = `JOIN contacts AS contact ON contact.workspace_id = c.workspace_id AND contact.id = c.contact_id
	LEFT JOIN agents AS agent ON agent.workspace_id = c.workspace_id AND agent.id = c.assignee_id`

func pageScript(c dataset.Loaded, status string) string {
	return oneLine(fmt.Sprintf(`SELECT %s, m.id AS message, m.kind, m.body, m.created_at
		FROM (SELECT * FROM conversations WHERE workspace_id = %d AND status = '%s' AND NOT blocked
			ORDER BY last_activity_at DESC, id DESC LIMIT 51) AS c %s
		LEFT JOIN messages AS m ON m.workspace_id = c.workspace_id AND m.id = c.last_message_id
		ORDER BY c.last_activity_at DESC, c.id DESC`, relations, c.Key, status, joins))
}

func (m *measurement) conversationScript() string {
	ids := make([]string, len(m.conversations))
	for i, id := range m.conversations {
		ids[i] = id.String()
	}
	return fmt.Sprintf("\\set n random(1, %d)\n", len(ids)) + oneLine(fmt.Sprintf(`SELECT %s, e.id AS event, e.type, e.created_at
		FROM conversations AS c %s LEFT JOIN LATERAL (SELECT id, type, created_at, seq FROM events
			WHERE workspace_id = c.workspace_id AND conversation_id = c.id ORDER BY seq LIMIT 20) AS e ON TRUE
		WHERE c.workspace_id = %d AND c.id = ('{%s}'::uuid[])[:n] ORDER BY e.seq`, relations, joins, m.large.Key, strings.Join(ids, ",")))
}

// oneLine makes one line of a statement, as pgbench wants it.
func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") + ";\n" }
