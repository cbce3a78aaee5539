-- Times that lie further ahead than they can: written before the clock was set back.

-- name: ahead_last
-- The latest time at which anything is due or in hand: two looks at the partial index, and what is
-- as small as the crew.
SELECT max(coalesce((SELECT max(next_attempt_at)
                     FROM outbox
                     WHERE status = 'pending'
                       AND next_attempt_at IS NOT NULL
                       AND (attempts > 0) = 0), 0),
           coalesce((SELECT max(next_attempt_at)
                     FROM outbox
                     WHERE status = 'pending'
                       AND next_attempt_at IS NOT NULL
                       AND (attempts > 0) = 1), 0),
           coalesce((SELECT max(until_at) FROM rate_flights), 0),
           coalesce((SELECT max(seen_at) FROM workers), 0));

-- name: ahead_events
-- Who waits is due; who is in hand, for one more lease.
UPDATE outbox
SET next_attempt_at  = CASE WHEN claimed_by IS NULL THEN :now ELSE :now + :lease END,
    claim_expires_at = CASE WHEN claimed_by IS NULL THEN NULL ELSE :now + :lease END
WHERE rowid IN (SELECT rowid
                FROM outbox
                WHERE status = 'pending'
                  AND (attempts > 0) = :is_repeated
                  AND next_attempt_at > :latest
                LIMIT :limit);

-- name: ahead_flights
UPDATE rate_flights
SET until_at = :now + :lease
WHERE until_at > :latest;

-- name: ahead_workers
UPDATE workers
SET seen_at = :now
WHERE seen_at > :latest;
