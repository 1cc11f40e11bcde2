-- What other faces keep besides jobs, queues that are read by polling, and jobs whose states are told there.
-- breaking: no

CREATE TABLE face_record (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  face text NOT NULL,
  kind text NOT NULL,
  key text,
  parent uuid REFERENCES face_record ON DELETE CASCADE,
  name text NOT NULL,
  owner text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  changed_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
  UNIQUE (face, kind, key)
);

CREATE INDEX face_record_kind ON face_record (face, kind, place);
CREATE INDEX face_record_parent ON face_record (parent) WHERE parent IS NOT NULL;

CREATE TABLE queue (
  name text PRIMARY KEY CHECK (name <> '')
);

CREATE TABLE queue_message (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  queue text NOT NULL REFERENCES queue ON DELETE CASCADE,
  place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  body text NOT NULL,
  inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  visible_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  receipt uuid NOT NULL DEFAULT gen_random_uuid(),
  taken integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE INDEX queue_message_order ON queue_message (queue, place);
CREATE INDEX queue_message_expiry ON queue_message (expires_at);

CREATE TABLE watch (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  after_id bigint NOT NULL DEFAULT 0,
  told text
) WITH (fillfactor = 70);
