-- name: repair_placeholder
SELECT 1;
