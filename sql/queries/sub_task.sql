-- Sub-tasks: what a try of a step is divided into.

-- name: split(splits, allowed_from) :none
-- Enter that tries that are still held are done as so many sub-tasks; needs the jobs locked. A step that has signalled
-- before keeps the state that says so.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS s (job_id bigint, step smallint, number bigint, total integer)
), held AS MATERIALIZED (
  SELECT i.*, l.worker FROM input i JOIN lease l USING (job_id, step, number)
  WHERE l.job_id = ANY (ARRAY(SELECT job_id FROM input))
), divided AS (
  UPDATE step s
  SET total_sub_tasks = h.total,
      state = CASE WHEN s.state = ANY ($2::text[]::step_state[]) THEN 'STARTED_SUBTASKS' ELSE s.state END,
      at = CASE WHEN s.state = ANY ($2::text[]::step_state[]) THEN clock_timestamp() ELSE s.at END
  FROM held h JOIN step old ON old.job_id = h.job_id AND old.number = h.step
  WHERE s.job_id = h.job_id AND s.number = h.step
  RETURNING s.job_id, s.number, s.state, old.state AS old, h.worker
)
INSERT INTO event (job_id, step, old_state, new_state, actor)
SELECT job_id, number, old::text, state::text, worker::text FROM divided WHERE old <> state;

-- name: tell(sub_tasks) :none
-- Store what sub-tasks of tries that are still held have told.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS s (job_id bigint, step smallint, number bigint, place integer,
    description text, state step_state, at float8, error text, value float8, total float8, unit text)
), held AS MATERIALIZED (
  -- Locked, so that a try that ends meanwhile has the last word; in one order, as everywhere.
  SELECT l.job_id, l.step, s.attempt FROM lease l JOIN step s ON s.job_id = l.job_id AND s.number = l.step
  WHERE (l.job_id, l.step, l.number) IN (SELECT job_id, step, number FROM input) AND l.job_id = ANY (ARRAY(SELECT job_id FROM input))
  ORDER BY l.job_id, l.step FOR SHARE OF l
)
INSERT INTO sub_task (attempt, place, description, state, at, error, progress_value, progress_total, progress_unit)
SELECT h.attempt, i.place, i.description, i.state, to_timestamp(i.at), i.error, i.value, i.total, i.unit
FROM input i JOIN held h USING (job_id, step)
ON CONFLICT (attempt, place) DO UPDATE
SET state = excluded.state, at = excluded.at, error = excluded.error, progress_value = excluded.progress_value,
    progress_total = excluded.progress_total, progress_unit = excluded.progress_unit;

-- name: of_jobs(ids) :many
-- The sub-tasks of every attempt of the steps of jobs, in order.
SELECT t.* FROM sub_task t JOIN attempt a ON a.id = t.attempt
WHERE a.job_id = ANY ($1::bigint[])
ORDER BY t.attempt, t.place;
