-- Queues, leases and slots name jobs without references to them.
-- breaking: no

-- They name jobs that have not ended, which nobody can delete: that each row was checked, and its job locked once more, was a
-- tenth of the work of a job.
ALTER TABLE job_queue DROP CONSTRAINT job_queue_job_id_fkey;
ALTER TABLE step_queue DROP CONSTRAINT step_queue_job_id_step_fkey;
ALTER TABLE lease DROP CONSTRAINT lease_job_id_step_fkey;
ALTER TABLE slot DROP CONSTRAINT slot_job_id_fkey;
