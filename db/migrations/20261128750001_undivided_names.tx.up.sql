-- Names that punctuation divides, such as Anne-Marie, are also found in one word. Their rows are
-- folded again by the server; until then they are found as before.
UPDATE contacts SET search_text = NULL WHERE search_text IS NOT NULL AND name ~ '[^[:space:]][-.''’‐‑–/][^[:space:]]';
UPDATE agents SET search_text = NULL WHERE search_text IS NOT NULL AND name ~ '[^[:space:]][-.''’‐‑–/][^[:space:]]';
