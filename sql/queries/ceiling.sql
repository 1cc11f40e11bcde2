-- What Postgres allows for jobs that are chains of steps: nothing but a fenced state for each job and each step, changed in
-- as few statements as can be. Only the benchmarks use it, in a database of their own.

-- name: make_jobs() :none
-- A job is its state, and the number of the claim that holds it.
CREATE TABLE ceiling_job (
  id bigint PRIMARY KEY, state text NOT NULL, claim integer NOT NULL DEFAULT 0, left_over smallint NOT NULL
) WITH (fillfactor = 70);

-- name: make_order() :none
-- Jobs are taken in this order.
CREATE INDEX ceiling_job_order ON ceiling_job (id) WHERE state = 'READY';

-- name: make_steps() :none
-- A step is its state, how many steps it waits for, and which one waits for it.
CREATE TABLE ceiling_step (
  job_id bigint, number smallint, state text NOT NULL, waiting smallint NOT NULL, next smallint,
  PRIMARY KEY (job_id, number)
) WITH (fillfactor = 70);

-- name: clear() :none
-- Take out all jobs.
TRUNCATE ceiling_job, ceiling_step;

-- name: put_jobs(number, steps) :none
-- So many jobs.
INSERT INTO ceiling_job (id, state, left_over) SELECT id, 'READY', $2::smallint FROM generate_series(1, $1::integer) AS id;

-- name: put_steps(number, steps) :none
-- Their steps, each after the one before it.
INSERT INTO ceiling_step (job_id, number, state, waiting, next)
SELECT job, step, 'NONE', CASE WHEN step > 1 THEN 1 ELSE 0 END, CASE WHEN step < $2::integer THEN step + 1 END
FROM generate_series(1, $1::integer) AS job, generate_series(1, $2::integer) AS step;

-- name: claim(limit) :many
-- Start some jobs with their first steps.
WITH taken AS (
  UPDATE ceiling_job SET state = 'STARTED', claim = claim + 1
  WHERE id = ANY (ARRAY(
    SELECT id FROM ceiling_job WHERE state = 'READY' ORDER BY id LIMIT $1::integer FOR UPDATE SKIP LOCKED))
  RETURNING id, claim
)
UPDATE ceiling_step s SET state = 'STARTED' FROM taken t WHERE s.job_id = t.id AND s.waiting = 0
RETURNING s.job_id, s.number, t.claim;

-- name: advance(jobs, steps, claims) :many
-- End steps of jobs that are still held by these claims, and start those that waited for them; a job without any left ends.
-- Answers the steps that started.
WITH held AS MATERIALIZED (
  SELECT j.id, d.number, j.claim
  FROM unnest($1::bigint[], $2::smallint[], $3::integer[]) AS d (job_id, number, claim)
  JOIN ceiling_job j ON j.id = d.job_id AND j.claim = d.claim AND j.state = 'STARTED'
  ORDER BY j.id FOR UPDATE OF j
), ended AS (
  UPDATE ceiling_step s SET state = 'FINISHED' FROM held h
  WHERE s.job_id = h.id AND s.number = h.number AND s.state = 'STARTED'
  RETURNING s.job_id, s.next, h.claim
), counted AS (
  UPDATE ceiling_job j
  SET left_over = j.left_over - 1, state = CASE WHEN j.left_over = 1 THEN 'FINISHED' ELSE j.state END
  FROM ended e WHERE j.id = e.job_id
)
UPDATE ceiling_step s SET waiting = s.waiting - 1, state = 'STARTED' FROM ended e
WHERE s.job_id = e.job_id AND s.number = e.next AND s.waiting = 1
RETURNING s.job_id, s.number, e.claim;

-- name: open() :value
-- How many jobs have not ended.
SELECT count(*) FROM ceiling_job WHERE state <> 'FINISHED';
