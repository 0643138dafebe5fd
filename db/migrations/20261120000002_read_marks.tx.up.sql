-- Up to where an agent has read a conversation: everything that is not younger. Without
-- a row it is what is not younger than the agent (I3).
CREATE TABLE read_marks (
    workspace_id    bigint NOT NULL,
    agent_id        uuid NOT NULL,
    conversation_id uuid NOT NULL,
    read_at         timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, agent_id, conversation_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations (workspace_id, id)
);

-- The contact's last message, withheld ones left out. With it a list is filtered by what
-- is unread without looking at messages, which takes a third of the time.
ALTER TABLE conversations ADD COLUMN last_inbound_at timestamptz;
UPDATE conversations SET last_inbound_at = (SELECT max(created_at) FROM messages
    WHERE workspace_id = conversations.workspace_id AND conversation_id = conversations.id AND kind = 'INBOUND' AND NOT withheld);
