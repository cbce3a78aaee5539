-- name: look_placeholder
SELECT 1;
