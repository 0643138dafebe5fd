-- Columns that a server of the version before neither reads nor writes: it works on with
-- them (expand). What it writes meanwhile leaves them as they are, or null.

-- change is the number of the last event of the same mutation or workflow step; null in
-- rows from before, each of which is a change of its own. via is the integration that
-- called on behalf of the actor; null if the actor called.
ALTER TABLE events ADD COLUMN change bigint, ADD COLUMN via text;

-- revision grows with every change of the row, version only with status, assignee and block.
ALTER TABLE contacts ADD COLUMN revision int NOT NULL DEFAULT 1;
ALTER TABLE conversations ADD COLUMN revision int NOT NULL DEFAULT 1, ADD COLUMN last_inbound_channel text;

-- The channel of the contact's last message, withheld ones left out, like last_inbound_at.
UPDATE conversations SET last_inbound_channel = last.channel
FROM (SELECT DISTINCT ON (workspace_id, conversation_id) workspace_id, conversation_id, channel
    FROM messages WHERE kind = 'INBOUND' AND NOT withheld AND conversation_id IS NOT NULL
    ORDER BY workspace_id, conversation_id, created_at DESC, id DESC) AS last
WHERE conversations.workspace_id = last.workspace_id AND conversations.id = last.conversation_id;
