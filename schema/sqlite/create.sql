-- Accepting a preorder: its row, its key, its first event. All within one transaction.

-- name: key_find
-- Where the reply is a page, it sent the browser to the payment URL.
SELECT k.fingerprint, k.preorder_id, k.reply, CASE WHEN k.is_page THEN p.payment_url END
FROM idempotency_keys AS k JOIN preorders AS p ON p.id = k.preorder_id
WHERE k.key = :key;

-- name: preorder_insert
-- A number that is taken is no error: the caller draws another.
INSERT INTO preorders (id, number, email, price_id, product, color, locale, source, amount,
                       currency, properties, status, payment_url, request_id, created_at,
                       updated_at)
VALUES (:id, :number, :email, :price_id, :product, :color, :locale, :source, :amount, :currency,
        :properties, 'initiated', :payment_url, :request_id, :created_at, :created_at)
ON CONFLICT (number) DO NOTHING;

-- name: key_insert
INSERT INTO idempotency_keys (key, fingerprint, preorder_id, reply, is_page)
VALUES (:key, :fingerprint, :preorder_id, :reply, :is_page);

-- name: event_insert
INSERT INTO outbox (id, preorder_id, sequence, metric, status, next_attempt_at, payload,
                    request_id, traceparent, created_at)
VALUES (:id, :preorder_id, :sequence, :metric, 'pending', :next_attempt_at, :payload, :request_id,
        :traceparent, :created_at);
