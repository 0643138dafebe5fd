-- Columns with the folded forms of searched text. The server folds, not PostgreSQL, whose folding
-- depends on the locale of the database. A server of the previous version reads and writes only the
-- old columns, which stay (expand). Null means not folded yet; until then the old column is
-- searched.

-- The country of phone numbers without a country code, ISO 3166-1 alpha-2; null if unknown.
ALTER TABLE workspaces ADD COLUMN country text CHECK (length(country) = 2);

-- email_key is also null if another agent already had the same key when the column was first
-- filled.
ALTER TABLE agents
    ADD COLUMN revision int NOT NULL DEFAULT 1,
    ADD COLUMN search_text text COLLATE "C",
    ADD COLUMN name_text text COLLATE "C",
    ADD COLUMN email_key text COLLATE "C";
CREATE UNIQUE INDEX agents_email_key ON agents (workspace_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX agents_search_text ON agents USING gin (search_text gin_trgm_ops);
CREATE INDEX agents_name_text ON agents (workspace_id, coalesce(name_text, name COLLATE "C"), id);
CREATE INDEX agents_unfolded ON agents (workspace_id, id) WHERE search_text IS NULL;

-- search_country is the country by which the phone number was parsed; empty if unknown.
ALTER TABLE contacts
    ADD COLUMN search_text text COLLATE "C",
    ADD COLUMN name_text text COLLATE "C",
    ADD COLUMN search_country text COLLATE "C";
CREATE INDEX contacts_search_text ON contacts USING gin (search_text gin_trgm_ops);
CREATE INDEX contacts_name_text ON contacts (workspace_id, coalesce(name_text, name COLLATE "C"), id);
CREATE INDEX contacts_unfolded ON contacts (workspace_id, id) WHERE search_text IS NULL;
CREATE INDEX contacts_country ON contacts (workspace_id, search_country) WHERE phone IS NOT NULL;

-- note_text is the folded closing note; null without one.
ALTER TABLE conversations ADD COLUMN note_text text COLLATE "C";
CREATE INDEX conversations_note_text ON conversations USING gin (note_text gin_trgm_ops) WHERE note_text IS NOT NULL;
CREATE INDEX conversations_unfolded ON conversations (workspace_id, id)
    WHERE note_text IS NULL AND (closing_text IS NOT NULL OR closing_category IS NOT NULL);

-- A server of the previous version changes searched text without folding it, and does not change
-- the revision. These triggers mark such rows as not folded.
CREATE FUNCTION unfold_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := NULL; NEW.name_text := NULL; NEW.email_key := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER agents_unfold BEFORE UPDATE OF name, email ON agents FOR EACH ROW
    WHEN ((OLD.name, OLD.email) IS DISTINCT FROM (NEW.name, NEW.email) AND OLD.revision = NEW.revision)
    EXECUTE FUNCTION unfold_agent();

CREATE FUNCTION unfold_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := NULL; NEW.name_text := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER contacts_unfold BEFORE UPDATE OF name, email, phone ON contacts FOR EACH ROW
    WHEN ((OLD.name, OLD.email, OLD.phone) IS DISTINCT FROM (NEW.name, NEW.email, NEW.phone) AND OLD.revision = NEW.revision)
    EXECUTE FUNCTION unfold_contact();

CREATE FUNCTION unfold_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.note_text := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER conversations_unfold BEFORE UPDATE OF closing_category, closing_text ON conversations FOR EACH ROW
    WHEN ((OLD.closing_category, OLD.closing_text) IS DISTINCT FROM (NEW.closing_category, NEW.closing_text) AND OLD.revision = NEW.revision)
    EXECUTE FUNCTION unfold_note();

-- The words of names, addresses and closing notes, except words with digits. A mistyped search word
-- is replaced by the nearest known words. code is the word with each letter mapped to a small ASCII
-- letter, for which trigrams work in every locale.
CREATE TABLE known_words (
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    kind         text NOT NULL CHECK (kind IN ('AGENT', 'CONTACT', 'NOTE')),
    word         text COLLATE "C" NOT NULL,
    code         text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, kind, word)
);
CREATE INDEX known_words_code ON known_words USING gin (code gin_trgm_ops);

-- Words that an update removed from a row, so perhaps from the last row that had them. Inserting
-- here takes no lock; whether a row still has the word is checked later, and until then by each
-- search. forgotten_at is when the word was removed from known_words.
CREATE TABLE doubted_words (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id bigint NOT NULL REFERENCES workspaces (key),
    kind         text NOT NULL CHECK (kind IN ('AGENT', 'CONTACT', 'NOTE')),
    word         text COLLATE "C" NOT NULL,
    forgotten_at timestamptz
);
CREATE INDEX doubted_words_word ON doubted_words (workspace_id, kind, word);

CREATE FUNCTION doubt_words(workspace bigint, of_kind text, before text, after text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO doubted_words (workspace_id, kind, word)
    SELECT workspace, of_kind, gone.word
    FROM (SELECT unnest(string_to_array(before, ' ')) EXCEPT SELECT unnest(string_to_array(after, ' '))) AS gone (word)
    WHERE length(gone.word) BETWEEN 4 AND 40 AND gone.word !~ '[0-9]'
$$;
CREATE FUNCTION doubt_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM doubt_words(OLD.workspace_id, TG_ARGV[0], OLD.search_text, NEW.search_text);
    RETURN NULL;
END $$;
CREATE FUNCTION doubt_note_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM doubt_words(OLD.workspace_id, 'NOTE', OLD.note_text, NEW.note_text);
    RETURN NULL;
END $$;
CREATE TRIGGER agents_doubt AFTER UPDATE ON agents FOR EACH ROW
    WHEN (OLD.search_text IS NOT NULL AND OLD.search_text IS DISTINCT FROM NEW.search_text) EXECUTE FUNCTION doubt_search_text('AGENT');
CREATE TRIGGER contacts_doubt AFTER UPDATE ON contacts FOR EACH ROW
    WHEN (OLD.search_text IS NOT NULL AND OLD.search_text IS DISTINCT FROM NEW.search_text) EXECUTE FUNCTION doubt_search_text('CONTACT');
CREATE TRIGGER conversations_doubt AFTER UPDATE ON conversations FOR EACH ROW
    WHEN (OLD.note_text IS NOT NULL AND OLD.note_text IS DISTINCT FROM NEW.note_text) EXECUTE FUNCTION doubt_note_text();

-- near_words returns the known words nearest to a mistyped word, compared as a whole or by their
-- beginning, with the edit distance: at most two letters, or one for words of four letters.
CREATE FUNCTION near_words(workspace bigint, of_kind text, term text, term_code text) RETURNS TABLE (word text, distance float8)
LANGUAGE sql STABLE SET pg_trgm.similarity_threshold = 0.2 AS $$
    SELECT near.word, near.distance FROM (
        SELECT known.word, least(
            levenshtein_less_equal(known.word, term, 2),
            levenshtein_less_equal(left(known.word, length(term) + 1), term, 2) + 0.5)::float8 AS distance
        FROM known_words AS known
        WHERE known.workspace_id = workspace AND known.kind = of_kind AND known.code % term_code
          AND length(term) BETWEEN 4 AND 40) AS near
    WHERE near.distance < CASE WHEN length(term) = 4 THEN 2 ELSE 3 END
    ORDER BY near.distance, near.word LIMIT 40
$$;
