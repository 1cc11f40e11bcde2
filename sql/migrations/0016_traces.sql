-- The trace that a job belongs to, where traces are wanted.
-- breaking: no

CREATE TABLE job_trace (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  traceparent text NOT NULL CHECK (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
);
