-- The first schema: jobs, steps, queues, leases, users.
-- breaking: yes

-- In this order: a list sorted by state is sorted by its name.
CREATE TYPE job_state AS ENUM (
  'ABORTED', 'ABORTED_PENDING', 'FAILED_TOTAL', 'FINISHED', 'FINISHED_WARNING', 'HOLD', 'READY', 'STARTED',
  'VIDINET_JOB', 'WAITING'
);

CREATE TYPE step_state AS ENUM (
  'NONE', 'READY', 'STARTED', 'STARTED_ASYNCHRONOUS', 'STARTED_PARALLEL', 'STARTED_PARALLEL_ASYNCHRONOUS',
  'STARTED_SUBTASKS', 'FINISHED', 'FAILED_RETRY', 'FAILED_FATAL', 'WAITING', 'DISAPPEARED'
);

-- In this order: a comparison of two priorities is a comparison of their places here.
CREATE TYPE job_priority AS ENUM ('LOWEST', 'LOW', 'MEDIUM', 'HIGH', 'HIGHEST', 'IMMEDIATE');

CREATE TABLE schema_version (
  version integer PRIMARY KEY,
  name text NOT NULL,
  -- Whether a program that does not know this version must not touch the database.
  breaking boolean NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
  name text PRIMARY KEY CHECK (name <> ''),
  password_hash text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account_role (
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  role text NOT NULL,
  PRIMARY KEY (account, role)
);

CREATE SEQUENCE job_id AS bigint;

CREATE TABLE job (
  id bigint PRIMARY KEY DEFAULT nextval('job_id'),
  type text NOT NULL,
  state job_state NOT NULL,
  priority job_priority NOT NULL,
  -- The user it belongs to; no reference, since a job outlives its user.
  owner text NOT NULL,
  -- When it was submitted. In milliseconds, as on the wire, so that a time that was read finds its job again.
  started timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  finished timestamptz,
  -- Key -> list of values.
  data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
  -- Steps without those for clean-up.
  total_steps smallint NOT NULL,
  -- How it will end, once that is certain and only clean-up is left to do.
  verdict job_state CHECK (verdict IN ('FINISHED', 'FINISHED_WARNING', 'FAILED_TOTAL', 'ABORTED')),
  CHECK ((finished IS NOT NULL) = (state IN ('FINISHED', 'FINISHED_WARNING', 'FAILED_TOTAL', 'ABORTED'))),
  CHECK (finished IS NULL OR state = verdict)
) WITH (fillfactor = 85);

-- One for each order that a list can be asked for, and for the filters that go with it.
CREATE INDEX job_by_type ON job (type, id);
CREATE INDEX job_by_state ON job (state, id);
CREATE INDEX job_by_owner ON job (owner, id);
CREATE INDEX job_by_started ON job (started, id);
CREATE INDEX job_by_finished ON job (finished, id);
CREATE INDEX job_by_priority ON job (priority, id);
CREATE INDEX job_data ON job USING gin (data jsonb_path_ops);
CREATE INDEX job_live ON job (state, id) WHERE finished IS NULL;

CREATE TABLE step (
  job_id bigint NOT NULL REFERENCES job ON DELETE CASCADE,
  -- The number in the job type: 100, 200, … 5000.
  number smallint NOT NULL CHECK (number > 0),
  description text NOT NULL,
  executor text NOT NULL,
  method text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  critical boolean NOT NULL,
  cleanup boolean NOT NULL,
  state step_state NOT NULL DEFAULT 'NONE',
  -- How many steps must end before it may start; null: that is no way in. Clean-up steps have no way in: they are
  -- called when the job's end is certain.
  waiting smallint CHECK (waiting >= 0),
  -- How many must have signalled parallel or ended, where that is enough to start; null: that is no way in.
  waiting_parallel smallint CHECK (waiting_parallel >= 0),
  CHECK (NOT cleanup OR (waiting IS NULL AND waiting_parallel IS NULL)),
  -- The steps whose waiting this one's end lessens.
  unlocks smallint[] NOT NULL DEFAULT '{}',
  unlocks_parallel smallint[] NOT NULL DEFAULT '{}',
  -- Whether unlocks_parallel was honoured already, by a signal.
  signalled boolean NOT NULL DEFAULT false,
  -- Tries so far, tries that ended in a retry, tries whose worker vanished.
  tries integer NOT NULL DEFAULT 0,
  retries integer NOT NULL DEFAULT 0,
  vanished integer NOT NULL DEFAULT 0,
  PRIMARY KEY (job_id, number)
) WITH (fillfactor = 85);

CREATE TABLE attempt (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  -- Tries before this one.
  ordinal integer NOT NULL,
  state step_state NOT NULL,
  -- When it got into this state.
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  worker uuid NOT NULL,
  error text,
  -- [{"at": …, "text": …}, …]
  notes jsonb NOT NULL DEFAULT '[]',
  -- The last progress told; while it runs the lease has it.
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  UNIQUE (job_id, step, ordinal),
  FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE
) WITH (fillfactor = 85);

CREATE TABLE event (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  -- A reader by cursor stops before transactions that are still open: ids may be given out of commit order.
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  job_id bigint NOT NULL,
  -- Null: it happened to the job.
  step smallint,
  old_state text,
  new_state text NOT NULL,
  -- The user or the worker that did it.
  actor text NOT NULL,
  -- The reason or the error, where there is one.
  remark text
);

CREATE INDEX event_job ON event (job_id, id);

CREATE TABLE job_queue (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  priority job_priority NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- In the order of admission, to the letter.
CREATE INDEX job_queue_order ON job_queue (priority DESC, job_id);

CREATE SEQUENCE step_queue_seq AS bigint;

CREATE TABLE step_queue (
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  executor text NOT NULL,
  -- Taken even by a worker whose slots are full: clean-up, and the steps of IMMEDIATE jobs.
  urgent boolean NOT NULL,
  priority job_priority NOT NULL,
  ready_seq bigint NOT NULL DEFAULT nextval('step_queue_seq'),
  -- Not before this time (a retry waits).
  ready_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (job_id, step),
  FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- In the order of claims, to the letter.
CREATE INDEX step_queue_order ON step_queue (urgent DESC, priority DESC, ready_seq);

CREATE SEQUENCE lease_number AS bigint;

CREATE TABLE lease (
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  -- Only grows; every write about the step names it.
  number bigint NOT NULL,
  attempt bigint NOT NULL,
  worker uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  -- The worker is to end the step: the job is aborted or has failed.
  stop boolean NOT NULL DEFAULT false,
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  PRIMARY KEY (job_id, step),
  FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE slot (
  number smallint PRIMARY KEY CHECK (number > 0),
  -- Only jobs of at least this priority may take it.
  least_priority job_priority NOT NULL DEFAULT 'LOWEST',
  -- A job holds at most one slot, and a slot at most one job: the limit cannot be exceeded, nor a slot leak unseen.
  job_id bigint UNIQUE REFERENCES job
) WITH (fillfactor = 50);

CREATE TABLE leader (
  role text PRIMARY KEY,
  holder uuid NOT NULL,
  -- Grows when the holder changes; every statement of a leader names it.
  term bigint NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE worker (
  id uuid PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  executors text[] NOT NULL,
  slots smallint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
