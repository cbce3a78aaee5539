-- Delivering: what is due and what became of it.

-- name: due_next
-- When the earliest pending event is due: two looks at the partial index.
SELECT min(next_attempt_at)
FROM (SELECT min(next_attempt_at) AS next_attempt_at
      FROM outbox
      WHERE status = 'pending' AND next_attempt_at IS NOT NULL AND (attempts > 0) = 0
      UNION ALL
      SELECT min(next_attempt_at)
      FROM outbox
      WHERE status = 'pending' AND next_attempt_at IS NOT NULL AND (attempts > 0) = 1);

-- name: due_repeated_count
-- How many repeated attempts are due, as far as anyone wants to know.
SELECT count(*)
FROM (SELECT 1
      FROM outbox
      WHERE status = 'pending'
        AND (attempts > 0) = 1
        AND next_attempt_at <= :now
      LIMIT :limit);

-- name: due_list
SELECT rowid, id, preorder_id, token, attempts, metric, payload, request_id, traceparent,
       created_at, first_attempt_at, claimed_by IS NOT NULL, held_before, backfill_at IS NOT NULL
FROM outbox
WHERE status = 'pending'
  AND (attempts > 0) = :is_repeated
  AND next_attempt_at <= :now
ORDER BY next_attempt_at
LIMIT :limit;

-- name: claim_event
-- Token and attempt count rise before anything is sent: an event that kills its worker still
-- runs out of attempts. What had a holder that vanished may be at Klaviyo: it goes alone.
UPDATE outbox
SET token            = token + 1,
    single_only      = max(single_only, claimed_by IS NOT NULL),
    backfill_at      = CASE WHEN backfill_at IS NULL AND created_at < :backfill_before THEN :now
                            ELSE backfill_at END,
    attempts         = attempts + 1,
    claimed_by       = :worker,
    claimed_at       = :now,
    claim_expires_at = :expires,
    next_attempt_at  = :expires
WHERE rowid = :rowid;

-- name: journal_vanished
-- The claim before ours was never judged: its holder died or is cut off.
INSERT INTO outbox_attempts (outbox_id, token, worker, started_at, outcome, burnt, error)
SELECT id, token, claimed_by, claimed_at, 'unknown', 1,
       'the worker vanished before it wrote down what became of this attempt'
FROM outbox
WHERE rowid = :rowid
ON CONFLICT (outbox_id, token) DO NOTHING;

-- name: settle_event
-- Not due while an earlier event of its preorder is unfinished: a person may have retried that one
-- meanwhile.
UPDATE outbox
SET status           = :status,
    single_only      = max(single_only, :single_only),
    attempts         = attempts - :given_back,
    held_before      = CASE WHEN :is_judged AND first_attempt_at IS NULL THEN :held
                            ELSE held_before END,
    first_attempt_at = CASE WHEN :is_judged THEN coalesce(first_attempt_at, :started_at)
                            ELSE first_attempt_at END,
    next_attempt_at  = CASE
                           WHEN :status = 'pending'
                               AND EXISTS (SELECT 1
                                           FROM outbox AS e
                                           WHERE e.preorder_id = outbox.preorder_id
                                             AND e.sequence < outbox.sequence
                                             AND e.status = 'pending') THEN NULL
                           ELSE :next_attempt_at
                       END,
    last_http_status = :http_status,
    last_error       = :error,
    sent_at          = :sent_at,
    claimed_by       = NULL,
    claimed_at       = NULL,
    claim_expires_at = NULL
WHERE id = :id
  AND token = :token
  AND claimed_by IS NOT NULL;

-- name: release_event
-- A claim that was never sent: given back as if it had not been.
UPDATE outbox
SET attempts         = attempts - 1,
    single_only      = max(single_only, :single_only),
    next_attempt_at  = CASE
                           WHEN EXISTS (SELECT 1
                                        FROM outbox AS e
                                        WHERE e.preorder_id = outbox.preorder_id
                                          AND e.sequence < outbox.sequence
                                          AND e.status = 'pending') THEN NULL
                           ELSE :next_attempt_at
                       END,
    claimed_by       = NULL,
    claimed_at       = NULL,
    claim_expires_at = NULL
WHERE id = :id
  AND token = :token
  AND claimed_by IS NOT NULL;

-- name: settle_stale_sent
-- The claim was lost, but Klaviyo took the event: whoever has it now need not send it again.
UPDATE outbox
SET status           = 'sent',
    sent_at          = :sent_at,
    next_attempt_at  = NULL,
    last_http_status = :http_status,
    last_error       = NULL,
    claimed_by       = NULL,
    claimed_at       = NULL,
    claim_expires_at = NULL
WHERE id = :id
  AND status <> 'sent';

-- name: journal_attempt
-- Replaces the `unknown` of a claim that was taken over and whose holder speaks up after all. What
-- was counted stays counted: nobody gives that attempt back.
INSERT INTO outbox_attempts (outbox_id, token, worker, started_at, finished_at, outcome, burnt,
                             http_status, error, response_body, next_attempt_at)
SELECT :id, :token, :worker, :started_at, :finished_at, :outcome, :burnt, :http_status, :error,
       :response_body, :next_attempt_at
WHERE EXISTS (SELECT 1 FROM outbox WHERE id = :id)
ON CONFLICT (outbox_id, token) DO UPDATE
SET worker          = excluded.worker,
    started_at      = excluded.started_at,
    finished_at     = excluded.finished_at,
    outcome         = excluded.outcome,
    burnt           = max(burnt, excluded.burnt),
    http_status     = excluded.http_status,
    error           = excluded.error,
    response_body   = excluded.response_body,
    next_attempt_at = excluded.next_attempt_at;

-- name: refused_before
-- Whether Klaviyo refused this event before, with nothing sent since: a person tried it again.
SELECT EXISTS (SELECT 1
               FROM outbox_attempts
               WHERE outbox_id = :id
                 AND token < :token
                 AND outcome = 'dead'
                 AND http_status = 400
                 AND finished_at > :last_sent_at);

-- name: release_next
-- The earliest pending event of the same preorder, if it waits for this one, becomes due.
UPDATE outbox
SET next_attempt_at = :now
WHERE status = 'pending'
  AND next_attempt_at IS NULL
  AND id = (SELECT follower.id
            FROM outbox AS settled
                     JOIN outbox AS follower ON follower.preorder_id = settled.preorder_id
            WHERE settled.id = :id
              AND follower.status = 'pending'
            ORDER BY follower.sequence
            LIMIT 1);
