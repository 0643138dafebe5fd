// An assignment as the server that is compared makes it: an idempotency key, a check of the version
// and of the agent, contact and conversation, an event with the next number of the workspace's log,
// all in one transaction of five round trips.

const claim = `INSERT INTO idempotency_keys (workspace_id, caller, key, request, created_at)
  VALUES ($1, 'peer', $2, sha256(convert_to($3, 'UTF8')), now()) ON CONFLICT DO NOTHING`

const outcome = `SELECT outcome FROM idempotency_keys WHERE workspace_id = $1 AND caller = 'peer' AND key = $2`

const facets = row => `jsonb_strip_nulls(jsonb_build_object('status', ${row}.status, 'channel', ${row}.channel, 'assignee', ${row}.assignee_id,
  'version', ${row}.version, 'openedAt', ${row}.opened_at, 'waitingSince', ${row}.waiting_since, 'lastInboundChannel', ${row}.last_inbound_channel))`

const lock = `SELECT c.version, a.active, ${facets('c')}::text AS before
  FROM conversations AS c JOIN agents AS a ON a.workspace_id = c.workspace_id AND a.id = $3
  WHERE c.workspace_id = $1 AND c.id = $2 AND c.latest FOR NO KEY UPDATE OF c FOR SHARE OF a`

const write = `WITH changed AS (
    UPDATE conversations SET assignee_id = $3, version = version + 1, revision = revision + 1 WHERE workspace_id = $1 AND id = $2 RETURNING *
  ), contact AS (
    UPDATE contacts SET assignee_id = $3, version = changed.version, revision = contacts.revision + 1
    FROM changed WHERE contacts.workspace_id = $1 AND contacts.id = changed.contact_id
  ), head AS (
    UPDATE event_heads SET seq = seq + 1, event_id = $4 WHERE workspace_id = $1 RETURNING seq
  ), event AS (
    INSERT INTO events (workspace_id, seq, change, id, type, conversation_id, contact_id, before, after, data, origin, created_at)
    SELECT $1, head.seq, head.seq, $4, 'CONVERSATION_ASSIGNED', changed.id, changed.contact_id, $6::jsonb, ${facets('changed')},
      '{"reason": "MANUAL"}', $5, now()
    FROM changed, head
  ), settled AS (
    UPDATE idempotency_keys SET outcome = jsonb_build_object('event', $4::uuid) WHERE workspace_id = $1 AND caller = 'peer' AND key = $5
  ) SELECT id, contact_id, assignee_id, last_message_id, status, channel, version, opened_at, last_activity_at, waiting_since FROM changed`

export async function assign(pool, { workspace, conversation, agent, expectedVersion, key }) {
  const client = await pool.connect()
  const query = (name, text, values) => client.query({ name, text, values })
  try {
    await client.query('BEGIN')
    const claimed = await query('claim', claim, [workspace, key, `${conversation} ${agent} ${expectedVersion}`])
    if (claimed.rowCount === 0) {
      const known = await query('outcome', outcome, [workspace, key])
      await client.query('ROLLBACK')
      return { refusal: `KNOWN ${JSON.stringify(known.rows[0])}` }
    }
    const [locked] = (await query('lock', lock, [workspace, conversation, agent])).rows
    const refusal = !locked ? 'NOT_FOUND' : locked.version !== expectedVersion ? 'CONFLICT' : !locked.active ? 'AGENT_INACTIVE' : null
    if (refusal) {
      await client.query('ROLLBACK')
      return { refusal }
    }
    const changed = await query('write', write, [workspace, conversation, agent, crypto.randomUUID(), key, locked.before])
    await client.query('COMMIT')
    return { conversation: changed.rows[0] }
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}
