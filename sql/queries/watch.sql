-- Jobs of which another face tells each state.

-- name: begin(jobs, progress) :none
-- Begin to watch new jobs; of some it is told as well how far their steps are.
INSERT INTO watch (job_id, progress) SELECT * FROM unnest($1::bigint[], $2::boolean[]);

-- name: news(tx, until_tx) :many
-- The watched jobs of which something happened in a range of transactions that are all over.
SELECT DISTINCT w.job_id FROM event e JOIN watch w ON w.job_id = e.job_id
WHERE e.tx >= $1::text::xid8 AND e.tx < $2::text::xid8
ORDER BY w.job_id;

-- name: all_news(until_tx) :many
-- The watched jobs of which something happened before a transaction that was not looked at.
SELECT w.job_id FROM watch w
WHERE EXISTS (SELECT FROM event e
              WHERE e.job_id = w.job_id AND e.tx < $1::text::xid8
                AND e.tx >= CASE WHEN w.tx <= $1::text::xid8 THEN w.tx ELSE '0' END)
ORDER BY w.job_id;

-- name: due(jobs, until_tx) :many
-- Those of some jobs that are watched, for whoever asked to go on with until its transaction ends; passed over are those that
-- another goes on with. After a move to another server the number of a transaction means nothing: then all is looked at again.
SELECT job_id, CASE WHEN tx <= $2::text::xid8 THEN tx ELSE '0' END::text AS tx, told
FROM watch WHERE job_id = ANY ($1::bigint[]) ORDER BY job_id FOR UPDATE SKIP LOCKED;

-- name: happened(job, tx, until_tx) :many
-- What happened to a job in a range of transactions that are all over, in order.
SELECT id, at, job_id, step, old_state, new_state, actor, remark
FROM happened
WHERE job_id = $1::bigint AND tx >= $2::text::xid8 AND tx < $3::text::xid8
ORDER BY id;

-- name: advanced(limit) :many
-- Some watched jobs with steps under way of which it is told how far they are, for whoever asked to go on with until its
-- transaction ends.
SELECT w.job_id, w.told, clock_timestamp() AS at,
       (SELECT jsonb_object_agg(l.step, 100 * l.progress_value / l.progress_total) FROM lease l
        WHERE l.job_id = w.job_id AND l.progress_value IS NOT NULL AND l.progress_total > 0) AS percents
FROM watch w
WHERE w.progress AND EXISTS (SELECT FROM lease l WHERE l.job_id = w.job_id AND l.progress_value IS NOT NULL AND l.progress_total > 0)
ORDER BY w.job_id LIMIT $1::integer FOR UPDATE OF w SKIP LOCKED;

-- name: told(job, tx, told) :none
-- Note how far a job has been looked at, unless null, and what was told of it last.
UPDATE watch SET tx = coalesce($2::text::xid8, tx), told = $3::text WHERE job_id = $1::bigint;

-- name: end(job) :none
-- Watch a job no longer.
DELETE FROM watch WHERE job_id = $1::bigint;

-- name: begin_later(job, told) :none
-- Begin to watch a job that is there already, unless it is watched; needs it locked. All that happened to it is looked at:
-- it may have gone on since somebody saw what was told.
INSERT INTO watch (job_id, told) VALUES ($1::bigint, $2::text) ON CONFLICT DO NOTHING;

-- name: untold(jobs) :value
-- Whether something of some jobs that have ended is still to be told.
SELECT EXISTS (SELECT FROM watch WHERE job_id = ANY ($1::bigint[]));
