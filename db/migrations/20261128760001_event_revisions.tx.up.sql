-- The revisions of the conversation and of the contact right after the event, by which a client
-- finds out whether a row that it holds is older. Servers of the version before leave them null.
ALTER TABLE events ADD COLUMN conversation_revision int, ADD COLUMN contact_revision int;
