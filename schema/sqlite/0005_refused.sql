-- How many different events Klaviyo refused for good in a row, in all workers, nothing sent between.
ALTER TABLE account ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
