-- The secret by which a workspace knows the cursors of its own log. Its 32 bytes are random except
-- for the 12 bits that mark two UUIDs of version 4.
ALTER TABLE workspaces ADD COLUMN cursor_secret bytea NOT NULL
    DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) CHECK (length(cursor_secret) = 32);
