-- The event log as open pages read it: what happened a moment ago.

-- name: visible(tx, limit) :many
-- What was written by a transaction and those after it, as far as it can be seen, in the order of ids, with where the
-- horizon is in the same snapshot; one row without an event where there is none.
WITH seen AS (
  -- In the order of the index: however much there is, so much is read.
  SELECT id, tx, job_id, step, old_state, new_state FROM happened WHERE tx >= $1::text::xid8 ORDER BY tx LIMIT $2::integer
)
SELECT h.tx::text AS horizon, e.id, e.tx >= h.tx AS beyond, e.job_id, e.step, e.old_state, e.new_state
FROM event_horizon h LEFT JOIN seen e ON true
ORDER BY e.id;

-- name: progress(limit) :many
-- How far the steps are that workers hold.
SELECT job_id, step, progress_value, progress_total, progress_unit FROM lease
WHERE progress_value IS NOT NULL
ORDER BY job_id, step LIMIT $1::integer;
