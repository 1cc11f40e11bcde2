-- Jobs of one priority in the order of the numbers that they were submitted with; the progress of steps that is told.
-- breaking: yes

ALTER TABLE job_queue ADD COLUMN weight integer NOT NULL DEFAULT 0;
DROP INDEX job_queue_order;
CREATE INDEX job_queue_order ON job_queue (priority DESC, weight DESC, job_id);

ALTER TABLE job_origin ADD COLUMN weight integer NOT NULL DEFAULT 0;

ALTER TABLE watch ADD COLUMN progress boolean NOT NULL DEFAULT false;

-- Calls that wait to be sent to the end points of the face of Azure, as such calls are now: their body and their headers.
UPDATE delivery SET
  action = jsonb_set(action, '{form}', '"prepared"'),
  payload = '[["ms-mediaservices-accountid", "a3a2d5f0-6f0c-4e53-9a44-0d3f6a5f1c11"]]' ||
            (SELECT jsonb_agg(jsonb_build_array(CASE pair ->> 0 WHEN 'body' THEN '' ELSE 'ms-signature' END, pair -> 1))
             FROM jsonb_array_elements(payload) AS pair)
WHERE action ->> 'form' = 'azure';
