-- Keys come in no order. In a table of its own order each create changed a page of replies that no
-- other create of its batch changed; now the rows stand where the last ones do, and only the short
-- entry of the index is looked for at random.

CREATE TABLE idempotency_keys_by_row (
    key         TEXT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    preorder_id TEXT NOT NULL REFERENCES preorders (id),
    reply       TEXT NOT NULL
) STRICT;
INSERT INTO idempotency_keys_by_row (key, fingerprint, preorder_id, reply)
SELECT key, fingerprint, preorder_id, reply
FROM idempotency_keys
ORDER BY preorder_id;
DROP TABLE idempotency_keys;
ALTER TABLE idempotency_keys_by_row RENAME TO idempotency_keys;
