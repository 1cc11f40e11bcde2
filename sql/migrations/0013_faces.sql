-- What other faces need: what a job was submitted as, a pause that holds at once, access keys, whose form a call has.
-- breaking: no

CREATE TABLE job_origin (
  job_id bigint PRIMARY KEY REFERENCES job ON DELETE CASCADE,
  face text NOT NULL CHECK (face <> ''),
  document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
  priority integer
);

CREATE TABLE admission_rules (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO admission_rules DEFAULT VALUES;

CREATE TABLE access_key (
  id text PRIMARY KEY CHECK (id <> ''),
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  secret text NOT NULL CHECK (secret <> ''),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX access_key_account ON access_key (account);

CREATE TABLE signed_call (
  access_key text NOT NULL REFERENCES access_key ON DELETE CASCADE,
  nonce text NOT NULL,
  action text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  admitted boolean NOT NULL,
  PRIMARY KEY (access_key, nonce)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX signed_call_rate ON signed_call (access_key, action, at) WHERE admitted;
CREATE INDEX signed_call_age ON signed_call (at);

ALTER TABLE notification ADD COLUMN form text NOT NULL DEFAULT 'vidispine';
