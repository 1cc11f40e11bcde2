-- What jobs were submitted as.

-- name: put(origins) :none
-- Keep what new jobs were submitted as.
INSERT INTO job_origin (job_id, face, document, priority)
SELECT job_id, face, document, priority
FROM jsonb_to_recordset($1::jsonb) AS given (job_id bigint, face text, document jsonb, priority integer);

-- name: of(ids) :many
-- What jobs were submitted as; those of which it is known.
SELECT job_id, face, document, priority FROM job_origin WHERE job_id = ANY ($1::bigint[]);
