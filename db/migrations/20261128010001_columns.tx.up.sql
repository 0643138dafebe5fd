-- Servers of the previous version neither read nor write these columns, so they keep working
-- (expand). Rows that they write keep the old values, or null.

-- change is the number of the last event of the same mutation or workflow step; null in older rows,
-- each of which is a change of its own. via is the integration that called on behalf of the actor;
-- null if the actor called.
ALTER TABLE events ADD COLUMN change bigint, ADD COLUMN via text;

-- revision grows with every change of the row, version only with status, assignee and block.
ALTER TABLE contacts ADD COLUMN revision int NOT NULL DEFAULT 1;
ALTER TABLE conversations ADD COLUMN revision int NOT NULL DEFAULT 1, ADD COLUMN last_inbound_channel text;

-- The channel of the contact's last message that is not withheld, like last_inbound_at.
UPDATE conversations SET last_inbound_channel = last.channel
FROM (SELECT DISTINCT ON (workspace_id, conversation_id) workspace_id, conversation_id, channel
    FROM messages WHERE kind = 'INBOUND' AND NOT withheld AND conversation_id IS NOT NULL
    ORDER BY workspace_id, conversation_id, created_at DESC, id DESC) AS last
WHERE conversations.workspace_id = last.workspace_id AND conversations.id = last.conversation_id;
