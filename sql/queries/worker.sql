-- Who works and who leads.

-- name: beat(id, host, pid, executors, slots, resources) :one_or_none
-- Enter a worker, or say that it is still there; answers whether it is to take no more, and whether a step waits for
-- some worker.
INSERT INTO worker (id, host, pid, executors, slots, resources)
VALUES ($1::uuid, $2::text, $3::integer, $4::text[], $5::smallint, $6::jsonb)
ON CONFLICT (id) DO UPDATE SET seen_at = now()
RETURNING drained, EXISTS (SELECT FROM step_queue WHERE ready_at <= clock_timestamp()) AS ready;

-- name: leave(id) :none
-- Take a worker out.
DELETE FROM worker WHERE id = $1::uuid;

-- name: forget(seconds) :none
-- Take out workers that were not heard of for so long.
DELETE FROM worker WHERE seen_at < now() - make_interval(secs => $1::float8);

-- name: list() :many
-- The workers; for how many seconds nothing was heard of each, and whether what it last held was taken from it since.
SELECT w.id, w.host, w.pid, w.executors, w.slots, w.started_at, w.seen_at, w.resources, w.drained,
       extract(epoch FROM now() - w.seen_at)::float8 AS silent,
       coalesce(w.vanished_at > w.seen_at, false) AS vanished
FROM worker w
ORDER BY w.started_at, w.id;

-- name: holdings() :many
-- What workers hold, and how far it is.
SELECT l.worker, l.job_id, l.step, s.description, s.needs, s.at, l.progress_value, l.progress_total, l.progress_unit
FROM lease l
JOIN step s ON s.job_id = l.job_id AND s.number = l.step
ORDER BY l.job_id, l.step;

-- name: drain(id, drained) :value_or_none
-- Tell a worker to take no more steps, or to take some again.
UPDATE worker SET drained = $2::boolean WHERE id = $1::uuid RETURNING id;

-- name: campaign(role, holder, lease_seconds) :value_or_none
-- Become or stay the leader; answers the term, or nothing while another leads.
INSERT INTO leader AS l (role, holder, term, expires_at)
VALUES ($1::text, $2::uuid, 1, clock_timestamp() + make_interval(secs => $3::float8))
ON CONFLICT (role) DO UPDATE
SET holder = excluded.holder, expires_at = excluded.expires_at,
    term = l.term + (l.holder <> excluded.holder)::integer
WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()
RETURNING term;

-- name: resign(role, holder) :none
-- Let another lead at once.
UPDATE leader SET expires_at = '-infinity' WHERE role = $1::text AND holder = $2::uuid;

-- name: wake(channels, sender) :none
-- Wake whoever listens; sent by a connection that writes nothing. Nobody waits until the disk has it: that would hold up the
-- commits of others, and what is lost is looked for anyway.
SELECT pg_notify(channel, $2::text) FROM unnest($1::text[]) AS channel
WHERE set_config('synchronous_commit', 'off', true) = 'off';

-- name: is_led(role) :value
-- Whether somebody leads.
SELECT EXISTS (SELECT FROM leader WHERE role = $1::text AND expires_at > clock_timestamp());

-- name: alive() :value
-- Whether the database answers.
SELECT 1;
