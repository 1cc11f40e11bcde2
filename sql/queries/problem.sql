-- Problems: why jobs wait.

-- name: join(waits, check_seconds) :none
-- Enter what steps that just began to wait, wait for: a problem that is known, or a new one. Needs the jobs locked.
WITH input AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS w (job_id bigint, step smallint, type text, data jsonb, reason text)
), known AS (
  INSERT INTO problem (type, data, reason, next_check)
  SELECT DISTINCT ON (type, data) type, data, reason, clock_timestamp() + make_interval(secs => $2::float8)
  FROM input ORDER BY type, data
  ON CONFLICT (type, data) DO UPDATE SET reason = excluded.reason
  RETURNING id, type, data
)
INSERT INTO problem_job (job_id, step, problem_id)
SELECT i.job_id, i.step, k.id FROM input i JOIN known k ON k.type = i.type AND k.data = i.data
ON CONFLICT (job_id, step) DO UPDATE SET problem_id = excluded.problem_id, since = clock_timestamp();

-- name: list(job) :many
-- The problems that hold jobs back, or that hold back one job, with their jobs.
SELECT p.id, p.type, p.data, p.reason, p.since, p.next_check, array_agg(DISTINCT j.job_id ORDER BY j.job_id) AS jobs
FROM problem p JOIN problem_job j ON j.problem_id = p.id
WHERE $1::bigint IS NULL OR p.id IN (SELECT problem_id FROM problem_job WHERE job_id = $1)
GROUP BY p.id ORDER BY p.id;

-- name: waiting(id, limit) :many
-- The jobs that wait for a problem, those that have waited longest first.
SELECT p.job_id, p.step, p.since, j.type, j.priority, j.owner, s.description
FROM problem_job p JOIN job j ON j.id = p.job_id JOIN step s ON s.job_id = p.job_id AND s.number = p.step
WHERE p.problem_id = $1::bigint
ORDER BY p.since, p.job_id, p.step LIMIT $2::integer;

-- name: of_jobs(ids) :many
-- What jobs wait for.
SELECT DISTINCT ON (j.job_id) j.job_id, p.type, p.reason
FROM problem_job j JOIN problem p ON p.id = j.problem_id
WHERE j.job_id = ANY ($1::bigint[])
ORDER BY j.job_id, j.step;

-- name: due(types, check_seconds, limit) :many
-- Take problems that are due for another look; nobody else looks until the next time.
UPDATE problem SET next_check = clock_timestamp() + make_interval(secs => $2::float8)
WHERE id IN (SELECT id FROM problem WHERE type = ANY ($1::text[]) AND next_check <= clock_timestamp()
             ORDER BY next_check LIMIT $3::integer FOR UPDATE SKIP LOCKED)
RETURNING id, type, data;

-- name: of_type(type) :many
-- The problems of a type.
SELECT id, data FROM problem WHERE type = $1::text ORDER BY id;

-- name: is_due() :value
-- Whether a problem is due for another look.
SELECT EXISTS (SELECT FROM problem WHERE next_check <= clock_timestamp());

-- name: jobs(id, after, limit) :many
-- The next of the jobs that a problem holds back, beyond one by id.
SELECT DISTINCT job_id FROM problem_job WHERE problem_id = $1::bigint AND job_id > $2::bigint ORDER BY job_id LIMIT $3::integer;

-- name: doom(id, jobs, reason) :none
-- Let the steps that wait for a problem fail when their jobs go on; any worker can do that. Needs the jobs locked.
WITH doomed AS (
  UPDATE step s SET doom = $3::text, executor = '', needs = NULL
  FROM problem_job p
  WHERE p.problem_id = $1::bigint AND p.job_id = ANY ($2::bigint[]) AND s.job_id = p.job_id AND s.number = p.step
    AND s.state = 'WAITING'
  RETURNING s.job_id
)
UPDATE job j SET data = j.data || jsonb_build_object('errorMessage', jsonb_build_array($3::text))
FROM doomed d WHERE j.id = d.job_id;

-- name: release(id, jobs, actor, remark, allowed_from) :many
-- Let jobs go on that waited for a problem: those that wait for nothing else queue again, and a step of a job that still
-- runs is queued at once. Needs the jobs locked. Without an id: jobs that wait for nothing that is known.
WITH gone AS (
  DELETE FROM problem_job WHERE problem_id = $1::bigint AND job_id = ANY ($2::bigint[]) RETURNING job_id, step
), free AS (
  SELECT j.id, j.priority, j.state FROM job j
  WHERE j.id = ANY ($2::bigint[]) AND j.state = ANY ($5::text[]::job_state[])
    AND NOT EXISTS (SELECT FROM problem_job p
                    WHERE p.job_id = j.id AND p.problem_id IS DISTINCT FROM $1::bigint)
), resumed AS (
  UPDATE job j SET state = 'READY' FROM free f WHERE j.id = f.id
  RETURNING j.id, j.type, j.owner, j.priority, f.state AS old
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, old, 'READY', owner, priority, count(*) FROM resumed GROUP BY type, old, owner, priority
), queued AS (
  INSERT INTO job_queue (job_id, priority, weight)
  SELECT f.id, f.priority, coalesce(o.weight, 0) FROM free f LEFT JOIN job_origin o ON o.job_id = f.id
), again AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT s.job_id, s.number, s.executor, s.needs, s.cleanup OR j.priority = 'IMMEDIATE', j.priority
  FROM gone g JOIN step s ON s.job_id = g.job_id AND s.number = g.step JOIN job j ON j.id = g.job_id
  WHERE s.state = 'WAITING' AND j.state IN ('STARTED', 'VIDINET_JOB', 'ABORTED_PENDING')
    AND (s.cleanup OR j.verdict IS NULL)
), logged AS (
  INSERT INTO event (job_id, old_state, new_state, actor, remark)
  SELECT id, state::text, 'READY', $3::text, $4::text FROM free
)
SELECT id FROM resumed;

-- name: forget(seconds) :none
-- Take out problems that hold nobody back any more, and did not begin just now.
DELETE FROM problem p
WHERE p.since < clock_timestamp() - make_interval(secs => $1::float8)
  AND NOT EXISTS (SELECT FROM problem_job j WHERE j.problem_id = p.id);
