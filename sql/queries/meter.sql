-- Meters: what metrics are read from. None of them may take longer the more jobs there are.

-- name: jobs() :many
-- How many jobs there are by type and state.
SELECT type, state, sum(jobs)::bigint AS jobs FROM current_job_count GROUP BY type, state HAVING sum(jobs) > 0;

-- name: queue() :many
-- For how many seconds the first job of each priority has waited for admission.
SELECT line.priority, q.waited
FROM unnest(enum_range(NULL::job_priority)) AS line (priority)
CROSS JOIN LATERAL (
  -- Not "=": see job.heads.
  SELECT priority, extract(epoch FROM clock_timestamp() - since)::float8 AS waited FROM job_queue
  WHERE priority <= line.priority ORDER BY priority DESC, job_id LIMIT 1
) q
WHERE q.priority = line.priority;

-- name: engine() :one_or_none
-- Steps, slots, workers, the event log and deliveries, each as one number.
SELECT (SELECT count(*) FROM step_queue) AS steps_queued,
       (SELECT extract(epoch FROM clock_timestamp() - min(ready_at))::float8 FROM step_queue
        WHERE ready_at <= clock_timestamp()) AS step_age,
       (SELECT count(*) FROM lease) AS steps_held,
       (SELECT count(*) FROM seat WHERE job_id IS NULL) AS slots_free,
       (SELECT count(*) FROM seat WHERE job_id IS NOT NULL) AS slots_taken,
       (SELECT count(*) FROM worker WHERE NOT drained) AS workers_working,
       (SELECT count(*) FROM worker WHERE drained) AS workers_drained,
       (SELECT coalesce(sum(slots), 0) FROM worker WHERE NOT drained) AS worker_slots,
       EXISTS (SELECT FROM leader WHERE role = 'scheduler' AND expires_at > clock_timestamp()) AS led,
       -- By 512, since so many are kept for each that is written: what a statement did to a job.
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END / 512 FROM event_id_seq) AS events,
       (SELECT seen_id / 512 FROM event_cursor) AS events_seen,
       (SELECT count(*) FROM (SELECT FROM delivery WHERE ended_at IS NULL LIMIT 100000) AS pending) AS deliveries,
       (SELECT count(*) FROM lane WHERE failures > 0) AS lanes_troubled;

-- name: problems() :many
-- How many problems there are of each type.
SELECT type, count(*) AS problems FROM problem GROUP BY type;

-- name: admissions(jobs) :many
-- For how many seconds each of some jobs was queued before it was last started.
SELECT extract(epoch FROM started.at - queued.at)::float8 AS waited
FROM unnest($1::bigint[]) AS given (job_id)
CROSS JOIN LATERAL (
  SELECT id, at FROM happened
  WHERE job_id = given.job_id AND step IS NULL AND new_state = 'STARTED' ORDER BY id DESC LIMIT 1
) started
CROSS JOIN LATERAL (
  SELECT at FROM happened
  WHERE job_id = given.job_id AND step IS NULL AND new_state = 'READY' AND id < started.id ORDER BY id DESC LIMIT 1
) queued;

-- name: claims(jobs, steps) :many
-- For how many seconds each of some steps was ready before a worker last began it; a try after a pause is none of them.
SELECT extract(epoch FROM begun.at - ready.at)::float8 AS waited
FROM unnest($1::bigint[], $2::smallint[]) AS given (job_id, step)
CROSS JOIN LATERAL (
  SELECT id, at FROM happened
  WHERE job_id = given.job_id AND step = given.step AND new_state LIKE 'STARTED%' ORDER BY id DESC LIMIT 1
) begun
CROSS JOIN LATERAL (
  SELECT at, new_state FROM happened
  WHERE job_id = given.job_id AND step = given.step AND id < begun.id ORDER BY id DESC LIMIT 1
) ready
WHERE ready.new_state = 'READY';
