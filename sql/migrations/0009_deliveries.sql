-- Notifications are delivered: how far the event log was read, the outbox, the lanes of its receivers.
-- breaking: no

CREATE INDEX event_tx ON event (tx);

-- One row: how far the event log has been looked at for notifications.
CREATE TABLE event_cursor (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  -- All events of transactions before this one have been.
  tx xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
  -- The stretch that is being looked at, in the order of ids, so that what happened to one job stays in order: the events
  -- of the transactions from tx to before this one; up to this id they have been.
  until_tx xid8,
  after_id bigint,
  CHECK ((until_tx IS NULL) = (after_id IS NULL)),
  -- The last event that was looked at. After a move to another server the numbers of transactions mean nothing.
  seen_id bigint NOT NULL DEFAULT 0
);

INSERT INTO event_cursor DEFAULT VALUES;

-- No event of a transaction before this one will still appear. Transactions of other databases on the server write none.
CREATE VIEW event_horizon AS
SELECT coalesce(
  (SELECT open.tx FROM pg_snapshot_xip(pg_current_snapshot()) AS open (tx)
   WHERE open.tx::xid NOT IN (SELECT backend_xid FROM pg_stat_activity
                              WHERE backend_xid IS NOT NULL AND datname <> current_database())
   ORDER BY open.tx LIMIT 1),
  pg_snapshot_xmax(pg_current_snapshot())) AS tx;

-- What is delivered one after the other: the deliveries of one receiver. A row is there while some are pending.
CREATE TABLE lane (
  id uuid PRIMARY KEY,
  -- Whose server it is: one that does not answer must not keep all senders busy.
  host text NOT NULL,
  -- Served before the others.
  urgent boolean NOT NULL,
  -- Grows when something is put in: a sender takes a lane out only if nothing was meanwhile.
  puts bigint NOT NULL DEFAULT 1,
  -- Tries in a row that failed.
  failures integer NOT NULL DEFAULT 0,
  -- Of the sender that serves it: only grows, every write about the lane or what it delivers names it.
  lease bigint,
  -- When a sender may take it: after a pause, or when the lease has run out.
  ready_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE INDEX lane_ready ON lane (ready_at);

CREATE TABLE delivery (
  -- In the order of what happened.
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  -- The name of the delivery for its receiver, the same with every try.
  key uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  -- No references, since it outlives them: a job may be deleted, with its notifications, before all is told.
  notification_id bigint NOT NULL,
  event_id bigint NOT NULL,
  job_id bigint NOT NULL,
  -- Nothing is told twice of one event.
  UNIQUE (notification_id, event_id),
  trigger text NOT NULL,
  lane uuid NOT NULL,
  -- {"url", "method", "content_type", "timeout", "retry"}, and what is told: [[key, value], …]. Neither is kept once it
  -- is delivered.
  action jsonb,
  payload jsonb,
  CHECK ((action IS NULL) = (state = 'delivered') AND (payload IS NULL) = (state = 'delivered')),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'delivered', 'failed')),
  -- Tries so far; those that failed since it was put in, or since an operator let it be tried again.
  tries integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tried_at timestamptz,
  -- While it is pending, after a try: not before this time.
  next_try timestamptz,
  ended_at timestamptz,
  CHECK ((ended_at IS NULL) = (state IN ('pending', 'sending'))),
  -- Of the last try: the answer's status, or why there was none.
  status smallint,
  error text
) WITH (fillfactor = 70);

-- In the order of sending, to the letter.
CREATE INDEX delivery_lane ON delivery (lane, id) WHERE ended_at IS NULL;
CREATE INDEX delivery_pending ON delivery (notification_id) WHERE ended_at IS NULL;
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE ended_at IS NOT NULL;
