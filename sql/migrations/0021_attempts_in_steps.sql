-- One row less is written for each step: a step has its last try with it. And the event log takes less room.
-- breaking: yes

-- What changes with every step stands together, since what an update writes reaches from the first column that it changes to the
-- last. Whatever is kept of jobs is written anew: that takes as long as a copy of it.
ALTER TABLE problem_job DROP CONSTRAINT problem_job_job_id_step_fkey;
ALTER TABLE remote_call DROP CONSTRAINT remote_call_job_id_step_fkey;
ALTER TABLE sub_task DROP CONSTRAINT sub_task_attempt_fkey;
ALTER TABLE step RENAME TO former_step;
ALTER TABLE attempt RENAME TO former_attempt;
-- The new ones are to have their names.
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
             WHERE conrelid IN ('former_step'::regclass, 'former_attempt'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', one.owner, one.conname, 'former_' || one.conname);
  END LOOP;
END $$;

CREATE TABLE step (
  job_id bigint NOT NULL,
  number smallint NOT NULL CHECK (number > 0),
  waiting smallint CHECK (waiting >= 0),
  state step_state NOT NULL DEFAULT 'NONE',
  tries integer NOT NULL DEFAULT 0,
  at timestamptz,
  attempt bigint,
  worker uuid,
  retries integer NOT NULL DEFAULT 0,
  vanished integer NOT NULL DEFAULT 0,
  waiting_parallel smallint CHECK (waiting_parallel >= 0),
  signalled boolean NOT NULL DEFAULT false,
  critical boolean NOT NULL,
  cleanup boolean NOT NULL,
  CHECK (NOT cleanup OR (waiting IS NULL AND waiting_parallel IS NULL)),
  description text NOT NULL,
  executor text NOT NULL,
  method text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  unlocks smallint[] NOT NULL DEFAULT '{}',
  unlocks_parallel smallint[] NOT NULL DEFAULT '{}',
  needs jsonb CHECK (jsonb_typeof(needs) = 'object'),
  doom text,
  error text,
  notes jsonb,
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  total_sub_tasks integer CHECK (total_sub_tasks > 0)
) WITH (fillfactor = 40);


-- The last try may have ended before its step was let wait for a worker.
INSERT INTO step
SELECT s.job_id, s.number, s.waiting, s.state, s.tries, a.at, a.id, a.worker, s.retries, s.vanished, s.waiting_parallel, s.signalled,
       s.critical, s.cleanup, s.description, s.executor, s.method, s.metadata, s.unlocks, s.unlocks_parallel, s.needs, s.doom,
       a.error, nullif(a.notes, '[]'), a.progress_value, a.progress_total, a.progress_unit, a.total_sub_tasks
FROM former_step s
LEFT JOIN former_attempt a ON a.job_id = s.job_id AND a.step = s.number AND a.ordinal = s.tries - 1 AND a.state = s.state;
ALTER TABLE step ADD PRIMARY KEY (job_id, number);

CREATE TABLE earlier_attempt (
  id bigint NOT NULL,
  job_id bigint NOT NULL,
  step smallint NOT NULL,
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
INSERT INTO earlier_attempt
SELECT a.id, a.job_id, a.step, a.ordinal, a.state, a.at, a.worker, a.error, nullif(a.notes, '[]'), a.progress_value,
       a.progress_total, a.progress_unit, a.total_sub_tasks
FROM former_attempt a JOIN step s ON s.job_id = a.job_id AND s.number = a.step WHERE s.attempt IS DISTINCT FROM a.id;

-- The last tries, as the steps have them.
CREATE VIEW step_attempt AS
SELECT attempt AS id, job_id, number AS step, tries - 1 AS ordinal, state, at, worker, error, notes, progress_value, progress_total,
       progress_unit, total_sub_tasks
FROM step WHERE attempt IS NOT NULL;

-- Every try.
CREATE VIEW attempt AS SELECT * FROM earlier_attempt UNION ALL SELECT * FROM step_attempt;

-- What takes a step from a worker says so to the worker's own row.
ALTER TABLE worker ADD COLUMN vanished_at timestamptz;
UPDATE worker w SET vanished_at = a.at
FROM (SELECT worker, max(at) AS at FROM (SELECT worker, state, at FROM former_attempt ORDER BY id DESC LIMIT 500) recent
      WHERE state = 'DISAPPEARED' GROUP BY worker) a
WHERE a.worker = w.id;

-- From now on a try has the number of its lease: what was given to tries before is not given again.
SELECT setval('lease_number', greatest((SELECT last_value FROM lease_number), (SELECT last_value FROM attempt_id_seq)));
CREATE TEMPORARY TABLE held ON COMMIT DROP AS SELECT * FROM lease;
DROP VIEW job_under_way;
DROP TABLE lease;
CREATE TABLE lease (
  job_id bigint NOT NULL,
  step smallint NOT NULL,
  number bigint NOT NULL,
  worker uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  stop boolean NOT NULL DEFAULT false,
  progress_value double precision,
  progress_total double precision,
  progress_unit text,
  data jsonb,
  PRIMARY KEY (job_id, step)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
INSERT INTO lease
SELECT job_id, step, number, worker, expires_at, stop, progress_value, progress_total, progress_unit, data FROM held;
CREATE VIEW job_under_way AS
SELECT job_id FROM step_queue
UNION
SELECT job_id FROM lease;

DROP TABLE former_step, former_attempt;
ALTER TABLE problem_job ADD FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE;
ALTER TABLE remote_call ADD FOREIGN KEY (job_id, step) REFERENCES step ON DELETE CASCADE;

-- What a statement does to a job besides the first thing takes half the room in words.
DROP VIEW happened;
CREATE FUNCTION pg_temp.said(further further_event[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(concat_ws(' ', coalesce(f.step::text, ''), f.old_state, f.new_state, f.actor), ';' ORDER BY place)
  FROM unnest(further) WITH ORDINALITY AS f (step, old_state, new_state, actor, place)
$$;
ALTER TABLE event DROP CONSTRAINT event_further_check;
ALTER TABLE event ALTER COLUMN further TYPE text USING pg_temp.said(further);
ALTER TABLE event ADD CHECK (regexp_count(further, ';') < 511);
DROP FUNCTION pg_temp.said;
DROP TYPE further_event;

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
