-- What Stripe said about payments: one row an event of Stripe's, whose id is stored once.

CREATE TABLE payment_events (
    id              TEXT    NOT NULL PRIMARY KEY,
    preorder_id     TEXT    NOT NULL REFERENCES preorders (id),
    type            TEXT    NOT NULL,
    session_id      TEXT    NOT NULL,
    -- flagged: the preorder waits for a person for its sake; accepted: a person took it; refunded: the
    -- customer got the money back.
    outcome         TEXT    NOT NULL
        CHECK (outcome IN ('applied', 'recorded', 'flagged', 'accepted', 'refunded')),
    -- 1: money came in, and was not given back.
    paid            INTEGER NOT NULL CHECK (paid IN (0, 1)),
    -- What it was flagged for.
    flag            TEXT    CHECK (flag IN ('mismatch', 'again')),
    amount_subtotal INTEGER CHECK (amount_subtotal >= 0),
    amount_total    INTEGER CHECK (amount_total >= 0),
    currency        TEXT,
    -- The event of the outbox that it gave rise to, if any: each kind once a preorder.
    event_kind      TEXT    CHECK (event_kind IN ('completed', 'abandoned', 'payment_failed')),
    event_id        TEXT    UNIQUE,
    created_at      INTEGER NOT NULL,
    received_at     INTEGER NOT NULL,
    UNIQUE (preorder_id, event_kind),
    CHECK ((event_kind IS NULL) = (event_id IS NULL)),
    CHECK ((flag IS NOT NULL) = (outcome IN ('flagged', 'accepted', 'refunded')))
) STRICT, WITHOUT ROWID;

-- Small as long as little goes wrong.
CREATE INDEX preorders_flagged ON preorders (updated_at) WHERE flag IS NOT NULL;
