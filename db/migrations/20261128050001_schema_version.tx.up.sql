-- The version of the schema. A migration that makes servers of the previous version fail, because
-- it removes or restricts something that they read or write, increments major and db.knownMajor. A
-- server does not start if major is greater than the db.knownMajor that it was built with.
CREATE TABLE schema_version (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    major     int NOT NULL
);
INSERT INTO schema_version (major) VALUES (1);
