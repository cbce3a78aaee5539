-- name: deliver_placeholder
SELECT 1;
