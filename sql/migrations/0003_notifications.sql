-- Notifications, what jobs ask for about them, and the names that others gave to jobs and notifications.
-- breaking: no

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
  extra_data text
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
