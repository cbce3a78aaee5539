-- What an event may not do any more, and what it must.

-- 1: Klaviyo may have it already, or it fits no bulk job: it is only sent by itself from now on.
ALTER TABLE outbox ADD COLUMN single_only INTEGER NOT NULL DEFAULT 0 CHECK (single_only IN (0, 1));
-- When it was found too late for flows: from then on its body says "backfill": true.
ALTER TABLE outbox ADD COLUMN backfill_at INTEGER;
