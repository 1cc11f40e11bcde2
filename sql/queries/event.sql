-- The event log, for others than the notifier.

-- name: of_job(job, limit) :many
-- What happened to a job and its steps, the newest first; at most so much, or, null, all of it.
SELECT id, at, job_id, step, old_state, new_state, actor, remark
FROM happened WHERE job_id = $1::bigint ORDER BY id DESC LIMIT $2::integer;

-- name: horizon() :value
-- The transaction before which nothing will still appear.
SELECT tx::text FROM event_horizon;

-- name: front() :many
-- The transaction before which nothing will still appear, and whether something can be seen beyond it; one row.
SELECT h.tx::text AS tx, EXISTS (SELECT FROM event e WHERE e.tx >= h.tx) AS more FROM event_horizon h;

-- name: stretch(tx, until_tx, after, job, limit) :many
-- The next events of a range of transactions that are all over, beyond one by id, in the order of ids; of one job, or, null,
-- of all.
SELECT id, at, job_id, step, old_state, new_state, actor, remark
FROM happened
WHERE tx >= $1::text::xid8 AND tx < $2::text::xid8 AND id > $3::bigint AND first_id > $3::bigint - 512
  AND ($4::bigint IS NULL OR job_id = $4)
ORDER BY first_id, id
LIMIT $5::integer;
