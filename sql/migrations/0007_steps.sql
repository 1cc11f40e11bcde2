-- The sub-tasks of steps that are done in several.
-- breaking: yes

-- As how many sub-tasks it is done; null: as one.
ALTER TABLE attempt ADD COLUMN total_sub_tasks integer CHECK (total_sub_tasks > 0);

CREATE TABLE sub_task (
  attempt bigint NOT NULL REFERENCES attempt ON DELETE CASCADE,
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
