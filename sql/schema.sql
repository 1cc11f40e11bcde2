-- The whole database as it is today: read this first. The way here is migrations/; a test proves the two equal.
--
--   account ─┬─ account_role         who may do what
--            ├─ user_group_member      … by its groups, user_group ── user_group_role
--            └─ token                  logins for a while
--   property, job_pool, job_type_priority, configuration, task_group
--                                    what administrators configured                       (small)
--   job_type ─┬─ task_definition ── script    the kinds of jobs, their steps, the scripts of these
--             └─ shipped_step        which steps came with the program
--   catalogue                        one row: the version of the job types
--   job ─┬─ step ─┬─ earlier_attempt  the orders, their steps with the last try of each, the tries before that: read view
--        │        │                    attempt, which has every one of them               (history: grows)
--        │        └─ sub_task        what a try is divided into, if it is                (history: grows)
--        └─ event                    what happened to both, in order: read view happened   (history: grows)
--   job_count, job_count_change      how many jobs there are of each kind, and what is not added to that yet
--   notification, job_notification   who is told of what happens to jobs, what a job asks for about that
--   submission                       under which keys jobs were submitted, so that a repeated request makes no second one
--   event_cursor, lane, delivery     what is told to them, and how far that is             (delivery: a week)
--   job_external_id, notification_external_id     names that others gave to jobs and notifications
--   job_origin                       what a job was submitted as, where that was through another face
--   job_trace                        the trace that a job belongs to, where traces are wanted
--   access_key ── signed_call        who signs requests, and with which numbers used once  (signed_call: minutes)
--   admission_rules                  one row: grows when fewer jobs may be admitted than before
--   watch                            jobs of which another face tells each state            (small: live jobs only)
--   face_record                      what other faces keep besides jobs: assets, templates, layers
--   queue ── queue_message           messages that programs elsewhere read by polling       (a week)
--   problem ── problem_job           why jobs wait                                         (small)
--   job_queue                        jobs that wait for admission                          (small: live jobs only)
--   step_queue                       steps that wait for a worker                          (small)
--   lease                            steps that a worker holds, with progress              (small, narrow, hot)
--   remote_call                      how remote engines that carry out a step tell of it    (small)
--   slot                             one row for each job that may run at once             (small)
--   leader, worker                   who schedules, who works                              (small)
--
-- Lock order, so that nothing deadlocks and nothing overtakes: leader, job, step_queue, event_cursor, notification, lane,
-- delivery, the rest. Whoever changes the
-- state of a job or of its steps holds the lock on the job's row; only a claim takes a step without it, by deleting the
-- step's row in step_queue.

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
  -- argon2; md5$ before it where it is that of an MD5 digest; empty: there is no password yet.
  password_hash text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  real_name text,
  disabled boolean NOT NULL DEFAULT false
);

CREATE TABLE account_role (
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  role text NOT NULL,
  PRIMARY KEY (account, role)
);

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

