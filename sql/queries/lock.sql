-- Locks on jobs that wait for nobody: one client that goes to sleep in a transaction must not hold up what is done to many
-- jobs at once.

-- name: free(ids) :many
-- Lock jobs for a change, in order, but for those that somebody else has locked just now.
SELECT id, state, priority FROM job WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED;

-- name: known(ids) :many
-- Those of some jobs that are there, whoever has locked them.
SELECT id FROM job WHERE id = ANY ($1::bigint[]);
