-- Jobs of which another face tells each state.

-- name: begin(jobs) :none
-- Begin to watch new jobs, of this transaction.
INSERT INTO watch (job_id) SELECT unnest($1::bigint[]);

-- name: due(limit) :many
-- Some watched jobs of which something happened that is certain, for whoever asked to go on with until its transaction ends;
-- passed over are those that another goes on with.
SELECT w.job_id, w.tx::text AS tx, w.after_id, w.told, h.tx::text AS until_tx
FROM watch w, event_horizon h
WHERE EXISTS (SELECT FROM event e WHERE e.job_id = w.job_id AND e.tx < h.tx AND (e.tx > w.tx OR (e.tx = w.tx AND e.id > w.after_id)))
ORDER BY w.job_id LIMIT $1::integer FOR UPDATE OF w SKIP LOCKED;

-- name: happened(job, tx, after_id, until_tx) :many
-- What happened to a job since it was looked at, in the order of transactions; of one, in order.
SELECT id, at, job_id, step, old_state, new_state, actor, remark, tx::text AS tx
FROM happened
WHERE job_id = $1::bigint AND tx < $4::text::xid8 AND (tx > $2::text::xid8 OR (tx = $2::text::xid8 AND id > $3::bigint))
ORDER BY tx, id;

-- name: told(job, tx, after_id, told) :none
-- Note how far a job has been looked at, and what was told of it last.
UPDATE watch SET tx = $2::text::xid8, after_id = $3::bigint, told = $4::text WHERE job_id = $1::bigint;

-- name: end(job) :none
-- Watch a job no longer.
DELETE FROM watch WHERE job_id = $1::bigint;

-- name: begin_later(job, told) :none
-- Begin to watch a job that is there already, from now on, unless it is watched; needs it locked.
INSERT INTO watch (job_id, told) VALUES ($1::bigint, $2::text) ON CONFLICT DO NOTHING;

-- name: untold(jobs) :value
-- Whether something of some jobs that have ended is still to be told.
SELECT EXISTS (SELECT FROM watch WHERE job_id = ANY ($1::bigint[]));
