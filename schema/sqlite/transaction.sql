-- The only places where a transaction begins and ends.

-- name: begin_write
-- IMMEDIATE: a transaction that starts by reading and then writes fails at once when somebody
-- else wrote meanwhile, whatever the busy timeout.
BEGIN IMMEDIATE;

-- name: commit_write
COMMIT;

-- name: rollback_write
ROLLBACK;

-- name: begin_read
BEGIN DEFERRED;

-- name: savepoint_row
SAVEPOINT create_row;

-- name: release_row
RELEASE create_row;

-- name: rollback_row
ROLLBACK TO create_row;
