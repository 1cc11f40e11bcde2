-- What the benchmarks ask beside what the program asks anyway.

-- name: next_ids(number) :many
-- So many ids for new jobs, which nobody else gets.
SELECT nextval('job_id') AS id FROM generate_series(1, $1::integer);

-- name: next_attempts(number) :many
-- So many numbers for attempts, which no other attempt gets.
SELECT nextval('lease_number') AS attempt FROM generate_series(1, $1::integer);

-- name: tidy() :none
-- Let every table be as it is some time after much was written to it.
VACUUM (ANALYZE);

-- name: group() :many
-- The counts of each kind of jobs without those that are kept: by looking at every job.
SELECT type, state, owner, count(*) AS jobs FROM job GROUP BY type, state, owner;

-- name: last() :one_or_none
-- The job that was submitted last.
SELECT id FROM job ORDER BY id DESC LIMIT 1;

-- name: newest(number) :many
-- The jobs that were submitted last.
SELECT id FROM job ORDER BY id DESC LIMIT $1::bigint;

-- name: server() :value
-- Which Postgres it is.
SELECT current_setting('server_version');

-- name: make_second() :none
-- A second database on the same server, for comparison.
CREATE DATABASE vidijob_bench_second;

-- name: drop_second() :none
-- Take it out again.
DROP DATABASE IF EXISTS vidijob_bench_second WITH (FORCE);

-- name: clear() :none
-- Take out all jobs, and with them all that is about jobs, the slots included: whoever schedules makes them anew.
TRUNCATE job, step, earlier_attempt, sub_task, event, job_count, job_count_change, job_queue, step_queue, lease, slot CASCADE;

-- name: open() :value
-- How many jobs have not ended.
SELECT count(*) FROM job WHERE finished IS NULL;

-- name: live_size() :value
-- How many bytes the tables take that only jobs under way are in.
SELECT sum(pg_total_relation_size(name::regclass))::bigint
FROM unnest(ARRAY['job_queue', 'step_queue', 'lease', 'slot', 'remote_call', 'job_count_change']) AS name;

-- name: written() :value
-- How many bytes the write-ahead log of this server has grown to.
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint;

-- name: clear_pgqueuer() :none
-- Take out all jobs of PgQueuer.
TRUNCATE pgqueuer, pgqueuer_log, pgqueuer_statistics;

-- name: clear_procrastinate() :none
-- Take out all jobs of Procrastinate.
TRUNCATE procrastinate_jobs, procrastinate_events CASCADE;

-- name: grown() :value
-- How many bytes this database has on the disk.
SELECT pg_database_size(current_database());

-- name: commits() :value
-- How many transactions were committed in this database; what a connection did last is told a second late.
SELECT xact_commit FROM pg_stat_database WHERE datname = current_database();

-- name: backends() :many
-- The processes of the server, as far as they are known to it.
SELECT pid FROM pg_stat_activity;
