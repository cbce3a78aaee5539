-- name: create_placeholder
SELECT 1;
