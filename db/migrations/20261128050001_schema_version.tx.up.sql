-- What a server has to know to work on this schema. A migration after which a server of the
-- version before no longer works, since something it reads or writes is gone or stricter,
-- adds one to major, and db.knownMajor with it. A server does not start on a greater one.
CREATE TABLE schema_version (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    major     int NOT NULL
);
INSERT INTO schema_version (major) VALUES (1);
