-- Counts: how many jobs there are of each kind.

-- name: fold(limit) :value
-- Add some of the changes to the counts; answers how many changes were taken. Of two at once the second waits and takes
-- what is left; what one does not finish is as it was.
WITH taken AS (
  DELETE FROM job_count_change
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM job_count_change LIMIT $1::integer))
  RETURNING type, old_state, new_state, owner, priority, jobs
), added AS (
  INSERT INTO job_count AS c (type, state, owner, priority, jobs)
  SELECT t.type, side.state, t.owner, t.priority, sum(side.jobs)
  FROM taken t, LATERAL (VALUES (t.old_state, -t.jobs), (t.new_state, t.jobs)) AS side (state, jobs)
  WHERE side.state IS NOT NULL
  GROUP BY t.type, side.state, t.owner, t.priority
  HAVING sum(side.jobs) <> 0
  -- In one order, so that two that fold do not wait for each other in a circle.
  ORDER BY t.owner, t.type, side.state, t.priority
  ON CONFLICT (owner, type, state, priority) DO UPDATE SET jobs = c.jobs + excluded.jobs
)
SELECT count(*) FROM taken;

-- name: prune() :many
-- Take out the counts of kinds of which there are no jobs any more.
DELETE FROM job_count WHERE jobs = 0 RETURNING owner;
