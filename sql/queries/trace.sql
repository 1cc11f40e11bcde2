-- Traces: which trace a job belongs to, where traces are wanted.

-- name: put(traces) :none
-- Keep the traceparent of what submitted new jobs.
INSERT INTO job_trace (job_id, traceparent)
SELECT job_id, traceparent FROM jsonb_to_recordset($1::jsonb) AS given (job_id bigint, traceparent text);

-- name: of(job) :value_or_none
-- The traceparent of what submitted a job.
SELECT traceparent FROM job_trace WHERE job_id = $1::bigint;
