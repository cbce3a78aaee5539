-- The account's limits, breaker and pause, for all workers.

ALTER TABLE account ADD COLUMN paused_by_person INTEGER NOT NULL DEFAULT 0
    CHECK (paused_by_person IN (0, 1));
-- The breaker: open since, how long the current pause is, and the events that failed in a row.
ALTER TABLE account ADD COLUMN opened_at INTEGER;
ALTER TABLE account ADD COLUMN breaker_pause INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN failing TEXT;
-- When a probe may go out, and the one under way, if any, until its lease ends.
ALTER TABLE account ADD COLUMN probe_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN probe_event_id TEXT;
ALTER TABLE account ADD COLUMN probe_token INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN probe_until INTEGER NOT NULL DEFAULT 0;
-- How long it was paused or its breaker open, in ms, but for the time since held_since.
ALTER TABLE account ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN held_since INTEGER;
-- How many requests may be in flight at once (0: as many as the workers like), how many were when
-- failures came in a row, when the first number last changed, and since when it has been reached.
ALTER TABLE account ADD COLUMN concurrency_max INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN concurrency_broke INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN concurrency_grown_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN concurrency_bound_at INTEGER NOT NULL DEFAULT 0;

-- An account that is paused now is held since then.
UPDATE account
SET held_since = paused_at
WHERE paused_at IS NOT NULL;

-- A kind of request each: the allowance that the workers were given, and what Klaviyo's last answers
-- said of the current minute (common/domain/rate.h).
CREATE TABLE rates (
    kind          TEXT    NOT NULL PRIMARY KEY CHECK (kind IN ('event', 'job')),
    burst         INTEGER NOT NULL DEFAULT 0,
    steady        INTEGER NOT NULL DEFAULT 0,
    reset_at      INTEGER NOT NULL DEFAULT 0,
    remaining     INTEGER NOT NULL DEFAULT 0,
    remaining_at  INTEGER NOT NULL DEFAULT 0,
    unsure        INTEGER NOT NULL DEFAULT 0,
    sent          INTEGER NOT NULL DEFAULT 0,
    first         INTEGER NOT NULL DEFAULT 0,
    first_at      INTEGER NOT NULL DEFAULT 0,
    own           INTEGER NOT NULL DEFAULT 0,
    foreign_count INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO rates (kind) VALUES ('event'), ('job');

-- Answered requests of the last second and the last minute, in slots by the time of the answer.
CREATE TABLE rate_slots (
    kind    TEXT    NOT NULL CHECK (kind IN ('event', 'job')),
    span    INTEGER NOT NULL,
    slot_at INTEGER NOT NULL,
    count   INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (kind, span, slot_at)
) STRICT, WITHOUT ROWID;

-- What each worker has on the wire: its own word, in full, in each of its transactions, so that
-- nothing drifts. Nothing of it is on the wire any more after until_at.
CREATE TABLE rate_flights (
    kind     TEXT    NOT NULL CHECK (kind IN ('event', 'job')),
    worker   TEXT    NOT NULL,
    count    INTEGER NOT NULL CHECK (count > 0),
    until_at INTEGER NOT NULL,
    PRIMARY KEY (kind, worker)
) STRICT, WITHOUT ROWID;

-- What the account had been held when the event's age began.
ALTER TABLE outbox ADD COLUMN held_before INTEGER NOT NULL DEFAULT 0;

-- First attempts and repeated ones each in their order, so that a backlog of the one never hides the
-- other, and a claim costs the same however long both are.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (attempts > 0, next_attempt_at)
    WHERE status = 'pending' AND next_attempt_at IS NOT NULL;
