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

-- What can be unread: a conversation's youngest such message is the end of an index
-- range, and those after a mark are the rest of it.
CREATE INDEX messages_inbound ON messages (workspace_id, conversation_id, created_at)
    WHERE kind = 'INBOUND' AND NOT withheld;
