package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
)

// The script of pgbench is the transaction of bench/peer/assign.mjs, statement by statement.

// prepareScript numbers what a script chooses from: the open conversations and the agents of each
// workspace. It returns the least number of each.
func prepareScript(ctx context.Context, p *dataset.Postgres, d *dataset.Database) (conversations, agents int, err error) {
	if err := p.Execute(ctx, d.Name, `
		CREATE TABLE bench.conversations AS SELECT workspace_id, id, (row_number() OVER (PARTITION BY workspace_id ORDER BY md5(id::text)))::int AS n
			FROM conversations WHERE status = 'OPEN' AND NOT blocked;
		CREATE TABLE bench.agents AS SELECT workspace_id, id, (row_number() OVER (PARTITION BY workspace_id ORDER BY id))::int AS n FROM agents WHERE active;
		ALTER TABLE bench.conversations ADD PRIMARY KEY (workspace_id, n);
		ALTER TABLE bench.agents ADD PRIMARY KEY (workspace_id, n);
		CREATE FUNCTION bench.facets(c conversations) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN jsonb_strip_nulls(jsonb_build_object(
			'status', c.status, 'channel', c.channel, 'assignee', c.assignee_id, 'version', c.version,
			'openedAt', c.opened_at, 'waitingSince', c.waiting_since, 'lastInboundChannel', c.last_inbound_channel));
		ANALYZE bench.conversations, bench.agents`); err != nil {
		return 0, 0, err
	}
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, `SELECT (SELECT min(n) FROM (SELECT count(*) AS n FROM bench.conversations GROUP BY workspace_id) AS c),
		(SELECT min(n) FROM (SELECT count(*) AS n FROM bench.agents GROUP BY workspace_id) AS a)`).Scan(&conversations, &agents)
	return conversations, agents, err
}

// script chooses among this many companies. Looking up the chosen ids costs PostgreSQL an index
// look-up in each statement, but no round trip.
func (m *measurement) script(companies int) string {
	replace := strings.NewReplacer(
		"{conversation}", "(SELECT id FROM bench.conversations WHERE workspace_id = :workspace AND n = :a)",
		"{agent}", "(SELECT id FROM bench.agents WHERE workspace_id = :workspace AND n = :b)", "{key}", "(:key::bigint)::text")
	first := int(m.pg.Companies[0].Key)
	return fmt.Sprintf("\\set workspace random(%d, %d)\n\\set a random(1, %d)\n\\set b random(1, %d)\n\\set key random(1, 9000000000000000000)\nBEGIN;\n",
		first, first+companies-1, m.conversations, m.agents) + replace.Replace(strings.Join([]string{
		oneLine(`INSERT INTO idempotency_keys (workspace_id, caller, key, request, created_at)
			VALUES (:workspace, 'peer', {key}, sha256(convert_to({key}, 'UTF8')), now()) ON CONFLICT DO NOTHING`),
		oneLine(`SELECT c.version, a.active, bench.facets(c)::text AS before FROM conversations AS c
			JOIN agents AS a ON a.workspace_id = c.workspace_id AND a.id = {agent}
			WHERE c.workspace_id = :workspace AND c.id = {conversation} AND c.latest FOR NO KEY UPDATE OF c FOR SHARE OF a`),
		oneLine(`WITH changed AS (
				UPDATE conversations SET assignee_id = {agent}, version = version + 1, revision = revision + 1
				WHERE workspace_id = :workspace AND id = {conversation} RETURNING *
			), contact AS (
				UPDATE contacts SET assignee_id = {agent}, version = changed.version, revision = contacts.revision + 1
				FROM changed WHERE contacts.workspace_id = :workspace AND contacts.id = changed.contact_id
			), head AS (
				UPDATE event_heads SET seq = seq + 1, event_id = gen_random_uuid() WHERE workspace_id = :workspace RETURNING seq, event_id
			), event AS (
				INSERT INTO events (workspace_id, seq, change, id, type, conversation_id, contact_id, before, after, data, origin, created_at)
				SELECT :workspace, head.seq, head.seq, head.event_id, 'CONVERSATION_ASSIGNED', changed.id, changed.contact_id,
					bench.facets(changed), bench.facets(changed), '{"reason": "MANUAL"}', {key}, now() FROM changed, head
			), settled AS (
				UPDATE idempotency_keys SET outcome = '{}' WHERE workspace_id = :workspace AND caller = 'peer' AND key = {key}
			) SELECT id, version FROM changed`),
	}, "")) + "COMMIT;\n"
}

// oneLine makes one line of a statement, as pgbench wants it.
func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") + ";\n" }
