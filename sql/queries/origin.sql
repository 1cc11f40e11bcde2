-- What jobs were submitted as.

-- name: put(origins) :none
-- Keep what new jobs were submitted as.
INSERT INTO job_origin (job_id, face, document, priority, weight)
SELECT job_id, face, document, priority, weight
FROM jsonb_to_recordset($1::jsonb) AS given (job_id bigint, face text, document jsonb, priority integer, weight integer);

-- name: amend(job, face, document, priority, weight) :value_or_none
-- Add to what a job was submitted as through a face, and give it another number, in the queue as well; null: the number stays.
WITH amended AS (
  UPDATE job_origin SET document = document || $3::jsonb, priority = coalesce($4::integer, priority),
                        weight = coalesce($5::integer, weight)
  WHERE job_id = $1::bigint AND face = $2::text RETURNING job_id
), queue AS (
  UPDATE job_queue q SET weight = $5::integer FROM amended a WHERE q.job_id = a.job_id AND $5::integer IS NOT NULL
)
SELECT job_id FROM amended;

-- name: of(ids) :many
-- What jobs were submitted as; those of which it is known.
SELECT job_id, face, document, priority, weight FROM job_origin WHERE job_id = ANY ($1::bigint[]);

-- name: subscribe(job, subscriptions) :none
-- Add to whom a job's states are told, whichever face it came through.
INSERT INTO job_origin AS o (job_id, face, document)
VALUES ($1::bigint, 'vidispine', jsonb_build_object('JobNotificationSubscriptions', $2::jsonb))
ON CONFLICT (job_id) DO UPDATE SET document = jsonb_set(
  o.document, '{JobNotificationSubscriptions}', coalesce(o.document -> 'JobNotificationSubscriptions', '[]') || $2::jsonb);
