-- An event's age stands still while the account is paused.

-- How long all pauses that are over lasted, together. outbox.first_attempt_at, where an event's age
-- begins, is written less this sum and read plus this sum, so that every pause in between moves it on.
ALTER TABLE account ADD COLUMN paused_ms INTEGER NOT NULL DEFAULT 0 CHECK (paused_ms >= 0);
