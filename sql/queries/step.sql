-- Steps: claiming, keeping, ending, giving back.

-- name: claim(worker, executors, limit, urgent_only, lease_seconds, startable, short, left) :many
-- Lease the next steps that this worker can carry out, the urgent first, then the highest priority. Of those that need
-- more than the executor at most one, since it changes what is left. The methods that are short, each as executor.method,
-- are STARTED, the others STARTED_ASYNCHRONOUS.
WITH plain AS MATERIALIZED (
  SELECT job_id, step, urgent, priority, ready_seq
  FROM step_queue
  -- Not "= ANY", and not "needs IS NULL": with stale statistics these look so selective that the whole queue is read and
  -- sorted.
  WHERE array_position($2::text[], CASE WHEN needs IS NULL THEN executor END) IS NOT NULL
    AND ready_at <= clock_timestamp() AND (urgent OR NOT $4::boolean)
  ORDER BY urgent DESC, priority DESC, ready_seq
  LIMIT $3::integer
  FOR UPDATE SKIP LOCKED
), needing AS MATERIALIZED (
  SELECT job_id, step, urgent, priority, ready_seq
  FROM step_queue
  WHERE array_position($2::text[], executor) IS NOT NULL AND ready_at <= clock_timestamp()
    AND (urgent OR NOT $4::boolean) AND needs IS NOT NULL
    AND NOT EXISTS (SELECT FROM jsonb_each_text(needs) AS need (name, amount)
                    WHERE coalesce(($8::jsonb->>name)::float8, 0) < amount::float8)
  ORDER BY urgent DESC, priority DESC, ready_seq
  LIMIT 1
  FOR UPDATE SKIP LOCKED
), candidate AS MATERIALIZED (
  SELECT job_id, step FROM (SELECT * FROM plain UNION ALL SELECT * FROM needing) both_kinds
  ORDER BY urgent DESC, priority DESC, ready_seq
  LIMIT $3::integer
), taken AS (
  DELETE FROM step_queue q USING candidate c WHERE q.job_id = c.job_id AND q.step = c.step RETURNING q.job_id, q.step
), started AS (
  UPDATE step s
  SET state = CASE WHEN s.executor || '.' || s.method = ANY ($7::text[]) THEN 'STARTED' ELSE 'STARTED_ASYNCHRONOUS' END::step_state,
      tries = s.tries + 1, at = clock_timestamp(), attempt = nextval('lease_number'), worker = $1::uuid, error = NULL, notes = NULL,
      progress_value = NULL, progress_total = NULL, progress_unit = NULL, total_sub_tasks = NULL
  FROM taken t
  JOIN step old ON old.job_id = t.job_id AND old.number = t.step
  WHERE s.job_id = t.job_id AND s.number = t.step AND s.state = ANY ($6::text[]::step_state[])
  RETURNING s.job_id, s.number, s.executor, s.method, s.metadata, s.cleanup, s.tries, s.retries, s.needs, s.doom,
            s.state, s.attempt, old.state AS old
), kept AS (
  INSERT INTO earlier_attempt
  SELECT a.* FROM started s JOIN step_attempt a ON a.job_id = s.job_id AND a.step = s.number WHERE s.tries > 1
), leased AS (
  INSERT INTO lease (job_id, step, number, worker, expires_at)
  SELECT job_id, number, attempt, $1::uuid, clock_timestamp() + make_interval(secs => $5::float8)
  FROM started
  RETURNING job_id, step, number
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor)
  SELECT job_id, number, old::text, state::text, $1::uuid::text FROM started
)
SELECT l.job_id, l.step, l.number, s.executor, s.method, s.metadata, s.cleanup, s.retries, s.tries - 1 AS ordinal,
       s.needs, s.doom, j.type AS job_type, j.owner, j.priority, j.data, script.source AS script
FROM leased l
JOIN started s ON s.job_id = l.job_id AND s.number = l.step
JOIN job j ON j.id = l.job_id
LEFT JOIN script ON s.executor = 'script' AND script.digest = s.metadata->>'script';

