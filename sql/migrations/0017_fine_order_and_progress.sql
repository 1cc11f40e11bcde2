-- Jobs of one priority in the order of the numbers that they were submitted with; the progress of steps that is told.
-- breaking: no

ALTER TABLE watch ADD COLUMN progress boolean NOT NULL DEFAULT false;
