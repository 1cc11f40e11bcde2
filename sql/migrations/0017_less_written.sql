-- What is written for each job is less: no references where nobody can get in between, no index entries that nothing reads.
-- breaking: yes

-- Steps go with their job, and attempts with their step, by the statements that delete jobs: that each new row was checked, and
-- the row that it belongs to locked, was work that found nothing, ever.
ALTER TABLE attempt DROP CONSTRAINT attempt_job_id_step_fkey;
ALTER TABLE step DROP CONSTRAINT step_job_id_fkey;

-- Both change twice in a short life and hardly ever again: where there is room beside them, no index hears of it.
ALTER TABLE step SET (fillfactor = 50);
ALTER TABLE attempt SET (fillfactor = 50);

-- Most jobs of a site may have no data; nothing finds them by it.
DROP INDEX job_data;
CREATE INDEX job_data ON job USING gin (data jsonb_path_ops) WHERE data <> '{}';

-- A slot is given and taken back as often as there are jobs: no index knows by whom it is taken. It has a group and a place only
-- while it has a job.
ALTER TABLE slot DROP CONSTRAINT slot_job_id_key;
DROP INDEX slot_group_place;
UPDATE slot SET task_group = NULL, group_place = NULL WHERE job_id IS NULL AND task_group IS NOT NULL;
ALTER TABLE slot ADD CHECK (job_id IS NOT NULL OR task_group IS NULL);
CREATE UNIQUE INDEX slot_group_place ON slot (task_group, group_place);
ALTER TABLE slot SET (fillfactor = 10);

-- What one statement does to one job is one row of the event log.
CREATE TYPE further_event AS (step smallint, old_state text, new_state text, actor text);
ALTER TABLE event ADD COLUMN further further_event[] CHECK (cardinality(further) < 512);
ALTER TABLE event ALTER COLUMN id SET INCREMENT BY 512;

-- Each thing that happened. Whoever reads on from an id looks from 511 before it on by first_id, which has an index.
CREATE VIEW happened AS
SELECT e.id + one.place AS id, e.id AS first_id, e.tx, e.at, e.job_id, one.step, one.old_state, one.new_state, one.actor, one.remark
FROM event e, LATERAL (
  SELECT 0::bigint AS place, e.step, e.old_state, e.new_state, e.actor, e.remark
  UNION ALL
  SELECT f.place, f.step, f.old_state, f.new_state, f.actor, NULL
  FROM unnest(e.further) WITH ORDINALITY AS f (step, old_state, new_state, actor, place)
) one;
