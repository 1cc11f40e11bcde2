-- Signals: steps that run tell that others may start beside them.

-- name: send(signals, allowed_from) :many
-- Let what only waits for these steps to signal start; needs the jobs locked. A signal that names an old lease has no
-- effect, nor has the second of a step that is run again. Answers the steps that may start now.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS s (job_id bigint, step smallint, number bigint)
), sent AS (
  UPDATE step s
  SET state = CASE s.state WHEN 'STARTED' THEN 'STARTED_PARALLEL' ELSE 'STARTED_PARALLEL_ASYNCHRONOUS' END::step_state,
      signalled = true, at = clock_timestamp()
  FROM input i
  JOIN lease l USING (job_id, step, number)
  JOIN step old ON old.job_id = i.job_id AND old.number = i.step
  JOIN job j ON j.id = i.job_id
  WHERE s.job_id = i.job_id AND s.number = i.step AND s.state = ANY ($2::text[]::step_state[])
    AND l.job_id = ANY (ARRAY(SELECT job_id FROM input))
  RETURNING s.job_id, s.number, s.state, old.state AS old, l.worker, j.priority,
            CASE WHEN old.signalled OR j.verdict IS NOT NULL THEN '{}' ELSE s.unlocks_parallel END AS unlocks_parallel
), freed AS (
  SELECT job_id, unlocked AS step, count(*) AS n, max(priority) AS priority
  FROM sent, unnest(unlocks_parallel) AS unlocked GROUP BY job_id, unlocked
), unblocked AS (
  UPDATE step s
  SET waiting_parallel = s.waiting_parallel - f.n,
      state = CASE WHEN s.waiting_parallel - f.n = 0 THEN 'READY' ELSE s.state END
  FROM freed f
  WHERE s.job_id = f.job_id AND s.number = f.step AND s.state = 'NONE' AND NOT s.cleanup
  RETURNING s.job_id, s.number, s.executor, s.needs, s.state, f.priority
), ready AS (
  SELECT job_id, number, executor, needs, priority FROM unblocked WHERE state = 'READY'
), queued AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT job_id, number, executor, needs, priority = 'IMMEDIATE', priority FROM ready
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor)
  SELECT job_id, number, old::text, state::text, worker::text FROM sent
  UNION ALL
  SELECT job_id, number, 'NONE', 'READY', 'scheduler' FROM ready
)
SELECT job_id, number AS step FROM ready;
