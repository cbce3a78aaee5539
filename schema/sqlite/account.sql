-- The account as a whole: what holds it back, and what its allowance is used for.

-- name: account_load
SELECT not_before, last_sent_at, paused_at, pause_reason, paused_by_person, opened_at,
       breaker_pause, failing, probe_at, probe_event_id, probe_token, probe_until, held, held_since,
       concurrency_max, concurrency_broke, concurrency_grown_at, concurrency_bound_at, refused
FROM account;

-- name: account_store
UPDATE account
SET not_before           = :not_before,
    last_sent_at         = :last_sent_at,
    paused_at            = :paused_at,
    pause_reason         = :pause_reason,
    paused_by_person     = :paused_by_person,
    opened_at            = :opened_at,
    breaker_pause        = :breaker_pause,
    failing              = :failing,
    probe_at             = :probe_at,
    probe_event_id       = :probe_event_id,
    probe_token          = :probe_token,
    probe_until          = :probe_until,
    held                 = :held,
    held_since           = :held_since,
    concurrency_max      = :concurrency_max,
    concurrency_broke    = :concurrency_broke,
    concurrency_grown_at = :concurrency_grown_at,
    concurrency_bound_at = :concurrency_bound_at,
    refused              = :refused;

-- name: rate_load
SELECT burst, steady, reset_at, remaining, remaining_at, unsure, sent, first, first_at, own,
       foreign_count
FROM rates
WHERE kind = :kind;

-- name: rate_store
UPDATE rates
SET burst         = :burst,
    steady        = :steady,
    reset_at      = :reset_at,
    remaining     = :remaining,
    remaining_at  = :remaining_at,
    unsure        = :unsure,
    sent          = :sent,
    first         = :first,
    first_at      = :first_at,
    own           = :own,
    foreign_count = :foreign_count
WHERE kind = :kind;

-- name: rate_slots_sum
-- A slot in the future was written before the clock was set back: it counts for one span at most.
SELECT coalesce(sum(count), 0), coalesce(min(slot_at), 0)
FROM rate_slots
WHERE kind = :kind
  AND span = :span
  AND slot_at > :now - :span
  AND slot_at <= :now + :span;

-- name: rate_slot_add
INSERT INTO rate_slots (kind, span, slot_at, count)
VALUES (:kind, :span, :slot_at, :count)
ON CONFLICT (kind, span, slot_at) DO UPDATE
SET count = count + excluded.count;

-- name: rate_slots_clean
DELETE
FROM rate_slots
WHERE kind = :kind
  AND span = :span
  AND slot_at <= :now - :span;

-- name: rate_flights_sum
-- The others': on the wire now, and within the two spans; then this worker's own.
SELECT coalesce(sum(count) FILTER (WHERE worker <> :worker AND until_at > :now), 0),
       coalesce(sum(count) FILTER (WHERE worker <> :worker AND until_at > :now - :burst_span), 0),
       coalesce(sum(count) FILTER (WHERE worker <> :worker AND until_at > :now - :steady_span), 0),
       coalesce(sum(count) FILTER (WHERE worker = :worker), 0)
FROM rate_flights
WHERE kind = :kind;

-- name: rate_flights_set
INSERT INTO rate_flights (kind, worker, count, until_at)
VALUES (:kind, :worker, :count, :until_at)
ON CONFLICT (kind, worker) DO UPDATE
SET count    = excluded.count,
    until_at = excluded.until_at;

-- name: rate_flights_drop
-- This worker's, and those of workers that vanished so long ago that nothing of it counts.
DELETE
FROM rate_flights
WHERE kind = :kind
  AND (worker = :worker OR until_at <= :now - :span);
