-- Who delivers: one row a running worker, and which claims are whose.

-- A worker holds a lock of the kernel on byte `slot` of the file beside the database for as long as
-- it lives. A row whose byte is free belongs to a worker that died: another one on its host (the same
-- host_id) takes its claims over and removes the row. `seen_at` is for people and for other hosts,
-- which cannot see the lock.
CREATE TABLE workers (
    name       TEXT    NOT NULL PRIMARY KEY,
    host_id    TEXT    NOT NULL,
    slot       INTEGER NOT NULL UNIQUE CHECK (slot >= 0),
    pid        INTEGER NOT NULL,
    listen     TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT;

-- Finds the claims of one worker; as small as what is in hand.
CREATE INDEX outbox_claimed ON outbox (claimed_by) WHERE claimed_by IS NOT NULL;
