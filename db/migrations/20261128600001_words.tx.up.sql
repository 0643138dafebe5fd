-- Words that are one typing error away from a term are looked up by their codes.
CREATE INDEX known_words_workspace_code ON known_words (workspace_id, code);

-- nearest_words returns for each kind the known words that are nearest to a mistyped term or whose
-- beginnings are, with the number of typing errors, at most two.
CREATE FUNCTION nearest_words(workspace bigint, kinds text[], term text, term_code text)
RETURNS TABLE (kind text, word text, distance float8)
LANGUAGE sql STABLE SET pg_trgm.similarity_threshold = 0.2 AS $$
    SELECT ranked.kind, ranked.word, ranked.distance
    FROM (
        SELECT near.*, row_number() OVER (PARTITION BY near.kind ORDER BY near.distance, near.word) AS rank
        FROM (
            SELECT known.kind, known.word, least(
                levenshtein_less_equal(known.word, term, 2),
                levenshtein_less_equal(left(known.word, length(term) + 1), term, 2) + 0.5)::float8 AS distance
            FROM known_words AS known
            WHERE known.workspace_id = workspace AND known.kind = ANY (kinds) AND known.code % term_code) AS near
        WHERE near.distance < 3) AS ranked
    WHERE ranked.rank <= 40
$$;

-- The columns of these indexes are read only where search_text or note_text is still missing, and
-- such rows have an index of their own. A server of the version before reads them in the same way.
-- The indexes made each insert of a contact or a closing note slower.
DROP INDEX contacts_search, contacts_name, agents_search, agents_name, conversations_closing, search_words_word;