-- name: waiting_script(job, step) :one_or_none
-- The script of a step that waits, and what it needs to know of its job.
SELECT script.source, j.owner, j.data, s.metadata
FROM step s
JOIN job j ON j.id = s.job_id
JOIN script ON script.digest = s.metadata->>'script'
WHERE s.job_id = $1::bigint AND s.number = $2::smallint AND s.executor = 'script' AND s.state = 'WAITING';

-- name: extend(beats, lease_seconds) :many
-- Keep leases, and store the progress told since; answers those still held and whether they are to stop.
WITH beat AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS b (job_id bigint, step smallint, number bigint,
                                                    value float8, total float8, unit text)
), mine AS MATERIALIZED (
  -- Locked in one order, as everywhere, so that nothing deadlocks.
  SELECT l.job_id, l.step FROM lease l JOIN beat b USING (job_id, step, number)
  -- Else all that were ever held may be gone through, that some snapshot still shows. So it is below, and in signal.sql and sub_task.sql.
  WHERE l.job_id = ANY (ARRAY(SELECT job_id FROM beat))
  ORDER BY l.job_id, l.step FOR UPDATE OF l
)
UPDATE lease l
SET expires_at = clock_timestamp() + make_interval(secs => $2::float8),
    progress_value = coalesce(b.value, l.progress_value),
    progress_total = coalesce(b.total, l.progress_total),
    progress_unit = coalesce(b.unit, l.progress_unit)
FROM beat b JOIN mine m USING (job_id, step)
WHERE l.job_id = b.job_id AND l.step = b.step AND l.number = b.number AND l.job_id = ANY (ARRAY(SELECT job_id FROM beat))
RETURNING l.job_id, l.step, l.number, l.stop;

-- name: note(notes) :none
-- Add lines to the log of attempts that are still held.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS n (job_id bigint, step smallint, number bigint, notes jsonb)
)
UPDATE step s
SET notes = coalesce(s.notes, '[]') || i.notes
FROM input i JOIN lease l USING (job_id, step, number)
-- With the attempt: another may have begun while this waited for the step.
WHERE s.job_id = l.job_id AND s.number = l.step AND s.attempt = l.number AND l.job_id = ANY (ARRAY(SELECT job_id FROM input));

-- name: tell(told) :none
-- Store job data that running steps tell, of attempts that are still held.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS t (job_id bigint, step smallint, number bigint, data jsonb)
)
UPDATE lease l
SET data = i.data
FROM input i
WHERE l.job_id = i.job_id AND l.step = i.step AND l.number = i.number AND l.job_id = ANY (ARRAY(SELECT job_id FROM input));

