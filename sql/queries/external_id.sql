-- External ids: names that others gave to jobs and notifications.

-- name: job(external_id) :value_or_none
-- Which job has a name.
SELECT job_id FROM job_external_id WHERE external_id = $1::text;

-- name: job_known(job) :value_or_none
-- Whether there is such a job.
SELECT id FROM job WHERE id = $1::bigint;

-- name: of_job(job) :many
-- The names of a job.
SELECT external_id FROM job_external_id WHERE job_id = $1::bigint ORDER BY external_id;

-- name: give_job(job, external_id) :value_or_none
-- Give a job a name and answer which job has it then: another one, if it had it before; none where there is no such job.
WITH known AS (
  SELECT id FROM job WHERE id = $1::bigint FOR KEY SHARE
)
INSERT INTO job_external_id (external_id, job_id)
SELECT $2::text, id FROM known
ON CONFLICT (external_id) DO UPDATE SET external_id = excluded.external_id
RETURNING job_id;

-- name: take_job(job, external_id) :value_or_none
-- Take a name from a job.
DELETE FROM job_external_id WHERE job_id = $1::bigint AND external_id = $2::text RETURNING external_id;

-- name: strip_job(job) :none
-- Take all names from a job.
DELETE FROM job_external_id WHERE job_id = $1::bigint;

-- name: notification(external_id) :value_or_none
-- Which notification has a name.
SELECT notification_id FROM notification_external_id WHERE external_id = $1::text;

-- name: of_notification(notification) :many
-- The names of a notification.
SELECT external_id FROM notification_external_id WHERE notification_id = $1::bigint ORDER BY external_id;

-- name: give_notification(notification, external_id) :value_or_none
-- Give a notification a name and answer which one has it then: another, if it had it before; none where there is none.
WITH known AS (
  SELECT id FROM notification WHERE id = $1::bigint FOR KEY SHARE
)
INSERT INTO notification_external_id (external_id, notification_id)
SELECT $2::text, id FROM known
ON CONFLICT (external_id) DO UPDATE SET external_id = excluded.external_id
RETURNING notification_id;

-- name: take_notification(notification, external_id) :value_or_none
-- Take a name from a notification.
DELETE FROM notification_external_id WHERE notification_id = $1::bigint AND external_id = $2::text RETURNING external_id;

-- name: strip_notification(notification) :none
-- Take all names from a notification.
DELETE FROM notification_external_id WHERE notification_id = $1::bigint;
