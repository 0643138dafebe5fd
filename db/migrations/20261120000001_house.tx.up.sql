-- Search forgives accents and typos: trigrams find parts of words, unaccent
-- removes accents, fuzzystrmatch measures how far a mistyped word is off.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch WITH SCHEMA public;

-- fold gives text in the form in which it is searched: lower case, no accents.
-- unaccent alone is not immutable because its dictionary may change; naming the
-- dictionary is the usual promise that it does not.
CREATE FUNCTION fold(text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(public.unaccent('public.unaccent'::regdictionary, $1));

CREATE FUNCTION digits(text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN regexp_replace($1, '\D', '', 'g');

-- like_escape makes the wildcards of LIKE plain letters.
CREATE FUNCTION like_escape(text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN regexp_replace($1, '([\\%_])', '\\\1', 'g');

CREATE TABLE workspaces (
    key                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                 uuid NOT NULL UNIQUE,
    name               text NOT NULL CHECK (name <> ''),
    time_zone          text NOT NULL DEFAULT 'UTC',
    reopen_policy      text NOT NULL DEFAULT 'REOPEN' CHECK (reopen_policy IN ('REOPEN', 'NEW', 'REOPEN_WITHIN')),
    reopen_within_days int  NOT NULL DEFAULT 7 CHECK (reopen_within_days BETWEEN 1 AND 3650),
    owner_policy       text NOT NULL DEFAULT 'KEEP' CHECK (owner_policy IN ('KEEP', 'UNASSIGN', 'UNASSIGN_IF_UNAVAILABLE')),
    closing_categories text[] NOT NULL DEFAULT '{}',
    demo               boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL
);

-- The counter row of each workspace's log: the number of its last event and that
-- event's id. It is updated as the last statement of each writing transaction, so
-- numbers are handed out in commit order and without gaps (P2).
CREATE TABLE event_heads (
    workspace_id bigint PRIMARY KEY REFERENCES workspaces (key),
    seq          bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    event_id     uuid,
    CHECK ((seq = 0) = (event_id IS NULL))
) WITH (fillfactor = 10);

CREATE TABLE agents (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (name <> ''),
    email        text CHECK (email <> ''),
    avatar_url   text CHECK (avatar_url LIKE 'https://%'),
    role         text NOT NULL CHECK (role IN ('AGENT', 'MANAGER')),
    skills       text[] NOT NULL DEFAULT '{}',
    availability text NOT NULL CHECK (availability IN ('ONLINE', 'AWAY', 'OFFLINE')),
    active       boolean NOT NULL,
    issuer       text,
    subject      text,
    created_at   timestamptz NOT NULL,
    search       text GENERATED ALWAYS AS (fold(name || ' ' || coalesce(email, ''))) STORED,
    name_key     text COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    PRIMARY KEY (workspace_id, id),
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    CHECK (active OR availability = 'OFFLINE')
);
CREATE UNIQUE INDEX agents_email ON agents (workspace_id, lower(email));
CREATE UNIQUE INDEX agents_identity ON agents (issuer, subject);
CREATE INDEX agents_search ON agents USING gin (search gin_trgm_ops);
CREATE INDEX agents_name ON agents (workspace_id, name_key, id);

CREATE TABLE contacts (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (name <> ''),
    email        text CHECK (email <> ''),
    phone        text CHECK (phone <> ''),
    avatar_url   text CHECK (avatar_url LIKE 'https://%'),
    blocked_at   timestamptz,
    assignee_id  uuid,
    version      int NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at   timestamptz NOT NULL,
    search       text GENERATED ALWAYS AS (fold(name || ' ' || coalesce(email, '') || ' ' || coalesce(phone, '') || ' ' || coalesce(digits(phone), ''))) STORED,
    name_key     text COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, assignee_id) REFERENCES agents (workspace_id, id)
);
CREATE INDEX contacts_search ON contacts USING gin (search gin_trgm_ops);
CREATE INDEX contacts_name ON contacts (workspace_id, name_key, id);
CREATE INDEX contacts_created ON contacts (workspace_id, created_at, id);

CREATE TABLE contact_identities (
    workspace_id bigint NOT NULL,
    channel      text NOT NULL CHECK (channel <> ''),
    external_id  text NOT NULL CHECK (external_id <> ''),
    contact_id   uuid NOT NULL,
    PRIMARY KEY (workspace_id, channel, external_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id)
);
CREATE INDEX contact_identities_contact ON contact_identities (workspace_id, contact_id);

-- latest and blocked are kept here, beside the contact's own columns, so that a
-- view is one condition on one table: blocked is true on the latest conversation
-- of a blocked contact and nowhere else.
CREATE TABLE conversations (
    workspace_id     bigint NOT NULL REFERENCES workspaces (key),
    id               uuid NOT NULL,
    contact_id       uuid NOT NULL,
    channel          text NOT NULL CHECK (channel <> ''),
    status           text NOT NULL CHECK (status IN ('OPEN', 'CLOSED')),
    latest           boolean NOT NULL,
    blocked          boolean NOT NULL DEFAULT false,
    assignee_id      uuid,
    version          int NOT NULL CHECK (version >= 1),
    opened_at        timestamptz NOT NULL,
    opened_by        text,
    closed_at        timestamptz,
    closed_by        text,
    closing_category text CHECK (closing_category <> ''),
    closing_text     text CHECK (closing_text <> ''),
    last_activity_at timestamptz NOT NULL,
    waiting_since    timestamptz,
    last_message_id  uuid,
    import_key       bytea,
    closing_search   text GENERATED ALWAYS AS (fold(coalesce(closing_category, '') || ' ' || coalesce(closing_text, ''))) STORED,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, assignee_id) REFERENCES agents (workspace_id, id),
    CHECK (latest OR status = 'CLOSED'),
    CHECK (latest OR NOT blocked),
    CHECK ((status = 'CLOSED') = (closed_at IS NOT NULL)),
    CHECK (status = 'CLOSED' OR (closed_by IS NULL AND closing_category IS NULL AND closing_text IS NULL)),
    CHECK (status = 'OPEN' OR waiting_since IS NULL)
);
CREATE UNIQUE INDEX conversations_one_open ON conversations (workspace_id, contact_id) WHERE status = 'OPEN';
CREATE UNIQUE INDEX conversations_one_latest ON conversations (workspace_id, contact_id) WHERE latest;
CREATE UNIQUE INDEX conversations_import ON conversations (workspace_id, import_key) WHERE import_key IS NOT NULL;
CREATE INDEX conversations_contact ON conversations (workspace_id, contact_id, opened_at, id);
CREATE INDEX conversations_closing ON conversations USING gin (closing_search gin_trgm_ops)
    WHERE closing_text IS NOT NULL OR closing_category IS NOT NULL;

-- Each view in each order is one index range. UNASSIGNED has indexes of its own:
-- an index led by assignee_id cannot give sorted rows where that is null.
CREATE INDEX conversations_all_activity ON conversations (workspace_id, last_activity_at, id) WHERE status = 'OPEN' AND NOT blocked;
CREATE INDEX conversations_all_waiting ON conversations (workspace_id, waiting_since, id) WHERE status = 'OPEN' AND NOT blocked;
CREATE INDEX conversations_all_opened ON conversations (workspace_id, opened_at, id) WHERE status = 'OPEN' AND NOT blocked;
CREATE INDEX conversations_mine_activity ON conversations (workspace_id, assignee_id, last_activity_at, id) WHERE status = 'OPEN' AND NOT blocked;
CREATE INDEX conversations_mine_waiting ON conversations (workspace_id, assignee_id, waiting_since, id) WHERE status = 'OPEN' AND NOT blocked;
CREATE INDEX conversations_mine_opened ON conversations (workspace_id, assignee_id, opened_at, id) WHERE status = 'OPEN' AND NOT blocked;
CREATE INDEX conversations_unassigned_activity ON conversations (workspace_id, last_activity_at, id) WHERE status = 'OPEN' AND NOT blocked AND assignee_id IS NULL;
CREATE INDEX conversations_unassigned_waiting ON conversations (workspace_id, waiting_since, id) WHERE status = 'OPEN' AND NOT blocked AND assignee_id IS NULL;
CREATE INDEX conversations_unassigned_opened ON conversations (workspace_id, opened_at, id) WHERE status = 'OPEN' AND NOT blocked AND assignee_id IS NULL;
CREATE INDEX conversations_closed_activity ON conversations (workspace_id, last_activity_at, id) WHERE status = 'CLOSED' AND NOT blocked;
CREATE INDEX conversations_closed_opened ON conversations (workspace_id, opened_at, id) WHERE status = 'CLOSED' AND NOT blocked;
CREATE INDEX conversations_blocked ON conversations (workspace_id, last_activity_at, id) WHERE blocked;

CREATE TABLE messages (
    workspace_id    bigint NOT NULL REFERENCES workspaces (key),
    id              uuid NOT NULL,
    conversation_id uuid,
    contact_id      uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('INBOUND', 'OUTBOUND', 'NOTE')),
    author          text,
    body            text NOT NULL,
    channel         text NOT NULL CHECK (channel <> ''),
    automated       boolean NOT NULL DEFAULT false,
    withheld        boolean NOT NULL DEFAULT false,
    sent_at         timestamptz,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations (workspace_id, id)
);
CREATE INDEX messages_conversation ON messages (workspace_id, conversation_id, created_at, id);
ALTER TABLE conversations ADD FOREIGN KEY (workspace_id, last_message_id)
    REFERENCES messages (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE events (
    workspace_id    bigint NOT NULL REFERENCES workspaces (key),
    seq             bigint NOT NULL CHECK (seq >= 1),
    id              uuid NOT NULL,
    type            text NOT NULL,
    conversation_id uuid,
    contact_id      uuid,
    actor           text,
    before          jsonb,
    after           jsonb,
    data            jsonb NOT NULL,
    origin          text,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, seq),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id)
);
CREATE UNIQUE INDEX events_id ON events (workspace_id, id);
CREATE INDEX events_conversation ON events (workspace_id, conversation_id, seq) WHERE conversation_id IS NOT NULL;
CREATE INDEX events_contact ON events (workspace_id, contact_id, seq) WHERE contact_id IS NOT NULL;

CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER events_append_only BEFORE UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

CREATE TABLE tokens (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    id           uuid NOT NULL,
    scope        text NOT NULL CHECK (scope IN ('AGENT', 'INTEGRATION', 'READ')),
    agent_id     uuid,
    name         text NOT NULL CHECK (name <> ''),
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id),
    CHECK ((scope = 'AGENT') = (agent_id IS NOT NULL))
);

-- One row for each idempotency key of a caller: what was asked and what came of it (P6).
CREATE TABLE idempotency_keys (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    caller       text NOT NULL,
    key          text NOT NULL,
    request      bytea NOT NULL CHECK (length(request) = 32),
    outcome      jsonb,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, caller, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (workspace_id, created_at);

-- The words that occur in names and closing notes. A mistyped search term is
-- looked up here and replaced by the words nearest to it.
CREATE TABLE search_words (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    kind         text NOT NULL CHECK (kind IN ('AGENT', 'CONTACT', 'NOTE')),
    word         text NOT NULL,
    PRIMARY KEY (workspace_id, kind, word)
);
CREATE INDEX search_words_word ON search_words USING gin (word gin_trgm_ops);

-- similar_words gives the known words nearest to a mistyped term, or else to their
-- beginning: at most two letters off, one for terms of four letters.
CREATE FUNCTION similar_words(workspace bigint, of_kind text, term text) RETURNS SETOF text
LANGUAGE sql STABLE SET pg_trgm.similarity_threshold = 0.2 AS $$
    WITH near AS (
        SELECT word, least(
            levenshtein_less_equal(word, term, 2),
            levenshtein_less_equal(left(word, length(term) + 1), term, 2) + 0.5) AS distance
        FROM search_words
        WHERE workspace_id = workspace AND kind = of_kind AND word % term AND length(term) BETWEEN 4 AND 40
    )
    SELECT word FROM near
    WHERE distance < CASE WHEN length(term) = 4 THEN 2 ELSE 3 END
      AND distance = (SELECT min(distance) FROM near)
    ORDER BY word LIMIT 20
$$;
