-- Slots: one row for each job that may run at once.
--
-- While somebody reads from one snapshot for a long time, all that these rows ever were is still there, and whoever looks for
-- one, or at all of them, passes it. So the leader remembers where each lies, and asks the jobs who has ended.

-- name: arrange(holder, term, numbers, least_priorities, removed) :many
-- Make slots, say for whom they are kept, and take out free ones, if the caller still leads; answers where the first two lie now.
WITH lead AS (
  SELECT role FROM leader
  WHERE role = 'scheduler' AND holder = $1::uuid AND term = $2::bigint AND expires_at > clock_timestamp()
  FOR SHARE
), gone AS (
  DELETE FROM slot
  WHERE number = ANY ($5::smallint[]) AND EXISTS (SELECT FROM lead)
    AND (SELECT finished IS NULL FROM job WHERE id = slot.job_id) IS NOT TRUE
)
INSERT INTO slot (number, least_priority)
SELECT number, priority::job_priority
FROM unnest($3::smallint[], $4::text[]) AS wanted (number, priority)
WHERE EXISTS (SELECT FROM lead)
ON CONFLICT (number) DO UPDATE SET least_priority = excluded.least_priority
RETURNING number, ctid::text AS tid;

-- name: left(jobs) :many
-- Those of some jobs that do not run any more, or need no slot, and whether they have ended.
SELECT id, finished IS NOT NULL AS ended
FROM job
WHERE id = ANY ($1::bigint[])
  AND (state NOT IN ('STARTED', 'VIDINET_JOB', 'ABORTED_PENDING') OR priority = 'IMMEDIATE');

-- name: places() :many
-- The places of task groups that are taken.
SELECT task_group, array_agg(group_place) AS places
FROM seat
WHERE job_id IS NOT NULL AND task_group IS NOT NULL
GROUP BY task_group;

-- name: vacate(holder, term) :many
-- Clear the places of task groups whose jobs have ended, if the caller still leads. Answers where those slots lie now, and of the
-- others the places that are taken.
WITH lead AS (
  SELECT role FROM leader
  WHERE role = 'scheduler' AND holder = $1::uuid AND term = $2::bigint AND expires_at > clock_timestamp()
  FOR SHARE
), cleared AS (
  UPDATE slot SET task_group = NULL, group_place = NULL
  WHERE task_group IS NOT NULL AND EXISTS (SELECT FROM lead)
    AND (SELECT finished IS NULL FROM job WHERE id = slot.job_id) IS NOT TRUE
  RETURNING number, ctid::text AS tid
)
SELECT number, tid, NULL AS task_group, NULL AS group_place FROM cleared
UNION ALL
SELECT number, NULL, task_group, group_place FROM slot
WHERE task_group IS NOT NULL AND number NOT IN (SELECT number FROM cleared);
