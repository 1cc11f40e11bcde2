-- Users that can be disabled, groups, tokens; configuration by the API; task groups.
-- breaking: no

ALTER TABLE account
  ADD COLUMN real_name text,
  ADD COLUMN disabled boolean NOT NULL DEFAULT false;

CREATE TABLE user_group (
  name text PRIMARY KEY CHECK (name <> ''),
  description text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_group_member (
  user_group text NOT NULL REFERENCES user_group ON DELETE CASCADE ON UPDATE CASCADE,
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  PRIMARY KEY (user_group, account)
);

CREATE INDEX user_group_member_account ON user_group_member (account);

-- The roles that every member of a group has.
CREATE TABLE user_group_role (
  user_group text NOT NULL REFERENCES user_group ON DELETE CASCADE ON UPDATE CASCADE,
  role text NOT NULL,
  PRIMARY KEY (user_group, role)
);

-- Who may do what: a user's own roles and those of its groups.
CREATE VIEW effective_role AS
SELECT account, role FROM account_role
UNION
SELECT m.account, r.role FROM user_group_member m JOIN user_group_role r ON r.user_group = m.user_group;

CREATE TABLE token (
  -- SHA-256 of the token; the token itself, 256 random bits, is not kept.
  digest bytea PRIMARY KEY,
  account text NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
  -- How long it lasts from its making, or from its last refresh.
  seconds integer NOT NULL CHECK (seconds > 0),
  auto_refresh boolean NOT NULL,
  refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX token_account ON token (account);
CREATE INDEX token_expiry ON token (expires_at);

CREATE TABLE property (
  key text PRIMARY KEY CHECK (key <> ''),
  value text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE job_pool (
  -- So many of the slots are kept for jobs of at least this priority.
  threshold job_priority PRIMARY KEY CHECK (threshold <> 'IMMEDIATE'),
  size integer NOT NULL CHECK (size > 0)
);

CREATE TABLE job_type_priority (
  type text PRIMARY KEY CHECK (type <> ''),
  priority job_priority NOT NULL
);

-- Documents that are configured as a whole: cors.
CREATE TABLE configuration (
  name text PRIMARY KEY,
  document jsonb NOT NULL
);

CREATE TABLE task_group (
  name text PRIMARY KEY CHECK (name <> ''),
  -- Tried from the highest to the lowest, then by name; null counts as MEDIUM.
  priority job_priority,
  -- How many of its jobs run at once; null: as many as there are slots.
  max_concurrency integer CHECK (max_concurrency >= 0),
  -- Which jobs are its own: [{"type": […], "priority": […], "user": […], "group": […], "data": [[key, value], …]}, …]
  filters jsonb NOT NULL DEFAULT '[]',
  transcoders text[] NOT NULL DEFAULT '{}',
  -- Key -> list of values.
  metadata jsonb NOT NULL DEFAULT '{}'
);

ALTER TABLE slot
  ADD COLUMN task_group text,
  ADD COLUMN group_place integer CHECK (group_place > 0),
  ADD CHECK ((task_group IS NULL) = (group_place IS NULL));

-- A job of a task group takes one of its places with its slot, and gives it back with it: no two jobs have one place.
CREATE UNIQUE INDEX slot_group_place ON slot (task_group, group_place) WHERE job_id IS NOT NULL;
