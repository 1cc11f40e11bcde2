-- Locks on jobs that wait for nobody: one client that goes to sleep in a transaction must not hold up what is done to many
-- jobs at once.

-- name: free(ids) :many
-- Lock jobs for a change, in order, but for those that somebody else has locked just now.
SELECT id, state, priority FROM job WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED;

-- name: queued(ids) :many
-- Lock queued jobs and their places in the queue, but for those of which somebody else has locked either.
SELECT j.id
FROM job j JOIN job_queue q ON q.job_id = j.id
WHERE j.id = ANY ($1::bigint[])
ORDER BY j.id
FOR NO KEY UPDATE OF j SKIP LOCKED FOR UPDATE OF q SKIP LOCKED;

-- name: known(ids) :many
-- Those of some jobs that are there, whoever has locked them.
SELECT id FROM job WHERE id = ANY ($1::bigint[]);
