-- What a form got, kept for repeats like what a program got.

-- 1: the reply is a page that sent the browser on to the payment URL; 0: JSON.
ALTER TABLE idempotency_keys ADD COLUMN is_page INTEGER NOT NULL DEFAULT 0
    CHECK (is_page IN (0, 1));
