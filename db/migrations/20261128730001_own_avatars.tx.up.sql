-- Avatars may also be pictures that the server itself has for the demo. Rows from before need no
-- check: they meet the stricter one.
ALTER TABLE contacts
    DROP CONSTRAINT contacts_avatar_url_check,
    ADD CONSTRAINT contacts_avatar_url_check CHECK (avatar_url LIKE 'https://%' OR avatar_url LIKE '/avatars/%') NOT VALID;
ALTER TABLE agents
    DROP CONSTRAINT agents_avatar_url_check,
    ADD CONSTRAINT agents_avatar_url_check CHECK (avatar_url LIKE 'https://%' OR avatar_url LIKE '/avatars/%') NOT VALID;
