-- The register of running workers, and the claims of those that died.

-- name: worker_list
SELECT name, host_id, slot, pid, listen, started_at, seen_at,
       (SELECT coalesce(sum(count), 0) FROM rate_flights WHERE worker = workers.name)
FROM workers
ORDER BY slot;

-- name: worker_insert
INSERT INTO workers (name, host_id, slot, pid, listen, started_at, seen_at)
VALUES (:name, :host_id, :slot, :pid, :listen, :started_at, :seen_at);

-- name: worker_seen
UPDATE workers
SET seen_at = :seen_at
WHERE name = :name;

-- name: worker_delete
DELETE
FROM workers
WHERE name = :name;

-- name: worker_has_claims
SELECT EXISTS (SELECT 1 FROM outbox WHERE claimed_by = :name);

-- name: worker_has_claim
SELECT EXISTS (SELECT 1 FROM outbox WHERE id = :id AND token = :token AND claimed_by = :name);

-- name: claims_lose
-- What a dead worker had in hand is due now. Who claims it next writes `unknown` for the old claim.
UPDATE outbox
SET next_attempt_at  = :now,
    claim_expires_at = :now
WHERE rowid IN (SELECT rowid
                FROM outbox
                WHERE claimed_by = :name
                  AND next_attempt_at > :now
                LIMIT :limit);

-- name: claims_renew
-- The holder lives, slow as it may be: its lapsed claims stay its own.
UPDATE outbox
SET next_attempt_at  = :expires,
    claim_expires_at = :expires
WHERE claimed_by = :name
  AND next_attempt_at <= :now;
