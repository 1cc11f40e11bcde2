-- Slots: one row for each job that may run at once.

-- name: arrange(holder, term, numbers, least_priorities, removed) :none
-- Make slots, say for whom they are kept, and take out free ones, if the caller still leads.
WITH lead AS (
  SELECT role FROM leader
  WHERE role = 'scheduler' AND holder = $1::uuid AND term = $2::bigint AND expires_at > clock_timestamp()
  FOR SHARE
), gone AS (
  DELETE FROM slot WHERE number = ANY ($5::smallint[]) AND job_id IS NULL AND EXISTS (SELECT FROM lead)
)
INSERT INTO slot (number, least_priority)
SELECT number, priority::job_priority
FROM unnest($3::smallint[], $4::text[]) AS wanted (number, priority)
WHERE EXISTS (SELECT FROM lead)
ON CONFLICT (number) DO UPDATE SET least_priority = excluded.least_priority;

-- name: free() :many
-- The slots that a job may be put in. One that is kept for IMMEDIATE jobs, which take none, is about to go.
SELECT number, least_priority FROM slot WHERE job_id IS NULL AND least_priority < 'IMMEDIATE';

-- name: places() :many
-- The places of task groups that are taken.
SELECT task_group, array_agg(group_place) AS places
FROM slot
WHERE job_id IS NOT NULL AND task_group IS NOT NULL
GROUP BY task_group;