-- name: end(ends, expired_only) :many
-- End attempts that are still held, free what waited for them, queue what is to be tried again. Needs the jobs locked.
-- Answers the ones accepted; an end that names an old lease has no effect.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS e (
    job_id bigint, step smallint, number bigint, state step_state, error text, data jsonb, delay float8,
    value float8, total float8, unit text, notes jsonb, total_sub_tasks integer, sub_tasks jsonb)
), mine AS MATERIALIZED (
  SELECT l.job_id, l.step FROM lease l JOIN input i USING (job_id, step, number)
  WHERE (NOT $2::boolean OR l.expires_at < clock_timestamp()) AND l.job_id = ANY (ARRAY(SELECT job_id FROM input))
  ORDER BY l.job_id, l.step FOR UPDATE OF l
), held AS (
  DELETE FROM lease l USING input i, mine m
  WHERE l.job_id = i.job_id AND l.step = i.step AND l.number = i.number AND m.job_id = l.job_id AND m.step = l.step
    AND l.job_id = ANY (ARRAY(SELECT job_id FROM input))
  RETURNING i.*, l.worker, l.progress_value, l.progress_total, l.progress_unit
), ended AS (
  UPDATE step s
  SET state = h.state, retries = s.retries + (h.state = 'FAILED_RETRY')::integer, at = clock_timestamp(), error = h.error,
      notes = CASE WHEN h.notes IS NULL THEN s.notes ELSE coalesce(s.notes, '[]') || h.notes END,
      progress_value = coalesce(h.value, h.progress_value),
      progress_total = coalesce(h.total, h.progress_total),
      progress_unit = coalesce(h.unit, h.progress_unit),
      total_sub_tasks = coalesce(h.total_sub_tasks, s.total_sub_tasks)
  FROM held h
  JOIN step old ON old.job_id = h.job_id AND old.number = h.step
  JOIN job j ON j.id = h.job_id
  WHERE s.job_id = h.job_id AND s.number = h.step
  RETURNING s.job_id, s.number, s.executor, s.needs, s.cleanup, s.critical, s.state, s.unlocks,
            CASE WHEN s.signalled THEN '{}' ELSE s.unlocks_parallel END AS unlocks_parallel,
            old.state AS old, h.worker, h.error, h.delay, j.priority, j.verdict IS NOT NULL AS closing
), divided AS (
  INSERT INTO sub_task (attempt, place, description, state, at, error, progress_value, progress_total, progress_unit)
  SELECT s.attempt, t.place, t.description, t.state, to_timestamp(t.at), t.error, t.value, t.total, t.unit
  FROM held h JOIN step s ON s.job_id = h.job_id AND s.number = h.step, jsonb_to_recordset(h.sub_tasks) AS t (
    place integer, description text, state step_state, at float8, error text, value float8, total float8, unit text)
  WHERE h.sub_tasks IS NOT NULL
  ON CONFLICT (attempt, place) DO UPDATE
  SET state = excluded.state, at = excluded.at, error = excluded.error, progress_value = excluded.progress_value,
      progress_total = excluded.progress_total, progress_unit = excluded.progress_unit
), abandoned AS (
  -- Nobody is left to say what has become of them.
  UPDATE sub_task t SET state = h.state, at = clock_timestamp()
  FROM held h JOIN step s ON s.job_id = h.job_id AND s.number = h.step
  WHERE $2::boolean AND t.attempt = s.attempt AND t.state NOT IN ('NONE', 'FINISHED', 'FAILED_FATAL')
), told AS (
  UPDATE job j SET data = jsonb_strip_nulls(j.data || d.data)
  FROM (SELECT h.job_id, jsonb_object_agg(pair.key, pair.value) AS data
        FROM held h, jsonb_each(h.data) AS pair GROUP BY h.job_id) d
  WHERE j.id = d.job_id
), passed AS (
  -- Steps that others may follow: not those of a job whose end is certain, nor the one that makes it certain.
  SELECT * FROM ended e
  WHERE NOT e.cleanup AND NOT e.closing AND (e.state = 'FINISHED' OR (e.state = 'FAILED_FATAL' AND NOT e.critical))
    -- Not "NOT EXISTS", here and below: that would compare each with each.
    AND e.job_id NOT IN (SELECT f.job_id FROM ended f WHERE f.critical AND NOT f.cleanup AND f.state = 'FAILED_FATAL')
), freed AS (
  SELECT job_id, step, count(*) FILTER (WHERE NOT parallel) AS n, count(*) FILTER (WHERE parallel) AS m, max(priority) AS priority
  FROM (SELECT job_id, unnest(unlocks) AS step, false AS parallel, priority FROM passed
        UNION ALL
        SELECT job_id, unnest(unlocks_parallel), true, priority FROM passed) way
  GROUP BY job_id, step
), unblocked AS (
  UPDATE step s
  SET waiting = s.waiting - f.n, waiting_parallel = s.waiting_parallel - f.m,
      state = CASE WHEN s.waiting - f.n = 0 OR s.waiting_parallel - f.m = 0 THEN 'READY' ELSE s.state END
  FROM freed f
  WHERE s.job_id = f.job_id AND s.number = f.step AND s.state = 'NONE' AND NOT s.cleanup
  RETURNING s.job_id, s.number, s.executor, s.needs, s.state, f.priority
), ready AS (
  SELECT job_id, number, executor, needs, priority FROM unblocked WHERE state = 'READY'
), queued AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority, ready_at)
  SELECT job_id, number, executor, needs, priority = 'IMMEDIATE', priority, clock_timestamp() FROM ready
  UNION ALL
  SELECT job_id, number, executor, needs, cleanup OR priority = 'IMMEDIATE', priority,
         clock_timestamp() + make_interval(secs => coalesce(delay, 0))
  FROM ended WHERE state = 'FAILED_RETRY' AND (cleanup OR NOT closing)
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor, remark)
  SELECT job_id, number, old::text, state::text, worker::text, error FROM ended
  UNION ALL
  SELECT job_id, number, 'NONE', 'READY', 'scheduler', NULL FROM ready
)
SELECT e.job_id, e.number AS step, e.state,
       -- Whether the job has to be judged: nothing follows this end by itself.
       e.cleanup OR e.closing OR e.job_id NOT IN (SELECT r.job_id FROM ready r) AS decisive
