-- Watched jobs are looked at from the beginning on, and by transactions alone.
-- breaking: yes

-- What happens to a job may be entered by a transaction that began before the job was watched.
CREATE TEMPORARY TABLE watched ON COMMIT DROP AS SELECT job_id, told, progress FROM watch;
DROP TABLE watch;
CREATE TABLE watch (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  tx xid8 NOT NULL DEFAULT '0',
  told text,
  progress boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
INSERT INTO watch (job_id, told, progress) SELECT job_id, told, progress FROM watched;
