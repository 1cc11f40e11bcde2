-- How much is going on: what plots are drawn of. What is looked at is bounded, however many jobs there are.

-- name: ended(seconds, stretches, most) :many
-- How many jobs ended in each of so many stretches of time up to now, by how they ended; of each stretch at most so many are
-- looked at.
SELECT s.at, c.finished, c.failed, c.aborted
FROM (SELECT to_timestamp((floor(extract(epoch FROM clock_timestamp()) / $1::float8) - n) * $1::float8) AS at
      FROM generate_series(0, $2::integer - 1) n) s
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE j.state IN ('FINISHED', 'FINISHED_WARNING')) AS finished,
         count(*) FILTER (WHERE j.state = 'FAILED_TOTAL') AS failed,
         count(*) FILTER (WHERE j.state = 'ABORTED') AS aborted
  FROM (SELECT state FROM job WHERE finished >= s.at AND finished < s.at + make_interval(secs => $1::float8)
        ORDER BY finished, id LIMIT $3::integer) j
) c
ORDER BY s.at;

-- name: waits(seconds, stretches, most) :many
-- How long jobs that were submitted in each stretch of time waited until they were admitted, in seconds: the median, and
-- what 95 of a hundred did not exceed. One that still waits counts with what it has waited; of each stretch at most so many count.
SELECT s.at, w.half, w.nearly_all
FROM (SELECT to_timestamp((floor(extract(epoch FROM clock_timestamp()) / $1::float8) - n) * $1::float8) AS at
      FROM generate_series(0, $2::integer - 1) n) s
CROSS JOIN LATERAL (
  SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY waited.seconds) AS half,
         percentile_disc(0.95) WITHIN GROUP (ORDER BY waited.seconds) AS nearly_all
  FROM (SELECT id, state, started FROM job
        WHERE started >= s.at AND started < s.at + make_interval(secs => $1::float8)
        ORDER BY started, id LIMIT $3::integer) j
  LEFT JOIN LATERAL (
    SELECT e.at FROM happened e WHERE e.job_id = j.id AND e.step IS NULL AND e.new_state = 'STARTED' ORDER BY e.id LIMIT 1
  ) e ON true
  CROSS JOIN LATERAL (
    SELECT greatest(extract(epoch FROM coalesce(e.at, clock_timestamp()) - j.started), 0)::float8 AS seconds
    WHERE e.at IS NOT NULL OR j.state = 'READY'
  ) waited
) w
ORDER BY s.at;

-- name: queued() :many
-- How many jobs are in the queue with each priority, and since when the next of them waits.
SELECT p.priority, c.jobs, f.since
FROM unnest(enum_range(NULL::job_priority)) AS p (priority)
CROSS JOIN LATERAL (SELECT coalesce(sum(jobs), 0)::bigint AS jobs FROM current_job_count
                    WHERE state = 'READY' AND priority = p.priority) c
LEFT JOIN LATERAL (SELECT since FROM job_queue q WHERE q.priority = p.priority ORDER BY q.weight DESC, q.job_id LIMIT 1) f ON true
ORDER BY p.priority DESC;

-- name: taken() :value
-- How many slots are taken.
SELECT count(*) FROM seat WHERE job_id IS NOT NULL;
