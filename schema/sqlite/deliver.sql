-- Delivering: what is due, what became of it, and what holds the account back.

-- name: account_read
SELECT not_before, pause_reason
FROM account;

-- name: account_wait
UPDATE account
SET not_before = max(not_before, :not_before);

-- name: account_pause
UPDATE account
SET pause_reason = :reason,
    paused_at    = coalesce(paused_at, :now),
    not_before   = max(not_before, :not_before);

-- name: account_probe
-- The next probe goes out one interval later, whatever becomes of this one.
UPDATE account
SET not_before = :not_before;

-- name: account_sent
-- Only a request that started after the pause proves that the pause is over.
UPDATE account
SET last_sent_at = max(coalesce(last_sent_at, 0), :sent_at),
    not_before   = CASE WHEN paused_at <= :started_at THEN 0 ELSE not_before END,
    paused_ms    = paused_ms + CASE WHEN paused_at <= :started_at THEN :sent_at - paused_at ELSE 0 END,
    pause_reason = CASE WHEN paused_at <= :started_at THEN NULL ELSE pause_reason END,
    paused_at    = CASE WHEN paused_at <= :started_at THEN NULL ELSE paused_at END;

-- name: due_next
-- When the earliest pending event is due: one look at the partial index.
SELECT min(next_attempt_at)
FROM outbox
WHERE status = 'pending'
  AND next_attempt_at IS NOT NULL;

-- name: due_list
SELECT rowid, id, preorder_id, token, attempts, metric, payload, request_id, traceparent,
       created_at, first_attempt_at + (SELECT paused_ms FROM account), claimed_by IS NOT NULL
FROM outbox
WHERE status = 'pending'
  AND next_attempt_at <= :now
ORDER BY next_attempt_at
LIMIT :limit;

-- name: claim_event
-- Token and attempt count rise before anything is sent: an event that kills its worker still
-- runs out of attempts.
UPDATE outbox
SET token            = token + 1,
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
UPDATE outbox
SET status           = :status,
    attempts         = attempts - :given_back,
    first_attempt_at = CASE
                           WHEN :is_judged THEN coalesce(first_attempt_at, :started_at -
                                                             (SELECT paused_ms FROM account))
                           ELSE first_attempt_at
                       END,
    next_attempt_at  = :next_attempt_at,
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
    next_attempt_at  = :next_attempt_at,
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
