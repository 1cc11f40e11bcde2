-- Job types and task definitions: until here they were in the program alone.
-- breaking: no

CREATE TABLE job_type (
  -- 20000 to 30000 where an administrator made it.
  id integer PRIMARY KEY CHECK (id > 0),
  name text NOT NULL UNIQUE CHECK (name <> ''),
  -- Whether it came with the program.
  shipped boolean NOT NULL,
  CHECK (shipped = (id < 20000))
);

-- The JavaScript of script tasks, by its SHA-256 in hex. Nothing here changes or goes: a job keeps the script that it was
-- submitted with.
CREATE TABLE script (
  digest text PRIMARY KEY,
  source text NOT NULL
);

CREATE TABLE task_definition (
  id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  job_type integer NOT NULL REFERENCES job_type ON DELETE CASCADE,
  step smallint NOT NULL CHECK (step > 0),
  description text NOT NULL,
  executor text NOT NULL,
  method text NOT NULL,
  plugin boolean,
  script text REFERENCES script,
  CHECK (script IS NULL OR (executor = 'script' AND method = 'run' AND plugin IS NULL)),
  after_step smallint NOT NULL CHECK (after_step >= 0),
  after_previous boolean NOT NULL,
  after_all_previous boolean NOT NULL,
  -- The same three for parallelDependency.
  beside_step smallint NOT NULL CHECK (beside_step >= 0),
  beside_previous boolean NOT NULL,
  beside_all_previous boolean NOT NULL,
  critical boolean NOT NULL,
  cleanup boolean NOT NULL,
  metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
  -- Opaque; kept and given back.
  flags bigint,
  extradata text,
  UNIQUE (job_type, step)
);

-- The steps that the program has brought to a type. One that an administrator changed or deleted is theirs for good.
CREATE TABLE shipped_step (
  job_type integer NOT NULL REFERENCES job_type ON DELETE CASCADE,
  step smallint NOT NULL,
  touched boolean NOT NULL,
  PRIMARY KEY (job_type, step)
);

-- One row. Whoever changes a job type locks it first and raises version when done, so that a reader sees cheaply whether
-- what it knows is current.
CREATE TABLE catalogue (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  version bigint NOT NULL DEFAULT 0,
  -- Of the program's own list; a program with an older list leaves the types alone.
  edition integer NOT NULL DEFAULT 0
);

INSERT INTO catalogue DEFAULT VALUES;
