-- How remote engines that carry out a step tell of it.
-- breaking: no

CREATE TABLE remote_call (
  -- SHA-256 of the token in the address to call back; the token itself, 256 random bits, is not kept.
  digest bytea PRIMARY KEY,
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  -- Of the attempt; what is told when this lease is held no longer has no effect.
  lease bigint NOT NULL,
  -- Whether a remote engine has taken the step over; while the lease is held, the job is VIDINET_JOB then.
  taken_over boolean NOT NULL DEFAULT false,
  -- Grows with everything that is told.
  version integer NOT NULL DEFAULT 0,
  -- When it was opened, or something was told.
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- {"value": …, "total": …, "unit": …}: the last.
  progress jsonb,
  -- For the log of the attempt.
  lines text[] NOT NULL DEFAULT '{}',
  -- {"outcome": …, "reason": …, "data": …}: the first.
  verdict jsonb,
  FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE
) WITH (fillfactor = 70);

CREATE INDEX remote_call_step ON remote_call (job_id, step);
