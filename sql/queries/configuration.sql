-- What administrators configured.

-- name: lock() :none
-- One change of the limits after the other, until the transaction ends.
SELECT pg_advisory_xact_lock(7664217003);

-- name: properties() :many
-- All properties.
SELECT key, value, changed_at FROM property ORDER BY key;

-- name: set_property(key, value) :none
-- Give a property a value; what pauses all jobs raises the version of the rules, as a paused task group does.
WITH ruled AS (UPDATE admission_rules SET version = version + 1 WHERE $1::text = 'pauseJobs')
INSERT INTO property (key, value) VALUES ($1::text, $2::text)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = clock_timestamp();

-- name: delete_property(key) :value_or_none
-- Take the value from a property.
DELETE FROM property WHERE key = $1::text RETURNING key;

-- name: concurrent_jobs() :value_or_none
-- How many jobs run at once, where an administrator has said so.
SELECT value FROM property WHERE key = 'concurrentJobs';

-- name: paused() :value
-- Whether an administrator has paused all admission.
SELECT EXISTS (SELECT FROM property WHERE key = 'pauseJobs' AND value = 'true');

-- name: pools() :many
-- The job pools, the highest threshold first.
SELECT threshold, size FROM job_pool ORDER BY threshold DESC;

-- name: set_pool(threshold, size) :none
-- Make a job pool, or give it another size.
INSERT INTO job_pool (threshold, size) VALUES ($1::text::job_priority, $2::integer)
ON CONFLICT (threshold) DO UPDATE SET size = excluded.size;

-- name: delete_pool(threshold) :value_or_none
-- Take a job pool out.
DELETE FROM job_pool WHERE threshold = $1::text::job_priority RETURNING threshold;

-- name: delete_pools() :none
-- Take all job pools out.
DELETE FROM job_pool;

-- name: type_priorities() :many
-- The job types whose jobs have a default priority of their own.
SELECT type, priority FROM job_type_priority ORDER BY type;

-- name: set_type_priority(type, priority) :none
-- Give the jobs of a type another default priority.
INSERT INTO job_type_priority (type, priority) VALUES ($1::text, $2::text::job_priority)
ON CONFLICT (type) DO UPDATE SET priority = excluded.priority;

-- name: delete_type_priority(type) :none
-- Let the jobs of a type have the usual default priority.
DELETE FROM job_type_priority WHERE type = $1::text;

-- name: delete_type_priorities() :none
-- Let the jobs of all types have the usual default priority.
DELETE FROM job_type_priority;

-- name: document(name) :value_or_none
-- A document that is configured as a whole.
SELECT document FROM configuration WHERE name = $1::text;

-- name: set_document(name, document) :none
-- Configure a document as a whole.
INSERT INTO configuration (name, document) VALUES ($1::text, $2::jsonb)
ON CONFLICT (name) DO UPDATE SET document = excluded.document;

-- name: delete_document(name) :none
-- Take a document out.
DELETE FROM configuration WHERE name = $1::text;

-- name: ensure_document(name, document) :none
-- Configure a document as a whole unless it is there.
INSERT INTO configuration (name, document) VALUES ($1::text, $2::jsonb) ON CONFLICT (name) DO NOTHING;

-- name: limits() :one_or_none
-- All that says how many jobs may run, and the slots with the priority of the job in each, of one moment.
SELECT (SELECT value FROM property WHERE key = 'concurrentJobs') AS concurrent_jobs,
       EXISTS (SELECT FROM property WHERE key = 'pauseJobs' AND value = 'true') AS paused,
       (SELECT version FROM admission_rules) AS rules,
       (SELECT coalesce(jsonb_agg(p ORDER BY p.threshold DESC), '[]') FROM job_pool p) AS pools,
       (SELECT coalesce(jsonb_agg(g ORDER BY g.name), '[]') FROM task_group g) AS task_groups,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(number, tid::text, least_priority, job_id, priority) ORDER BY number), '[]')
        FROM seat) AS seats;
