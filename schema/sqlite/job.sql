-- Bulk jobs: many due events for one request.

-- name: due_count
-- How many events are due, as far as anyone wants to know: two looks at the partial index.
SELECT (SELECT count(*)
        FROM (SELECT 1
              FROM outbox
              WHERE status = 'pending' AND (attempts > 0) = 0 AND next_attempt_at <= :now
              LIMIT :limit))
           + (SELECT count(*)
              FROM (SELECT 1
                    FROM outbox
                    WHERE status = 'pending' AND (attempts > 0) = 1 AND next_attempt_at <= :now
                    LIMIT :limit));

-- name: due_members
-- Due events of one sort that may go in a job. What had a holder that vanished may be at Klaviyo.
-- Bounded by what is looked at, not by what is found: events that go alone may stand before others.
SELECT rowid, id, preorder_id, token, attempts, metric, payload, request_id, traceparent,
       created_at, first_attempt_at, 0, held_before, backfill_at IS NOT NULL
FROM (SELECT rowid, *
      FROM outbox
      WHERE status = 'pending'
        AND (attempts > 0) = :is_repeated
        AND next_attempt_at <= :now
      ORDER BY next_attempt_at
      LIMIT :look_limit)
WHERE single_only = 0
  AND claimed_by IS NULL
LIMIT :limit;

-- name: claim_again
-- In the transaction that settled the attempt before: the event stays in the same hands.
UPDATE outbox
SET token            = token + 1,
    attempts         = attempts + 1,
    claimed_by       = :worker,
    claimed_at       = :now,
    claim_expires_at = :expires,
    next_attempt_at  = :expires
WHERE id = :id
  AND token = :token
  AND claimed_by IS NULL
  AND status = 'pending';
