-- What running steps tell of themselves as job data.
-- breaking: no

ALTER TABLE lease ADD COLUMN data jsonb;
