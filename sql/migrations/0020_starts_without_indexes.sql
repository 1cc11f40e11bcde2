-- That a job starts is no longer written to the indexes that lists are read from: it was a third of what is written for a job.
-- breaking: no
-- The table is written anew, which takes a minute or two for five million jobs.

-- Under which state lists look for a job. Those in the queue and those that were let in are found under one, so that no index
-- hears of it when a job goes from the first to the second.
ALTER TABLE job ADD COLUMN listed job_state NOT NULL
  GENERATED ALWAYS AS (CASE state WHEN 'STARTED' THEN 'READY' ELSE state END) STORED;
-- For that there must be room beside each job.
ALTER TABLE job SET (fillfactor = 50);

DROP INDEX job_by_state;
DROP INDEX job_of_owner_by_state;
CREATE INDEX job_by_state ON job (listed, id);
CREATE INDEX job_of_owner_by_state ON job (owner, listed, id);

-- The jobs of which a step is queued or held; all that are STARTED are among them.
CREATE VIEW job_under_way AS
SELECT job_id FROM step_queue
UNION
SELECT job_id FROM lease;
