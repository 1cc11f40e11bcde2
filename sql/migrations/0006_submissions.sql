-- Submissions that may be repeated: the keys that clients give them.
-- breaking: no

-- As long as the job is there, the same user's request with the same key is that job.
CREATE TABLE submission (
  owner text NOT NULL,
  key text NOT NULL CHECK (key <> ''),
  -- SHA-256 of what was ordered: a key does not stand for two orders.
  digest bytea NOT NULL,
  job_id bigint NOT NULL REFERENCES job ON DELETE CASCADE,
  PRIMARY KEY (owner, key)
);

CREATE INDEX submission_job ON submission (job_id);
