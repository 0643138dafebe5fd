-- Whether the end of a message's body was cut off because it was too long.
ALTER TABLE messages ADD COLUMN truncated boolean NOT NULL DEFAULT false;
