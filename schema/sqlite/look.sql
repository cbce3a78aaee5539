-- What people and GET /pre-order/{id} read. Every list of events is found in two steps: a
-- `candidates_…` statement walks the index that fits the question, newest first, and `match_event`
-- takes or leaves each candidate, so that the filter and the columns stand in one place.
-- UUIDs of version 7 begin with the time: descending by id is newest first.

-- name: find_preorder
-- One row an event, in their order; one row without an event if the preorder has none.
SELECT o.id,
       o.preorder_id,
       p.number,
       p.email,
       o.metric,
       o.status,
       o.attempts,
       o.token,
       o.next_attempt_at,
       o.claimed_by,
       o.claim_expires_at,
       o.last_http_status,
       o.last_error,
       o.request_id,
       o.created_at,
       o.sent_at,
       CASE
           WHEN o.status = 'pending' AND o.next_attempt_at IS NULL THEN
               (SELECT e.id
                FROM outbox AS e
                WHERE e.preorder_id = o.preorder_id AND e.sequence < o.sequence
                  AND e.status = 'pending'
                ORDER BY e.sequence DESC
                LIMIT 1)
       END,
       p.id,
       p.number,
       p.email,
       p.price_id,
       p.product,
       p.color,
       p.locale,
       p.source,
       p.amount,
       p.currency,
       p.status,
       p.flag,
       p.payment_url,
       p.created_at,
       p.updated_at
FROM preorders AS p
         LEFT JOIN outbox AS o ON o.preorder_id = p.id
WHERE p.id = :id
ORDER BY o.sequence;

-- name: search_preorders_by_id
SELECT p.id, p.number, p.email, p.price_id, p.product, p.color, p.locale, p.source, p.amount,
       p.currency, p.status, p.flag, p.payment_url, p.created_at, p.updated_at
FROM preorders AS p
WHERE p.id IN (SELECT :text UNION ALL SELECT o.preorder_id FROM outbox AS o WHERE o.id = :text)
ORDER BY p.id DESC
LIMIT :limit;

-- name: search_preorders_by_number
SELECT p.id, p.number, p.email, p.price_id, p.product, p.color, p.locale, p.source, p.amount,
       p.currency, p.status, p.flag, p.payment_url, p.created_at, p.updated_at
FROM preorders AS p
WHERE p.number = :text
ORDER BY p.id DESC
LIMIT :limit;

-- name: search_preorders_by_email
SELECT p.id, p.number, p.email, p.price_id, p.product, p.color, p.locale, p.source, p.amount,
       p.currency, p.status, p.flag, p.payment_url, p.created_at, p.updated_at
FROM preorders AS p
WHERE p.email = :text
ORDER BY p.id DESC
LIMIT :limit;

-- name: match_event
-- The event, if it exists and all that is asked for holds. `unclaimed` and `cancellable` are what
-- cancel may touch: a live claim may be on the wire.
SELECT o.id,
       o.preorder_id,
       p.number,
       p.email,
       o.metric,
       o.status,
       o.attempts,
       o.token,
       o.next_attempt_at,
       o.claimed_by,
       o.claim_expires_at,
       o.last_http_status,
       o.last_error,
       o.request_id,
       o.created_at,
       o.sent_at,
       CASE
           WHEN o.status = 'pending' AND o.next_attempt_at IS NULL THEN
               (SELECT e.id
                FROM outbox AS e
                WHERE e.preorder_id = o.preorder_id AND e.sequence < o.sequence
                  AND e.status = 'pending'
                ORDER BY e.sequence DESC
                LIMIT 1)
       END
FROM outbox AS o
         LEFT JOIN preorders AS p ON p.id = o.preorder_id
WHERE o.id = :id
  AND (:status IS NULL OR CASE :status
           WHEN 'sending' THEN o.status = 'pending' AND o.claim_expires_at > :now_ms
           WHEN 'due' THEN o.status = 'pending' AND o.next_attempt_at <= :now_ms
               AND coalesce(o.claim_expires_at, 0) <= :now_ms
           WHEN 'waiting' THEN o.status = 'pending'
               AND (o.next_attempt_at IS NULL OR o.next_attempt_at > :now_ms)
               AND coalesce(o.claim_expires_at, 0) <= :now_ms
           WHEN 'unclaimed' THEN o.status = 'pending' AND coalesce(o.claim_expires_at, 0) <= :now_ms
           WHEN 'cancellable' THEN o.status = 'dead'
               OR (o.status = 'pending' AND coalesce(o.claim_expires_at, 0) <= :now_ms)
           ELSE o.status = :status
       END)
  AND (:metric IS NULL OR o.metric = :metric)
  AND (:email IS NULL OR p.email = :email)
  AND (:error IS NULL OR instr(lower(o.last_error), lower(:error)) > 0)
  AND (:created_before_ms IS NULL OR o.created_at < :created_before_ms)
  AND (:created_after_ms IS NULL OR o.created_at > :created_after_ms);

-- name: candidates_of_email
SELECT o.id
FROM preorders AS p
         JOIN outbox AS o ON o.preorder_id = p.id
WHERE p.email = :email
ORDER BY o.id DESC;

-- name: candidates_dead
SELECT id
FROM outbox INDEXED BY outbox_dead
WHERE status = 'dead'
ORDER BY created_at DESC;

-- name: candidates_cancelled
SELECT id
FROM outbox INDEXED BY outbox_cancelled
WHERE status = 'cancelled'
ORDER BY created_at DESC;

