-- Accepting a preorder: its row, its key, its first event. All within one transaction.

-- name: key_find
SELECT fingerprint, preorder_id, reply
FROM idempotency_keys
WHERE key = :key;

-- name: preorder_insert
-- A number that is taken is no error: the caller draws another.
INSERT INTO preorders (id, number, email, price_id, product, color, locale, source, amount,
                       currency, properties, status, payment_url, request_id, created_at,
                       updated_at)
VALUES (:id, :number, :email, :price_id, :product, :color, :locale, :source, :amount, :currency,
        :properties, 'initiated', :payment_url, :request_id, :created_at, :created_at)
ON CONFLICT (number) DO NOTHING;

-- name: key_insert
INSERT INTO idempotency_keys (key, fingerprint, preorder_id, reply)
VALUES (:key, :fingerprint, :preorder_id, :reply);

-- name: event_insert
INSERT INTO outbox (id, preorder_id, sequence, metric, status, next_attempt_at, payload,
                    request_id, traceparent, created_at)
VALUES (:id, :preorder_id, :sequence, :metric, 'pending', :next_attempt_at, :payload, :request_id,
        :traceparent, :created_at);
