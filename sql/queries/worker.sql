-- Who works and who leads.

-- name: beat(id, host, pid, executors, slots) :none
-- Enter a worker, or say that it is still there.
INSERT INTO worker (id, host, pid, executors, slots)
VALUES ($1::uuid, $2::text, $3::integer, $4::text[], $5::smallint)
ON CONFLICT (id) DO UPDATE SET seen_at = now();

-- name: leave(id) :none
-- Take a worker out.
DELETE FROM worker WHERE id = $1::uuid;

-- name: forget(seconds) :none
-- Take out workers that were not heard of for so long.
DELETE FROM worker WHERE seen_at < now() - make_interval(secs => $1::float8);

-- name: list() :many
-- The workers and how many steps each holds.
SELECT w.id, w.host, w.pid, w.executors, w.slots, w.started_at, w.seen_at,
       (SELECT count(*) FROM lease l WHERE l.worker = w.id) AS steps
FROM worker w ORDER BY w.started_at, w.id;

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

-- name: wake(channel) :none
-- Wake whoever listens; sent by a connection that writes nothing.
SELECT pg_notify($1::text, '');

-- name: is_led(role) :value
-- Whether somebody leads.
SELECT EXISTS (SELECT FROM leader WHERE role = $1::text AND expires_at > clock_timestamp());

-- name: alive() :value
-- Whether the database answers.
SELECT 1;
