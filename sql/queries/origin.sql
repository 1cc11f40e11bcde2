-- What jobs were submitted as.

-- name: put(origins) :none
-- Keep what new jobs were submitted as.
INSERT INTO job_origin (job_id, face, document, priority)
SELECT job_id, face, document, priority
FROM jsonb_to_recordset($1::jsonb) AS given (job_id bigint, face text, document jsonb, priority integer);

-- name: amend(job, face, document, priority) :value_or_none
-- Add to what a job was submitted as through a face, and give it another number; null: the number stays.
UPDATE job_origin SET document = document || $3::jsonb, priority = coalesce($4::integer, priority)
WHERE job_id = $1::bigint AND face = $2::text RETURNING job_id;

-- name: of(ids) :many
-- What jobs were submitted as; those of which it is known.
SELECT job_id, face, document, priority FROM job_origin WHERE job_id = ANY ($1::bigint[]);

-- name: subscribe(job, subscriptions) :none
-- Add to whom a job's states are told, whichever face it came through.
INSERT INTO job_origin AS o (job_id, face, document)
VALUES ($1::bigint, 'vidispine', jsonb_build_object('JobNotificationSubscriptions', $2::jsonb))
ON CONFLICT (job_id) DO UPDATE SET document = jsonb_set(
  o.document, '{JobNotificationSubscriptions}', coalesce(o.document -> 'JobNotificationSubscriptions', '[]') || $2::jsonb);
