-- What people change. Each statement repeats its condition on the status. A verdict still on its way
-- to the database finds its claim gone, and the next claim has a new token.

-- name: retry_event
-- Dead becomes pending, attempts and age anew: due now, or waiting behind an earlier event.
UPDATE outbox
SET status           = 'pending',
    attempts         = 0,
    first_attempt_at = NULL,
    next_attempt_at  = CASE
                           WHEN EXISTS (SELECT 1
                                        FROM outbox AS e
                                        WHERE e.preorder_id = outbox.preorder_id
                                          AND e.sequence < outbox.sequence
                                          AND e.status = 'pending') THEN NULL
                           ELSE :now_ms
                       END
WHERE id = :id AND status = 'dead';

-- name: hold_later_events
-- The order within a preorder: what comes after a retried event waits for it again, unless it is in
-- a worker's hands already.
UPDATE outbox
SET next_attempt_at = NULL
WHERE preorder_id = :preorder_id
  AND sequence > (SELECT e.sequence FROM outbox AS e WHERE e.id = :id)
  AND status = 'pending'
  AND claimed_by IS NULL AND next_attempt_at IS NOT NULL;

-- name: journal_lost_claim
-- A claim that ends undecided (its lease ran out, or the event is sent by another): nobody knows what
-- came of it.
INSERT INTO outbox_attempts (outbox_id, token, worker, started_at, outcome, burnt, error)
SELECT id, token, claimed_by, claimed_at, 'unknown', 1,
       'the worker vanished before it wrote down what became of this attempt'
FROM outbox
WHERE id = :id AND claimed_by IS NOT NULL
ON CONFLICT (outbox_id, token) DO NOTHING;

-- name: cancel_event
UPDATE outbox
SET status           = 'cancelled',
    next_attempt_at  = NULL,
    claimed_by       = NULL,
    claimed_at       = NULL,
    claim_expires_at = NULL
WHERE id = :id
  AND (status = 'dead' OR (status = 'pending' AND coalesce(claim_expires_at, 0) <= :now_ms));

-- name: write_audit_log
INSERT INTO audit_log (at, actor, action, target, reason, count)
VALUES (:at_ms, :actor, :action, :target, :reason, :count);
