-- Task groups that are paused, ageing, what steps need and workers offer, draining, purging.
-- breaking: no

-- Whether none of its jobs is admitted, however few run.
ALTER TABLE task_group ADD COLUMN paused boolean NOT NULL DEFAULT false;

-- Since when it waits: what ageing counts from.
ALTER TABLE job_queue ADD COLUMN since timestamptz NOT NULL DEFAULT clock_timestamp();

-- What a worker must offer to take it: {"gpu": 1, "label:studio": 1}; null: only the executor.
ALTER TABLE step ADD COLUMN needs jsonb CHECK (jsonb_typeof(needs) = 'object');

-- Those of the step.
ALTER TABLE step_queue ADD COLUMN needs jsonb;
CREATE INDEX step_queue_needing ON step_queue (urgent DESC, priority DESC, ready_seq) WHERE needs IS NOT NULL;

ALTER TABLE worker
  -- {"gpu": 1, "label:studio": 1}; what is not there it does not have.
  ADD COLUMN resources jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(resources) = 'object'),
  -- Whether it is to take no more steps.
  ADD COLUMN drained boolean NOT NULL DEFAULT false;

-- What is left of jobs that are gone, so that it goes one day as well.
CREATE INDEX event_of_deleted ON event (at) WHERE new_state = 'DELETED' AND step IS NULL;
