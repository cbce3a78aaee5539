-- Preorders, their events, the journal of attempts, and who did what by hand.
-- Times are Unix milliseconds UTC. Support staff read these tables (sqlite3 -readonly).

CREATE TABLE preorders (
    id          TEXT    NOT NULL PRIMARY KEY,
    number      TEXT    NOT NULL UNIQUE,
    email       TEXT    NOT NULL,
    price_id    TEXT    NOT NULL,
    product     TEXT    NOT NULL,
    color       TEXT    NOT NULL,
    locale      TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount >= 0),
    currency    TEXT    NOT NULL CHECK (length(currency) = 3),
    properties  TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('initiated', 'completed', 'cancelled')),
    flag        TEXT,
    payment_url TEXT    NOT NULL,
    request_id  TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX preorders_by_email ON preorders (email);

-- A create's key, what was asked with it and what was answered, for as long as the preorder.
CREATE TABLE idempotency_keys (
    key         TEXT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    preorder_id TEXT NOT NULL REFERENCES preorders (id),
    reply       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row an event. `sequence` orders the events of one preorder. A pending event is due at
-- next_attempt_at; without one it waits behind an earlier event. A claim is a pending event with
-- claimed_by set, whose next_attempt_at is the end of the lease.
CREATE TABLE outbox (
    id               TEXT    NOT NULL PRIMARY KEY,
    preorder_id      TEXT    NOT NULL REFERENCES preorders (id),
    sequence         INTEGER NOT NULL CHECK (sequence >= 1),
    metric           TEXT    NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('pending', 'sent', 'dead', 'cancelled')),
    attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    token            INTEGER NOT NULL DEFAULT 0 CHECK (token >= 0),
    first_attempt_at INTEGER,
    next_attempt_at  INTEGER,
    claimed_by       TEXT,
    claimed_at       INTEGER,
    claim_expires_at INTEGER,
    last_http_status INTEGER,
    last_error       TEXT,
    payload          TEXT    NOT NULL,
    request_id       TEXT,
    traceparent      TEXT,
    created_at       INTEGER NOT NULL,
    sent_at          INTEGER,
    UNIQUE (preorder_id, sequence),
    CHECK ((claimed_by IS NULL) = (claim_expires_at IS NULL)),
    CHECK ((claimed_by IS NULL) = (claimed_at IS NULL)),
    CHECK (claimed_by IS NULL OR (status = 'pending' AND next_attempt_at IS NOT NULL)),
    CHECK (status = 'pending' OR next_attempt_at IS NULL),
    CHECK ((status = 'sent') = (sent_at IS NOT NULL))
) STRICT;

-- Serves claims; finished rows are not in it, so a claim costs the same however many there are.
CREATE INDEX outbox_due ON outbox (next_attempt_at)
    WHERE status = 'pending' AND next_attempt_at IS NOT NULL;
-- What support looks for; small as long as little goes wrong. Together with outbox_due they hold all
-- that is not sent, so that counting by status reads no finished row.
CREATE INDEX outbox_dead ON outbox (created_at) WHERE status = 'dead';
CREATE INDEX outbox_cancelled ON outbox (created_at) WHERE status = 'cancelled';
CREATE INDEX outbox_waiting ON outbox (created_at)
    WHERE status = 'pending' AND next_attempt_at IS NULL;

-- The journal: one line a claim that was judged, or whose holder vanished (`unknown`).
CREATE TABLE outbox_attempts (
    outbox_id       TEXT    NOT NULL REFERENCES outbox (id),
    token           INTEGER NOT NULL CHECK (token >= 1),
    worker          TEXT    NOT NULL,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    outcome         TEXT    NOT NULL
        CHECK (outcome IN ('sent', 'retry', 'throttled', 'paused', 'dead', 'unknown')),
    burnt           INTEGER NOT NULL CHECK (burnt IN (0, 1)),
    http_status     INTEGER,
    error           TEXT,
    response_body   TEXT,
    next_attempt_at INTEGER,
    PRIMARY KEY (outbox_id, token)
) STRICT, WITHOUT ROWID;

-- What holds for the Klaviyo account as a whole, for all workers: one row.
CREATE TABLE account (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    not_before   INTEGER NOT NULL DEFAULT 0,
    pause_reason TEXT,
    paused_at    INTEGER,
    last_sent_at INTEGER,
    CHECK ((pause_reason IS NULL) = (paused_at IS NULL))
) STRICT;
INSERT INTO account (id) VALUES (1);

-- How many finished events were pruned, by status: the audit's other end.
CREATE TABLE pruned_events (
    status TEXT    NOT NULL PRIMARY KEY CHECK (status IN ('sent', 'cancelled')),
    count  INTEGER NOT NULL CHECK (count >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO pruned_events (status, count) VALUES ('sent', 0), ('cancelled', 0);

-- Everything a person changed. Rows are added, never changed.
CREATE TABLE audit_log (
    id     INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    target TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    count  INTEGER NOT NULL
) STRICT;

-- The outbox for people: readable times, the customer's address, and `sending` for live claims.
CREATE VIEW outbox_overview AS
SELECT o.id,
       p.number,
       p.email,
       o.metric,
       CASE
           WHEN o.status = 'pending' AND o.claim_expires_at > unixepoch() * 1000 THEN 'sending'
           ELSE o.status
       END                                                             AS status,
       o.attempts,
       o.last_http_status,
       o.last_error,
       strftime('%Y-%m-%d %H:%M:%S', o.created_at / 1000, 'unixepoch')      AS created,
       strftime('%Y-%m-%d %H:%M:%S', o.next_attempt_at / 1000, 'unixepoch') AS next_attempt,
       strftime('%Y-%m-%d %H:%M:%S', o.sent_at / 1000, 'unixepoch')         AS sent,
       unixepoch() - o.created_at / 1000                               AS age_s,
       o.claimed_by,
       o.request_id,
       o.preorder_id
FROM outbox AS o
         JOIN preorders AS p ON p.id = o.preorder_id;