FROM ended e;

-- name: held_by(worker) :many
-- What a worker holds.
SELECT job_id, step, number FROM lease WHERE worker = $1::uuid;

-- name: outlook() :one_or_none
-- In how many seconds the next lease runs out and the next step is due that is not due yet, and whether one is due now.
SELECT (SELECT extract(epoch FROM min(expires_at) - clock_timestamp())::float8 FROM lease) AS expiry,
       extract(epoch FROM min(ready_at) FILTER (WHERE ready_at > clock_timestamp()) - clock_timestamp())::float8 AS ready,
       coalesce(bool_or(ready_at <= clock_timestamp()), false) AS due
FROM step_queue;

-- name: overdue() :many
-- Leases that ran out, and how often that happened to their steps before.
SELECT l.job_id, l.step, l.number, s.vanished
FROM lease l JOIN step s ON s.job_id = l.job_id AND s.number = l.step
WHERE l.expires_at < clock_timestamp()
ORDER BY l.job_id, l.step;

-- name: demands() :many
-- What the steps need that wait for a worker now, each once; clean-up waits as long as it takes.
SELECT DISTINCT q.executor, q.needs
FROM step_queue q JOIN step s ON s.job_id = q.job_id AND s.number = q.step
WHERE q.ready_at <= clock_timestamp() AND NOT s.cleanup AND s.doom IS NULL;

-- name: waiting_for(executor, needs, limit) :many
-- Queued steps that need just this.
SELECT q.job_id, q.step
FROM step_queue q JOIN step s ON s.job_id = q.job_id AND s.number = q.step
WHERE q.executor = $1::text AND q.needs IS NOT DISTINCT FROM $2::jsonb AND q.ready_at <= clock_timestamp()
  AND NOT s.cleanup
ORDER BY q.job_id, q.step
LIMIT $3::integer;

-- name: strand(steps, allowed_from, remark) :many
-- Let queued steps wait that no worker can take. Needs the jobs locked; one that was claimed meanwhile stays.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS e (job_id bigint, step smallint)
), gone AS (
  DELETE FROM step_queue q
  USING input i, step s, job j
  WHERE q.job_id = i.job_id AND q.step = i.step AND s.job_id = q.job_id AND s.number = q.step AND j.id = q.job_id
    AND NOT s.cleanup AND s.state = ANY ($2::text[]::step_state[]) AND j.verdict IS NULL
  RETURNING q.job_id, q.step, s.state AS old
), stranded AS (
  UPDATE step s SET state = 'WAITING', attempt = NULL FROM gone g WHERE s.job_id = g.job_id AND s.number = g.step
), kept AS (
  -- Its last try did not end so.
  INSERT INTO earlier_attempt
  SELECT a.* FROM gone g JOIN step_attempt a ON a.job_id = g.job_id AND a.step = g.step
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor, remark)
  SELECT job_id, step, old::text, 'WAITING', 'scheduler', $3::text FROM gone
)
SELECT job_id, step FROM gone;

