-- Why jobs wait: problems and the jobs that they hold back.
-- breaking: yes

-- One row for each condition, however many jobs wait for it.
CREATE TABLE problem (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  type text NOT NULL,
  -- What exactly is wrong: {"storage": "file:///media"}. A problem with the same type and data is the same problem.
  data jsonb NOT NULL,
  -- In a sentence, for people.
  reason text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When somebody looks again whether it is gone.
  next_check timestamptz NOT NULL,
  UNIQUE (type, data)
);

CREATE TABLE problem_job (
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  problem_id bigint NOT NULL REFERENCES problem ON DELETE CASCADE,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (job_id, step),
  FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE
);

CREATE INDEX problem_job_problem ON problem_job (problem_id, job_id);

-- Why a waiting step is to fail as soon as its job goes on: an operator said so.
ALTER TABLE step ADD COLUMN doom text;
