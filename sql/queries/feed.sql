-- The event log as open pages read it: what happened a moment ago.

-- name: snapshot() :value
-- What can be seen by now.
SELECT pg_current_snapshot()::text;

-- name: visible(snapshot, limit) :many
-- What can be seen now and could not be seen in a snapshot, in the order of ids, with what can be seen now; one row without an
-- event where there is none. Read are only the transactions that were open then, and those after it: however long one of them
-- stays open, no event is met twice.
WITH seen AS (
  (SELECT e.id, e.job_id, e.step, e.old_state, e.new_state
   FROM pg_snapshot_xip($1::text::pg_snapshot) AS open (tx) JOIN happened e ON e.tx = open.tx
   LIMIT $2::integer)
  UNION ALL
  (SELECT id, job_id, step, old_state, new_state FROM happened
   WHERE tx >= pg_snapshot_xmax($1::text::pg_snapshot) ORDER BY tx LIMIT $2::integer)
  LIMIT $2::integer
)
SELECT pg_current_snapshot()::text AS snapshot, e.id, e.job_id, e.step, e.old_state, e.new_state
FROM (VALUES (true)) AS one LEFT JOIN seen e ON true
ORDER BY e.id;

-- name: progress(limit) :many
-- How far the steps are that workers hold.
SELECT job_id, step, progress_value, progress_total, progress_unit FROM lease
WHERE progress_value IS NOT NULL
ORDER BY job_id, step LIMIT $1::integer;
