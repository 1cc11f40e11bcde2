-- Task groups: jobs that share a limit. What may keep more jobs back than before raises the version of the rules first, in
-- the same statement, so that nobody who goes to sleep holds it up: an admission by the old ones that is under way is waited
-- for, and none comes after it.

-- name: list(names) :many
-- Task groups by name; null: all.
SELECT name, priority, max_concurrency, filters, transcoders, metadata, paused
FROM task_group
WHERE $1::text[] IS NULL OR name = ANY ($1)
ORDER BY name;

-- name: lock(name) :value_or_none
-- Lock a task group for a change.
SELECT name FROM task_group WHERE name = $1::text FOR UPDATE;

-- name: put(name, priority, max_concurrency, filters, transcoders, metadata, paused) :none
-- Make a task group, or give one another definition; null: it is as paused as it was.
WITH ruled AS (UPDATE admission_rules SET version = version + 1 RETURNING version)
INSERT INTO task_group AS g (name, priority, max_concurrency, filters, transcoders, metadata, paused)
SELECT $1::text, $2::text::job_priority, $3::integer, $4::jsonb, $5::text[], $6::jsonb, coalesce($7::boolean, false)
FROM ruled
ON CONFLICT (name) DO UPDATE
SET priority = excluded.priority, max_concurrency = excluded.max_concurrency, filters = excluded.filters,
    transcoders = excluded.transcoders, metadata = excluded.metadata, paused = coalesce($7::boolean, g.paused);

-- name: pause(name, paused) :value_or_none
-- Let a task group admit no more jobs, or let it go on.
WITH ruled AS (UPDATE admission_rules SET version = version + 1 RETURNING version)
UPDATE task_group g SET paused = $2::boolean FROM ruled WHERE g.name = $1::text RETURNING g.name;

-- name: set_metadata(name, metadata) :none
-- Give a task group other metadata.
UPDATE task_group SET metadata = $2::jsonb WHERE name = $1::text;

-- name: delete(name) :value_or_none
-- Take a task group out; its jobs may be another's now.
WITH ruled AS (UPDATE admission_rules SET version = version + 1 RETURNING version)
DELETE FROM task_group g USING ruled WHERE g.name = $1::text RETURNING g.name;

-- name: delete_all() :none
-- Take all task groups out.
DELETE FROM task_group;

-- name: weight(job) :value_or_none
-- Where a job is among those of its priority; null: it is not queued.
SELECT weight FROM job_queue WHERE job_id = $1::bigint;

-- name: candidates(priority, weight, after, limit, data_keys) :many
-- Jobs of one priority in the queue, behind a weight and a job, with what conditions can be about.
SELECT q.job_id, q.priority, q.weight, extract(epoch FROM clock_timestamp() - q.since)::float8 AS waited, j.type, j.owner,
       ARRAY(SELECT m.user_group FROM user_group_member m WHERE m.account = j.owner
             UNION ALL
             SELECT r.role FROM effective_role r WHERE r.account = j.owner) AS groups,
       coalesce((SELECT jsonb_object_agg(key, j.data->key) FROM unnest($5::text[]) AS key WHERE j.data ? key), '{}') AS data
FROM job_queue q JOIN job j ON j.id = q.job_id
WHERE q.priority = $1::text::job_priority AND q.weight <= $2::integer AND (q.weight < $2::integer OR q.job_id > $3::bigint)
ORDER BY q.weight DESC, q.job_id
LIMIT $4::integer;