CREATE TABLE user_group (
  name text PRIMARY KEY CHECK (name <> ''),
  description text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_group_member (
  user_group text NOT NULL REFERENCES user_group ON DELETE CASCADE ON UPDATE CASCADE,
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  PRIMARY KEY (user_group, account)
);

CREATE INDEX user_group_member_account ON user_group_member (account);

-- The roles that every member of a group has.
CREATE TABLE user_group_role (
  user_group text NOT NULL REFERENCES user_group ON DELETE CASCADE ON UPDATE CASCADE,
  role text NOT NULL,
  PRIMARY KEY (user_group, role)
);

-- Who may do what: a user's own roles and those of its groups.
CREATE VIEW effective_role AS
SELECT account, role FROM account_role
UNION
SELECT m.account, r.role FROM user_group_member m JOIN user_group_role r ON r.user_group = m.user_group;

CREATE TABLE token (
  -- SHA-256 of the token; the token itself, 256 random bits, is not kept.
  digest bytea PRIMARY KEY,
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  -- How long it lasts from its making, or from its last refresh.
  seconds integer NOT NULL CHECK (seconds > 0),
  auto_refresh boolean NOT NULL,
  refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX token_account ON token (account);
CREATE INDEX token_expiry ON token (expires_at);

-- Keys of users for requests that are signed.
CREATE TABLE access_key (
  id text PRIMARY KEY CHECK (id <> ''),
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  -- In plain text: the server must be able to sign as well, to compare.
  secret text NOT NULL CHECK (secret <> ''),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX access_key_account ON access_key (account);

-- The signed requests of the last minutes, so that none is answered twice, and each key and action only so often.
CREATE TABLE signed_call (
  access_key text NOT NULL REFERENCES access_key ON DELETE CASCADE,
  -- The number used once that the request was signed with.
  nonce text NOT NULL,
  action text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- False: there were too many.
  admitted boolean NOT NULL,
  PRIMARY KEY (access_key, nonce)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX signed_call_rate ON signed_call (access_key, action, at) WHERE admitted;
CREATE INDEX signed_call_age ON signed_call (at);

CREATE TABLE property (
  key text PRIMARY KEY CHECK (key <> ''),
  value text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE job_pool (
  -- So many of the slots are kept for jobs of at least this priority.
  threshold job_priority PRIMARY KEY CHECK (threshold <> 'IMMEDIATE'),
  size integer NOT NULL CHECK (size > 0)
);

CREATE TABLE job_type_priority (
  type text PRIMARY KEY CHECK (type <> ''),
  priority job_priority NOT NULL
);

-- Documents that are configured as a whole: cors.
CREATE TABLE configuration (
  name text PRIMARY KEY,
  document jsonb NOT NULL
);

CREATE TABLE task_group (
  name text PRIMARY KEY CHECK (name <> ''),
  -- Tried from the highest to the lowest, then by name; null counts as MEDIUM.
  priority job_priority,
  -- How many of its jobs run at once; null: as many as there are slots.
  max_concurrency integer CHECK (max_concurrency >= 0),
  -- Which jobs are its own: [{"type": […], "priority": […], "user": […], "group": […], "data": [[key, value], …]}, …]
  filters jsonb NOT NULL DEFAULT '[]',
  transcoders text[] NOT NULL DEFAULT '{}',
  -- Key -> list of values.
  metadata jsonb NOT NULL DEFAULT '{}',
  -- Whether none of its jobs is admitted, however few run.
  paused boolean NOT NULL DEFAULT false
);

-- One row. Whatever keeps jobs back that a scheduler may have chosen already raises the version first: an admission names
-- the version that it was chosen by and locks the row, so that after a pause has been answered no job starts in spite of it.
CREATE TABLE admission_rules (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO admission_rules DEFAULT VALUES;

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
  CHECK (finished IS NULL OR state = verdict),
  -- Under which state lists look for it. Jobs in the queue and those that were let in are found under one, so that no index hears
  -- of it when a job goes from the first to the second; there is room beside it for that.
  listed job_state NOT NULL GENERATED ALWAYS AS (CASE state WHEN 'STARTED' THEN 'READY' ELSE state END) STORED
) WITH (fillfactor = 50);

-- One for each order that a list can be asked for, and for the filters that go with it; the id comes last, in the direction
-- of the rest, as in every list. By state a list is gone through one value after the other; of one user's jobs, also by type and
-- by priority.
CREATE INDEX job_by_type ON job (type, id);
CREATE INDEX job_by_state ON job (listed, id);
CREATE INDEX job_by_owner ON job (owner, id);
CREATE INDEX job_by_started ON job (started, id);
CREATE INDEX job_by_finished ON job (finished, id);
CREATE INDEX job_by_priority ON job (priority, id);
CREATE INDEX job_of_owner_by_state ON job (owner, listed, id);
CREATE INDEX job_of_owner_by_started ON job (owner, started, id);
CREATE INDEX job_of_owner_by_finished ON job (owner, finished, id);
-- Who asks for data says so as well.
CREATE INDEX job_data ON job USING gin (data jsonb_path_ops) WHERE data <> '{}';

-- How many jobs there are of each kind, but for what job_count_change says. A row stays when there are none any more, for a
-- while.
CREATE TABLE job_count (
  type text NOT NULL,
  state job_state NOT NULL,
  owner text NOT NULL,
  priority job_priority NOT NULL,
  jobs bigint NOT NULL,
  PRIMARY KEY (owner, type, state, priority)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Every statement that makes, changes or deletes jobs says here how many went from one state to another, and by that alone
-- no two of them wait for each other. It has no index: it is read as a whole, and soon added to job_count.
CREATE TABLE job_count_change (
  jobs bigint NOT NULL,
  -- Null: they are new.
  old_state job_state,
  -- Null: they are gone.
  new_state job_state,
  priority job_priority NOT NULL,
  type text NOT NULL,
  owner text NOT NULL,
  CHECK (old_state IS NOT NULL OR new_state IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- What the sums of are the number of jobs, exactly: whoever reads job in the same snapshot counts as many.
CREATE VIEW current_job_count AS
SELECT type, state, owner, priority, jobs FROM job_count
UNION ALL
SELECT c.type, side.state, c.owner, c.priority, side.jobs
FROM job_count_change c, LATERAL (VALUES (c.old_state, -c.jobs), (c.new_state, c.jobs)) AS side (state, jobs)
WHERE side.state IS NOT NULL;

-- Steps, attempts and sub-tasks have no references: that each new row was checked, and the row locked that it belongs to, would be
-- a tenth of the work of a job. Who deletes a job deletes them as well. There is room beside them for what becomes of them, so that
-- no index hears of it.
CREATE TABLE step (
  job_id bigint NOT NULL,
  -- The number in the job type: 100, 200, … 5000.
  number smallint NOT NULL CHECK (number > 0),
  -- What changes with every step stands together, since what an update writes reaches from the first column that it changes to the
  -- last.
  -- How many steps must end before it may start; null: that is no way in. Clean-up steps have no way in: they are
  -- called when the job's end is certain.
  waiting smallint CHECK (waiting >= 0),
  state step_state NOT NULL DEFAULT 'NONE',
  -- Tries so far.
  tries integer NOT NULL DEFAULT 0,
  -- About the last try, here and at the end of the table, which is in the state of the step. When it got into this state.
  at timestamptz,
  -- A number that no other try has; null: there was no try, or the step has gone into another state without one.
  attempt bigint,
  worker uuid,
  -- Tries that ended in a retry, tries whose worker vanished.
  retries integer NOT NULL DEFAULT 0,
  vanished integer NOT NULL DEFAULT 0,
  -- How many must have signalled parallel or ended, where that is enough to start; null: that is no way in.
  waiting_parallel smallint CHECK (waiting_parallel >= 0),
  -- Whether unlocks_parallel was honoured already, by a signal.
  signalled boolean NOT NULL DEFAULT false,
  critical boolean NOT NULL,
  cleanup boolean NOT NULL,
  CHECK (NOT cleanup OR (waiting IS NULL AND waiting_parallel IS NULL)),
  description text NOT NULL,
  executor text NOT NULL,
  method text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  -- The steps whose waiting this one's end lessens.
  unlocks smallint[] NOT NULL DEFAULT '{}',
  unlocks_parallel smallint[] NOT NULL DEFAULT '{}',
  -- What a worker must offer to take it: {"gpu": 1, "label:studio": 1}; null: only the executor.
  needs jsonb CHECK (jsonb_typeof(needs) = 'object'),
  -- Why a waiting step is to fail when it is next claimed: an operator said so. It has no executor any more.
  doom text,
  -- Of the last try.
  error text,
  -- [{"at": …, "text": …}, …]; null: none.
  notes jsonb,
  -- The last progress told; while it runs the lease has it.
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  -- As how many sub-tasks it is done; null: as one.
  total_sub_tasks integer CHECK (total_sub_tasks > 0),
  PRIMARY KEY (job_id, number)
) WITH (fillfactor = 40);

-- The tries that the steps say nothing of any more, since another one followed.
CREATE TABLE earlier_attempt (
  id bigint NOT NULL,
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  -- Tries before this one.
  ordinal integer NOT NULL,
  state step_state NOT NULL,
  at timestamptz NOT NULL,
  worker uuid NOT NULL,
  error text,
  notes jsonb,
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  total_sub_tasks integer CHECK (total_sub_tasks > 0),
  UNIQUE (job_id, step, ordinal)
);

-- The last tries, as the steps have them.
CREATE VIEW step_attempt AS
SELECT attempt AS id, job_id, number AS step, tries - 1 AS ordinal, state, at, worker, error, notes, progress_value, progress_total,
       progress_unit, total_sub_tasks
FROM step WHERE attempt IS NOT NULL;

-- Every try.
CREATE VIEW attempt AS SELECT * FROM earlier_attempt UNION ALL SELECT * FROM step_attempt;

CREATE TABLE sub_task (
  -- Its id.
  attempt bigint NOT NULL,
  -- Counted from 0, in the order in which they are shown.
  place integer NOT NULL CHECK (place >= 0),
  description text NOT NULL,
  state step_state NOT NULL,
  -- When it got into this state.
  at timestamptz NOT NULL,
  error text,
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  PRIMARY KEY (attempt, place)
) WITH (fillfactor = 70);

-- Why jobs wait: one row for each condition, however many jobs wait for it.
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

-- A row is what one statement did to one job, often several things: read it by the view below, which has a row for each.
CREATE TABLE event (
  -- Of the first; the others follow on it.
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (INCREMENT BY 512),
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
  remark text,
  -- What the statement did to the job besides: step (nothing: the job), old state, new state and actor of each, with a space
  -- between them and a ';' between two. As rows, or numbers of them, they would take twice the room.
  further text CHECK (regexp_count(further, ';') < 511)
);

-- Each thing that happened. Whoever reads on from an id looks from 511 before it on by first_id, which has an index.
CREATE VIEW happened AS
SELECT e.id + one.place AS id, e.id AS first_id, e.tx, e.at, e.job_id, one.step, one.old_state, one.new_state, one.actor, one.remark
FROM event e, LATERAL (
  SELECT 0::bigint AS place, e.step, e.old_state, e.new_state, e.actor, e.remark
  UNION ALL
  -- Not string_to_table: of that the planner expects a thousand rows, and then reads in the order of ids.
  SELECT f.place, nullif(split_part(f.said, ' ', 1), '')::smallint, split_part(f.said, ' ', 2), split_part(f.said, ' ', 3),
         split_part(f.said, ' ', 4), NULL
  FROM unnest(string_to_array(e.further, ';')) WITH ORDINALITY AS f (said, place)
) one;

CREATE INDEX event_job ON event (job_id, id);
-- What is left of jobs that are gone, so that it goes one day as well.
CREATE INDEX event_of_deleted ON event (at) WHERE new_state = 'DELETED' AND step IS NULL;
CREATE INDEX event_tx ON event (tx);

-- This table, step_queue, lease and slot name jobs that have not ended. They have no references: such a job cannot be deleted,
-- and to check each row and lock its job once more would be a tenth of the work of a job.
CREATE TABLE job_queue (
  job_id bigint PRIMARY KEY,
  priority job_priority NOT NULL,
  -- Since when it waits: what ageing counts from.
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Among jobs of one priority the one with the higher goes first; 0 where nothing was said about it.
  weight integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- In the order of admission, to the letter.
CREATE INDEX job_queue_order ON job_queue (priority DESC, weight DESC, job_id);

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
  -- Those of the step.
  needs jsonb,
  PRIMARY KEY (job_id, step)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- In the order of claims, to the letter.
CREATE INDEX step_queue_order ON step_queue (urgent DESC, priority DESC, ready_seq);
CREATE INDEX step_queue_needing ON step_queue (urgent DESC, priority DESC, ready_seq) WHERE needs IS NOT NULL;

CREATE SEQUENCE lease_number AS bigint;

CREATE TABLE lease (
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  -- Only grows; every write about the step names it.
  number bigint NOT NULL,
  worker uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  -- The worker is to end the step: the job is aborted or has failed.
  stop boolean NOT NULL DEFAULT false,
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  -- {"transcodeProgress": ["43.5"], …}: job data that the step tells while it runs; it shows in answers and is not searched.
  data jsonb,
  PRIMARY KEY (job_id, step)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- The jobs of which a step is queued or held; all that are STARTED are among them.
CREATE VIEW job_under_way AS
SELECT job_id FROM step_queue
UNION
SELECT job_id FROM lease;

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

CREATE TABLE slot (
  number smallint PRIMARY KEY CHECK (number > 0),
  -- Only jobs of at least this priority may take it.
  least_priority job_priority NOT NULL DEFAULT 'LOWEST',
  -- The job that had it last: one at most, so that the limit cannot be exceeded. It is taken while that has not ended: see the
  -- view below. No index knows of it, since it changes with every job; there are few slots.
  job_id bigint,
  -- The group that the job counts against, and which of its places it has. When it has ended, the leader clears them before it
  -- chooses by groups again.
  task_group text,
  group_place integer CHECK (group_place > 0),
  CHECK ((task_group IS NULL) = (group_place IS NULL)),
  CHECK (job_id IS NOT NULL OR task_group IS NULL)
) WITH (fillfactor = 10);

-- A job of a task group takes one of its places with its slot: no two jobs have one place.
CREATE UNIQUE INDEX slot_group_place ON slot (task_group, group_place);

-- The slots as they are now. A job has its slot until it has ended, and an end says nothing to the slot, which would be one more
-- write for each job: who had it last is looked up instead. Who waits, or needs none any more, gives it back.
CREATE VIEW seat AS
SELECT s.number, s.ctid AS tid, s.least_priority, j.id AS job_id, j.priority, s.task_group, s.group_place
FROM slot s
-- With a limit it is looked up by its id, whatever the planner believes.
LEFT JOIN LATERAL (SELECT id, priority FROM job WHERE id = s.job_id AND finished IS NULL LIMIT 1) j ON true;

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
  seen_at timestamptz NOT NULL DEFAULT now(),
  -- {"gpu": 1, "label:studio": 1}; what is not there it does not have.
  resources jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(resources) = 'object'),
  -- Whether it is to take no more steps.
  drained boolean NOT NULL DEFAULT false,
  -- When something was taken from it last whose lease had run out.
  vanished_at timestamptz
) WITH (fillfactor = 50);

CREATE TABLE notification (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  -- Which jobs it can be about: any, the one of job_id, those that name it.
  scope text NOT NULL CHECK (scope IN ('jobs', 'job', 'placeholder')),
  job_id bigint REFERENCES job ON DELETE CASCADE,
  CHECK ((job_id IS NOT NULL) = (scope = 'job')),
  -- The user who defined it; no reference, since it outlives its user.
  owner text NOT NULL,
  -- How that user reached this server.
  base_uri text NOT NULL,
  -- What happened before is not told.
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  trigger text NOT NULL CHECK (trigger IN ('create', 'update', 'stop', 'finished', 'fail')),
  -- Only for jobs that name it, whatever its scope.
  placeholder boolean NOT NULL,
  -- Filters; empty or null: all.
  types text[] NOT NULL,
  step integer,
  data_key text,
  data_key_regex boolean,
  data_value text,
  data_value_regex boolean,
  CHECK (num_nulls(data_key, data_key_regex, data_value, data_value_regex) IN (0, 4)),
  -- What the payload is limited to; empty: it is not.
  content text[] NOT NULL,
  -- The call. The URL may hold a password.
  url text NOT NULL,
  method text CHECK (method IN ('POST', 'PUT')),
  content_type text,
  -- Null or 0: no limit.
  timeout_seconds integer CHECK (timeout_seconds >= 0),
  retry integer CHECK (retry >= 0),
  synchronous boolean NOT NULL,
  call_group text,
  extra_data text,
  -- In the words of which face it is told.
  form text NOT NULL DEFAULT 'vidispine'
);

CREATE INDEX notification_place ON notification (scope, job_id, id);
CREATE INDEX notification_job ON notification (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE job_notification (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  -- The notification that the job names; no reference, since a job outlives it.
  notification_id bigint,
  -- Key -> list of values: what every payload about the job holds besides.
  data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object')
);

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

-- What a job was submitted as, where that was through another face than Vidispine's: beside the job, whose row stays narrow.
CREATE TABLE job_origin (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  -- Which: mps, azure, arcgis.
  face text NOT NULL CHECK (face <> ''),
  -- As it was sent.
  document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
  -- The number that the job's priority was made from; null: there was none, or the priority was changed later.
  priority integer,
  -- How far above what that priority is usually made from; that of its place in job_queue.
  weight integer NOT NULL DEFAULT 0
);

-- The span that submitted a job, where traces are wanted: those of its steps are its children.
CREATE TABLE job_trace (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  traceparent text NOT NULL CHECK (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
);

CREATE TABLE job_external_id (
  external_id text PRIMARY KEY CHECK (external_id <> ''),
  job_id bigint NOT NULL REFERENCES job ON DELETE CASCADE
);

CREATE INDEX job_external_id_job ON job_external_id (job_id);

CREATE TABLE notification_external_id (
  external_id text PRIMARY KEY CHECK (external_id <> ''),
  notification_id bigint NOT NULL REFERENCES notification ON DELETE CASCADE
);

CREATE INDEX notification_external_id_notification ON notification_external_id (notification_id);

-- One row: how far the event log has been looked at for notifications.
CREATE TABLE event_cursor (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  -- All events of transactions before this one have been.
  tx xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
  -- The stretch that is being looked at, in the order of ids, so that what happened to one job stays in order: the events
  -- of the transactions from tx to before this one; up to this id they have been.
  until_tx xid8,
  after_id bigint,
  CHECK ((until_tx IS NULL) = (after_id IS NULL)),
  -- The last event that was looked at. After a move to another server the numbers of transactions mean nothing.
  seen_id bigint NOT NULL DEFAULT 0
);

INSERT INTO event_cursor DEFAULT VALUES;

-- No event of a transaction before this one will still appear. Transactions of other databases on the server write none.
CREATE VIEW event_horizon AS
SELECT coalesce(
  (SELECT open.tx FROM pg_snapshot_xip(pg_current_snapshot()) AS open (tx)
   WHERE open.tx::xid NOT IN (SELECT backend_xid FROM pg_stat_activity
                              WHERE backend_xid IS NOT NULL AND datname <> current_database())
   ORDER BY open.tx LIMIT 1),
  pg_snapshot_xmax(pg_current_snapshot())) AS tx;

-- What is delivered one after the other: the deliveries of one receiver. A row is there while some are pending.
CREATE TABLE lane (
  id uuid PRIMARY KEY,
  -- Whose server it is: one that does not answer must not keep all senders busy.
  host text NOT NULL,
  -- Served before the others.
  urgent boolean NOT NULL,
  -- Grows when something is put in: a sender takes a lane out only if nothing was meanwhile.
  puts bigint NOT NULL DEFAULT 1,
  -- Tries in a row that failed.
  failures integer NOT NULL DEFAULT 0,
  -- Of the sender that serves it: only grows, every write about the lane or what it delivers names it.
  lease bigint,
  -- When a sender may take it: after a pause, or when the lease has run out.
  ready_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE INDEX lane_ready ON lane (ready_at);

CREATE TABLE delivery (
  -- In the order of what happened.
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  -- The name of the delivery for its receiver, the same with every try.
  key uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  -- No references, since it outlives them: a job may be deleted, with its notifications, before all is told.
  notification_id bigint NOT NULL,
  event_id bigint NOT NULL,
  job_id bigint NOT NULL,
  -- Nothing is told twice of one event.
  UNIQUE (notification_id, event_id),
  trigger text NOT NULL,
  lane uuid NOT NULL,
  -- {"url", "method", "content_type", "timeout", "retry"}, and what is told: [[key, value], …]. Neither is kept once it
  -- is delivered.
  action jsonb,
  payload jsonb,
  CHECK ((action IS NULL) = (state = 'delivered') AND (payload IS NULL) = (state = 'delivered')),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'delivered', 'failed')),
  -- Tries so far; those that failed since it was put in, or since an operator let it be tried again.
  tries integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tried_at timestamptz,
  -- While it is pending, after a try: not before this time.
  next_try timestamptz,
  ended_at timestamptz,
  CHECK ((ended_at IS NULL) = (state IN ('pending', 'sending'))),
  -- Of the last try: the answer's status, or why there was none.
  status smallint,
  error text
) WITH (fillfactor = 70);

-- In the order of sending, to the letter.
CREATE INDEX delivery_lane ON delivery (lane, id) WHERE ended_at IS NULL;
CREATE INDEX delivery_pending ON delivery (notification_id) WHERE ended_at IS NULL;
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE ended_at IS NOT NULL;

-- What other faces keep besides jobs, each in its own words: assets, templates, layers.
CREATE TABLE face_record (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- In the order in which they were made.
  place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  -- Which: azure, arcgis.
  face text NOT NULL,
  -- asset, layer, …
  kind text NOT NULL,
  -- One of its face and kind has it at most.
  key text,
  -- What it belongs to, and goes with.
  parent uuid REFERENCES face_record ON DELETE CASCADE,
  name text NOT NULL,
  -- The user who made it; no reference, since it outlives its user.
  owner text NOT NULL,
  -- In milliseconds, so that a time that was read finds its thing again.
  created_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  changed_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
  UNIQUE (face, kind, key)
);

CREATE INDEX face_record_kind ON face_record (face, kind, place);
CREATE INDEX face_record_parent ON face_record (parent) WHERE parent IS NOT NULL;

CREATE TABLE queue (
  name text PRIMARY KEY CHECK (name <> '')
);

CREATE TABLE queue_message (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  queue text NOT NULL REFERENCES queue ON DELETE CASCADE,
  -- In the order in which they were put in.
  place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  body text NOT NULL,
  inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  -- When it can be taken, or taken again.
  visible_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Another one each time that it is taken: only who has the last one may delete it.
  receipt uuid NOT NULL DEFAULT gen_random_uuid(),
  -- How often it was taken.
  taken integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE INDEX queue_message_order ON queue_message (queue, place);
CREATE INDEX queue_message_expiry ON queue_message (expires_at);

-- Jobs of which another face tells each state, and how far each was looked at: all events of transactions before tx have been.
CREATE TABLE watch (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  tx xid8 NOT NULL DEFAULT '0',
  -- The last state that was told, in the words of the face; null: none.
  told text,
  -- Whether it is told as well how far its steps are.
  progress boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
