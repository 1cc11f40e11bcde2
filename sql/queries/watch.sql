-- Jobs of which another face tells each state.

-- name: begin(jobs, progress) :none
-- Begin to watch new jobs, of this transaction; of some it is told as well how far their steps are.
INSERT INTO watch (job_id, progress) SELECT * FROM unnest($1::bigint[], $2::boolean[]);

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

-- name: advanced(limit) :many
-- Some watched jobs with steps under way of which it is told how far they are, for whoever asked to go on with until its
-- transaction ends.
SELECT w.job_id, w.tx::text AS tx, w.after_id, w.told, clock_timestamp() AS at,
       (SELECT jsonb_object_agg(l.step, 100 * l.progress_value / l.progress_total) FROM lease l
        WHERE l.job_id = w.job_id AND l.progress_value IS NOT NULL AND l.progress_total > 0) AS percents
FROM watch w
WHERE w.progress AND EXISTS (SELECT FROM lease l WHERE l.job_id = w.job_id AND l.progress_value IS NOT NULL AND l.progress_total > 0)
ORDER BY w.job_id LIMIT $1::integer FOR UPDATE OF w SKIP LOCKED;

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
