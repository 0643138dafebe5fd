-- assign is what assign.mjs does, as users of PostGraphile write it: a function, which is one round
-- trip and one transaction.
CREATE OR REPLACE FUNCTION assign(workspace bigint, conversation uuid, agent uuid, expected_version int, key text)
RETURNS conversations LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    old conversations;
    changed conversations;
    is_active boolean;
    event uuid := gen_random_uuid();
BEGIN
    INSERT INTO idempotency_keys (workspace_id, caller, key, request, created_at)
    VALUES (workspace, 'peer', assign.key, sha256(convert_to(concat(conversation, agent, expected_version), 'UTF8')), now())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT c.* INTO changed FROM conversations AS c WHERE c.workspace_id = workspace AND c.id = conversation;
        RETURN changed;
    END IF;
    SELECT c.* INTO old FROM conversations AS c WHERE c.workspace_id = workspace AND c.id = conversation AND c.latest FOR NO KEY UPDATE;
    SELECT a.active INTO is_active FROM agents AS a WHERE a.workspace_id = workspace AND a.id = agent FOR SHARE;
    IF old.id IS NULL THEN RAISE EXCEPTION 'NOT_FOUND'; END IF;
    IF old.version <> expected_version THEN RAISE EXCEPTION 'CONFLICT'; END IF;
    IF is_active IS NOT TRUE THEN RAISE EXCEPTION 'AGENT_INACTIVE'; END IF;
    UPDATE conversations AS c SET assignee_id = agent, version = c.version + 1, revision = c.revision + 1
    WHERE c.workspace_id = workspace AND c.id = conversation RETURNING c.* INTO changed;
    UPDATE contacts AS c SET assignee_id = agent, version = changed.version, revision = c.revision + 1
    WHERE c.workspace_id = workspace AND c.id = changed.contact_id;
    UPDATE idempotency_keys AS k SET outcome = jsonb_build_object('event', event)
    WHERE k.workspace_id = workspace AND k.caller = 'peer' AND k.key = assign.key;
    WITH head AS (UPDATE event_heads AS h SET seq = h.seq + 1, event_id = event WHERE h.workspace_id = workspace RETURNING seq)
    INSERT INTO events (workspace_id, seq, change, id, type, conversation_id, contact_id, before, after, data, origin, created_at)
    SELECT workspace, head.seq, head.seq, event, 'CONVERSATION_ASSIGNED', changed.id, changed.contact_id,
        jsonb_strip_nulls(jsonb_build_object('status', old.status, 'channel', old.channel, 'assignee', old.assignee_id, 'version', old.version,
            'openedAt', old.opened_at, 'waitingSince', old.waiting_since, 'lastInboundChannel', old.last_inbound_channel)),
        jsonb_strip_nulls(jsonb_build_object('status', changed.status, 'channel', changed.channel, 'assignee', changed.assignee_id, 'version', changed.version,
            'openedAt', changed.opened_at, 'waitingSince', changed.waiting_since, 'lastInboundChannel', changed.last_inbound_channel)),
        '{"reason": "MANUAL"}', assign.key, now()
    FROM head;
    RETURN changed;
END $$;