-- name: give_back(leases, worker) :many
-- Take steps from workers that vanished (null), or from one that hands its own back; they will be run again. Needs the
-- jobs locked. A lease that did not run out can only be given back by its holder.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS e (job_id bigint, step smallint, number bigint)
), mine AS MATERIALIZED (
  SELECT l.job_id, l.step FROM lease l JOIN input i USING (job_id, step, number)
  WHERE l.worker = $2::uuid OR l.expires_at < clock_timestamp()
  ORDER BY l.job_id, l.step FOR UPDATE OF l
), held AS (
  DELETE FROM lease l USING input i, mine m
  WHERE l.job_id = i.job_id AND l.step = i.step AND l.number = i.number AND m.job_id = l.job_id AND m.step = l.step
  RETURNING l.*
), gone AS (
  UPDATE step s
  SET state = 'DISAPPEARED', vanished = s.vanished + ($2::uuid IS NULL)::integer, at = clock_timestamp(),
      progress_value = h.progress_value, progress_total = h.progress_total, progress_unit = h.progress_unit
  FROM held h
  JOIN step old ON old.job_id = h.job_id AND old.number = h.step
  JOIN job j ON j.id = h.job_id
  WHERE s.job_id = h.job_id AND s.number = h.step
  RETURNING s.job_id, s.number, s.executor, s.needs, s.cleanup, old.state AS old, h.worker, j.priority,
            j.verdict IS NOT NULL AS closing
), divided AS (
  UPDATE sub_task t SET state = 'DISAPPEARED', at = clock_timestamp()
  FROM held h JOIN step s ON s.job_id = h.job_id AND s.number = h.step
  WHERE t.attempt = s.attempt AND t.state NOT IN ('NONE', 'FINISHED', 'FAILED_FATAL')
), missed AS (
  UPDATE worker w SET vanished_at = clock_timestamp() FROM held h WHERE $2::uuid IS NULL AND w.id = h.worker
), queued AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT job_id, number, executor, needs, cleanup OR priority = 'IMMEDIATE', priority
  FROM gone WHERE cleanup OR NOT closing
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor)
  SELECT job_id, number, old::text, 'DISAPPEARED', worker::text FROM gone
)
SELECT job_id, number AS step, closing AS decisive FROM gone;

-- name: repair(ids) :many
-- Derive anew which steps may start, from what has ended; needs the jobs locked. Every row answered was a bug.
WITH open AS (
  SELECT s.job_id, s.number, s.executor, s.needs, s.cleanup, s.state, j.priority
  FROM step s JOIN job j ON j.id = s.job_id
  WHERE s.job_id = ANY ($1::bigint[]) AND j.state IN ('STARTED', 'VIDINET_JOB', 'ABORTED_PENDING')
    AND (s.cleanup OR j.verdict IS NULL)
    AND (s.state IN ('READY', 'FAILED_RETRY', 'DISAPPEARED')
         OR s.state = 'NONE' AND (
              s.waiting IS NOT NULL AND NOT EXISTS (
                SELECT FROM step p WHERE p.job_id = s.job_id AND s.number = ANY (p.unlocks)
                  AND p.state NOT IN ('FINISHED', 'FAILED_FATAL'))
              OR s.waiting_parallel IS NOT NULL AND NOT EXISTS (
                SELECT FROM step p WHERE p.job_id = s.job_id AND s.number = ANY (p.unlocks_parallel)
                  AND p.state NOT IN ('FINISHED', 'FAILED_FATAL') AND NOT p.signalled)))
    AND NOT EXISTS (SELECT FROM lease l WHERE l.job_id = s.job_id AND l.step = s.number)
    AND NOT EXISTS (SELECT FROM step_queue q WHERE q.job_id = s.job_id AND q.step = s.number)
), ready AS (
  UPDATE step s SET state = 'READY' FROM open o WHERE s.job_id = o.job_id AND s.number = o.number AND s.state = 'NONE'
), queued AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT job_id, number, executor, needs, cleanup OR priority = 'IMMEDIATE', priority FROM open
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor, remark)
  SELECT job_id, number, state::text, CASE WHEN state = 'NONE' THEN 'READY' ELSE state::text END, 'scheduler', 'repaired'
  FROM open
)
SELECT job_id, number AS step FROM open;

-- name: begun(ids) :many
-- Those of some jobs of which a step was tried.
SELECT DISTINCT job_id FROM step WHERE job_id = ANY ($1::bigint[]) AND tries > 0;

-- name: of_job(job) :many
-- The steps of a job as they stand, in order.
SELECT number, description, executor, method, critical, cleanup, state, waiting, waiting_parallel, unlocks, unlocks_parallel
FROM step WHERE job_id = $1::bigint ORDER BY number;
