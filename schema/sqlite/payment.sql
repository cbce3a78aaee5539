-- What Stripe says about payments, and what a person makes of it. All within one transaction.

-- name: payment_is_known
SELECT EXISTS (SELECT 1 FROM payment_events WHERE id = :id);

-- name: payment_preorder
-- The preorder; whether one of its events is unfinished.
SELECT id,
       number,
       email,
       price_id,
       product,
       color,
       locale,
       source,
       amount,
       currency,
       properties,
       created_at,
       status,
       flag,
       EXISTS (SELECT 1
               FROM outbox AS o
               WHERE o.preorder_id = preorders.id
                 AND o.status = 'pending')
FROM preorders
WHERE id = :id;

-- name: payment_history
-- What earlier payment events of the preorder did. Counted here and not in the outbox, because events
-- that were sent are pruned one day.
SELECT count(event_id),
       count(*) FILTER (WHERE event_kind = 'completed'),
       count(*) FILTER (WHERE event_kind = 'abandoned'),
       count(*) FILTER (WHERE event_kind = 'payment_failed'),
       count(*) FILTER (WHERE paid = 1 AND session_id = :session_id),
       count(*) FILTER (WHERE flag IS NOT NULL AND session_id = :session_id),
       count(*) FILTER (WHERE paid = 1 AND session_id <> :session_id)
FROM payment_events
WHERE preorder_id = :preorder_id;

-- name: payment_insert
INSERT INTO payment_events (id, preorder_id, type, session_id, outcome, paid, flag, amount_subtotal,
                            amount_total, currency, event_kind, event_id, created_at, received_at)
VALUES (:id, :preorder_id, :type, :session_id, :outcome, :paid, :flag, :amount_subtotal,
        :amount_total, :currency, :event_kind, :event_id, :created_at, :received_at);

-- name: payment_flagged
-- The one that the flag is about: the same one, in whatever order they came.
SELECT id, flag, session_id, amount_subtotal, amount_total, currency, created_at
FROM payment_events
WHERE preorder_id = :preorder_id
  AND outcome = 'flagged'
ORDER BY flag = 'mismatch' DESC, session_id, created_at, id
LIMIT 1;

-- name: payment_set_status
UPDATE preorders
SET status     = :status,
    flag       = :flag,
    updated_at = :now_ms
WHERE id = :id;

-- name: payment_decide_flagged
-- All that the preorder waits for a person for.
UPDATE payment_events
SET outcome = :outcome,
    paid    = CASE :outcome WHEN 'refunded' THEN 0 ELSE paid END
WHERE preorder_id = :preorder_id
  AND outcome = 'flagged';

-- name: payment_name_event
UPDATE payment_events
SET event_kind = :event_kind,
    event_id   = :event_id
WHERE id = :id;

-- name: list_payments
SELECT id, type, session_id, outcome, amount_subtotal, amount_total, currency, created_at,
       received_at, event_id
FROM payment_events
WHERE preorder_id = :preorder_id
ORDER BY created_at, received_at, id;

-- name: list_flagged
SELECT p.id, p.number, p.email, p.price_id, p.product, p.color, p.locale, p.source, p.amount,
       p.currency, p.status, p.flag, p.payment_url, p.created_at, p.updated_at
FROM preorders AS p INDEXED BY preorders_flagged
WHERE p.flag IS NOT NULL
ORDER BY p.updated_at
LIMIT CASE :limit WHEN 0 THEN -1 ELSE :limit END;
