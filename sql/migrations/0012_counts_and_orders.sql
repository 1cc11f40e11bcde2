-- How many jobs there are of each kind, kept beside them, and an index for each order of one user's jobs.
-- breaking: yes

-- A program that does not know these tables would change jobs and leave the counts as they are.
CREATE TABLE job_count (
  type text NOT NULL,
  state job_state NOT NULL,
  owner text NOT NULL,
  priority job_priority NOT NULL,
  jobs bigint NOT NULL,
  PRIMARY KEY (owner, type, state, priority)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE job_count_change (
  jobs bigint NOT NULL,
  old_state job_state,
  new_state job_state,
  priority job_priority NOT NULL,
  type text NOT NULL,
  owner text NOT NULL,
  CHECK (old_state IS NOT NULL OR new_state IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE VIEW current_job_count AS
SELECT type, state, owner, priority, jobs FROM job_count
UNION ALL
SELECT c.type, side.state, c.owner, c.priority, side.jobs
FROM job_count_change c, LATERAL (VALUES (c.old_state, -c.jobs), (c.new_state, c.jobs)) AS side (state, jobs)
WHERE side.state IS NOT NULL;

-- Nobody changes a job while it is counted.
LOCK TABLE job IN SHARE MODE;
INSERT INTO job_count (type, state, owner, priority, jobs)
SELECT type, state, owner, priority, count(*) FROM job GROUP BY type, state, owner, priority;

CREATE INDEX job_of_owner_by_state ON job (owner, state, id);
CREATE INDEX job_of_owner_by_started ON job (owner, started, id);
CREATE INDEX job_of_owner_by_finished ON job (owner, finished, id);
DROP INDEX job_live;