-- name: candidates_pending
SELECT id FROM outbox INDEXED BY outbox_due
WHERE status = 'pending' AND next_attempt_at IS NOT NULL
UNION ALL
SELECT id FROM outbox INDEXED BY outbox_waiting
WHERE status = 'pending' AND next_attempt_at IS NULL
ORDER BY id DESC;

-- name: candidates_unfinished
SELECT id FROM outbox INDEXED BY outbox_due
WHERE status = 'pending' AND next_attempt_at IS NOT NULL
UNION ALL
SELECT id FROM outbox INDEXED BY outbox_waiting
WHERE status = 'pending' AND next_attempt_at IS NULL
UNION ALL
SELECT id FROM outbox INDEXED BY outbox_dead
WHERE status = 'dead'
ORDER BY id DESC;

-- name: candidates_newest
SELECT id FROM outbox ORDER BY id DESC;

-- name: list_attempts
-- One row a line of the journal; one row without a line if the event has none.
SELECT a.token,
       a.worker,
       a.started_at,
       a.finished_at,
       a.outcome,
       a.burnt,
       a.http_status,
       a.error,
       a.response_body,
       a.next_attempt_at
FROM outbox AS o
         LEFT JOIN outbox_attempts AS a ON a.outbox_id = o.id
WHERE o.id = :id
ORDER BY a.token;

-- name: event_payload
SELECT payload FROM outbox WHERE id = :id;

-- name: read_backlog
-- What is not sent and what holds it back. Every count comes from a partial index that finished
-- events are not in, and none looks at a row but for what is in a worker's hands: monitoring asks
-- every few seconds, however many events were ever sent or wait.
SELECT (SELECT user_version FROM pragma_user_version),
       (SELECT count(*) FROM outbox INDEXED BY outbox_due
        WHERE status = 'pending' AND next_attempt_at IS NOT NULL)
           + (SELECT count(*) FROM outbox INDEXED BY outbox_waiting
              WHERE status = 'pending' AND next_attempt_at IS NULL),
       (SELECT count(*) FROM outbox INDEXED BY outbox_dead WHERE status = 'dead'),
       held.claimed_count,
       (SELECT count(*) FROM outbox INDEXED BY outbox_due
        WHERE status = 'pending' AND (attempts > 0) IN (0, 1) AND next_attempt_at <= :now_ms)
           - held.overdue_count,
       (SELECT min(oldest.next_attempt_at)
        FROM (SELECT (SELECT next_attempt_at
                      FROM outbox INDEXED BY outbox_due
                      WHERE status = 'pending'
                        AND (attempts > 0) = repeated.value
                        AND next_attempt_at <= :now_ms
                        AND coalesce(claim_expires_at, 0) <= :now_ms
                      ORDER BY next_attempt_at
                      LIMIT 1) AS next_attempt_at
              FROM (SELECT 0 AS value UNION ALL SELECT 1) AS repeated) AS oldest),
       account.not_before,
       account.pause_reason,
       account.paused_at,
       account.last_sent_at,
       (SELECT page_size FROM pragma_page_size),
       (SELECT page_count FROM pragma_page_count),
       (SELECT count(*) FROM preorders INDEXED BY preorders_flagged WHERE flag IS NOT NULL)
FROM account,
     (SELECT count(*)                                              AS claimed_count,
             count(*) FILTER (WHERE next_attempt_at <= :now_ms)    AS overdue_count
      FROM outbox INDEXED BY outbox_claimed
      WHERE claimed_by IS NOT NULL AND claim_expires_at > :now_ms) AS held;

-- name: read_totals
-- All that there ever was: walks the smallest index of each table.
SELECT (SELECT count(*) FROM preorders),
       (SELECT count(*) FROM outbox),
       (SELECT count(*) FROM outbox INDEXED BY outbox_cancelled WHERE status = 'cancelled');

-- name: audit_counts
-- Counted row by row from the table itself, whatever the indexes say.
SELECT (SELECT count(*) FROM preorders NOT INDEXED),
       count(*) FILTER (WHERE o.status = 'sent'),
       count(*) FILTER (WHERE o.status = 'dead'),
       count(*) FILTER (WHERE o.status = 'cancelled'),
       count(*) FILTER (WHERE o.status = 'pending'),
       (SELECT coalesce(sum(count), 0) FROM pruned_events),
       (SELECT count(event_id) FROM payment_events)
FROM outbox AS o NOT INDEXED;

-- name: audit_loners
-- The first event of a preorder is written with it: one whose first event is missing counts as
-- without an event, whatever came later.
SELECT (SELECT count(*)
        FROM preorders AS p
        WHERE NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.preorder_id = p.id AND o.sequence = 1)),
       (SELECT count(*)
        FROM outbox AS o
        WHERE NOT EXISTS (SELECT 1 FROM preorders AS p WHERE p.id = o.preorder_id)),
       (SELECT count(*)
        FROM outbox AS o NOT INDEXED
        WHERE o.status = 'sent'
          AND NOT EXISTS (SELECT 1
                          FROM outbox_attempts AS a
                          WHERE a.outbox_id = o.id AND a.outcome = 'sent')),
       (SELECT count(*)
        FROM payment_events AS y
        WHERE y.event_id IS NOT NULL
          AND NOT EXISTS (SELECT 1
                          FROM outbox AS o
                          WHERE o.id = y.event_id AND o.preorder_id = y.preorder_id)),
       (SELECT count(*)
        FROM outbox AS o NOT INDEXED
        WHERE o.sequence > 1
          AND NOT EXISTS (SELECT 1 FROM payment_events AS y WHERE y.event_id = o.id));
