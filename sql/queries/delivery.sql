-- The outbox: what is to be told to whom, read off the event log, and how the telling went.

-- name: news() :one_or_none
-- Whether events may be there that were not looked at, whether anybody wants to be told of any, and whether the database
-- came here from another server, as a dump: then the numbers of transactions are those of that one.
SELECT coalesce((SELECT e.tx FROM event e ORDER BY e.tx DESC LIMIT 1) >= c.tx, false) AS events,
       EXISTS (SELECT FROM notification) AS wanted,
       c.tx > pg_snapshot_xmax(pg_current_snapshot()) AS moved
FROM event_cursor c;

-- name: restamp(limit) :many
-- Where the database came from another server: let some of the events that were looked at there have a number that comes
-- before all others.
UPDATE event SET tx = '3' WHERE id IN (
  SELECT e.id FROM event e, event_cursor c
  WHERE c.tx > pg_snapshot_xmax(pg_current_snapshot()) AND e.id + coalesce(regexp_count(e.further, ';') + 1, 0) <= c.seen_id
    AND e.tx >= pg_snapshot_xmin(pg_current_snapshot())
    AND (e.tx < c.tx OR (e.tx < c.until_tx AND e.id + coalesce(regexp_count(e.further, ';') + 1, 0) <= c.after_id))
  LIMIT $1::integer)
RETURNING id;

-- name: settle_in() :none
-- Where the database came from another server, and no event is left to be restamped: look at those that were not looked at
-- there under a number of this server, and at what follows.
WITH moved AS MATERIALIZED (
  SELECT tx, seen_id FROM event_cursor WHERE tx > pg_snapshot_xmax(pg_current_snapshot()) FOR UPDATE
), restamped AS (
  UPDATE event e SET tx = pg_current_xact_id() FROM moved m
  WHERE e.tx >= m.tx OR e.id + coalesce(regexp_count(e.further, ';') + 1, 0) > m.seen_id
)
UPDATE event_cursor SET tx = h.tx, until_tx = NULL, after_id = NULL FROM moved, event_horizon h;

-- name: skip() :none
-- Pass over what nobody wants to be told of.
UPDATE event_cursor c
SET tx = h.tx, until_tx = NULL, after_id = NULL, seen_id = greatest(c.seen_id, (SELECT max(id) + 511 FROM event))
FROM event_horizon h
WHERE h.tx > c.tx AND NOT EXISTS (SELECT FROM notification);

-- name: hold() :value_or_none
-- Be the one who reads on, until the transaction ends; nothing while another does.
SELECT sole FROM event_cursor FOR UPDATE SKIP LOCKED;

-- name: advance() :one_or_none
-- Begin the next stretch of events, unless one is begun; nothing where there is none. Needs the cursor held.
WITH next AS (
  -- The sum keeps the planner from looking for the least id in the order of ids, from the beginning of all history.
  SELECT c.tx, h.tx AS until_tx, (SELECT min(e.id + 0) - 1 FROM event e WHERE e.tx >= c.tx AND e.tx < h.tx) AS after_id
  FROM event_cursor c, event_horizon h
  WHERE c.until_tx IS NULL AND h.tx > c.tx
), moved AS (
  UPDATE event_cursor c
  SET tx = CASE WHEN n.after_id IS NULL THEN n.until_tx ELSE c.tx END,
      until_tx = CASE WHEN n.after_id IS NOT NULL THEN n.until_tx END, after_id = n.after_id
  FROM next n
  RETURNING c.tx, c.until_tx, c.after_id
)
SELECT tx::text AS tx, until_tx::text AS until_tx, after_id
FROM (SELECT tx, until_tx, after_id FROM event_cursor UNION ALL SELECT tx, until_tx, after_id FROM moved) c
WHERE until_tx IS NOT NULL;

-- name: events(tx, until_tx, after_id, limit) :many
-- The next events of a stretch that anybody may want to be told of, with the job as it is and where it was right then.
WITH wanted AS (
  SELECT coalesce(bool_or(scope = 'jobs' AND NOT placeholder), false) AS any_job,
         coalesce(bool_or(trigger = 'update'), false) AS any_step,
         min(created_at) AS since
  FROM notification
), page AS (
  SELECT e.id, e.at, e.job_id, e.step, e.old_state, e.new_state
  FROM happened e, wanted w
  WHERE e.id > $3::bigint AND e.first_id > $3::bigint - 512 AND e.tx >= $1::text::xid8 AND e.tx < $2::text::xid8 AND e.at > w.since
    AND (w.any_step OR e.step IS NULL)
    AND (w.any_job
         OR EXISTS (SELECT FROM notification n WHERE n.job_id = e.job_id)
         OR EXISTS (SELECT FROM job_notification r WHERE r.job_id = e.job_id AND r.notification_id IS NOT NULL))
  ORDER BY e.first_id, e.id LIMIT $4::integer
)
SELECT p.id AS event_id, p.at, p.step, p.old_state, p.new_state,
       j.id, j.type, j.owner, j.priority, j.started, j.finished, j.data, j.total_steps,
       r.notification_id, r.data AS notification_data, coalesce(was.state, j.state::text) AS state, cur.step AS at_step, cur.state AS at_state,
       cur.description,
       (SELECT count(*) FROM step s WHERE s.job_id = p.job_id AND NOT s.cleanup AND s.number <= cur.step) AS at_place
FROM page p
LEFT JOIN job j ON j.id = p.job_id
LEFT JOIN job_notification r ON r.job_id = p.job_id
LEFT JOIN LATERAL (
  SELECT e.new_state AS state FROM happened e
  WHERE e.job_id = p.job_id AND e.step IS NULL AND e.id <= p.id ORDER BY e.id DESC LIMIT 1
) was ON true
LEFT JOIN LATERAL (
  SELECT last.step, last.state, s.description
  FROM (SELECT DISTINCT ON (e.step) e.step, e.new_state AS state FROM happened e
        WHERE e.job_id = p.job_id AND e.step IS NOT NULL AND e.id <= p.id ORDER BY e.step, e.id DESC) last
  JOIN step s ON s.job_id = p.job_id AND s.number = last.step
  WHERE NOT s.cleanup AND last.state NOT IN ('NONE', 'READY')
  ORDER BY last.step DESC LIMIT 1
) cur ON true
ORDER BY p.id;

-- name: concerned(jobs, named) :many
-- The notifications that events of some jobs may concern: general ones, those of the jobs, those that the jobs name. They
-- stay as they are until the transaction ends.
SELECT * FROM notification
WHERE (scope = 'jobs' AND NOT placeholder) OR job_id = ANY ($1::bigint[]) OR id = ANY ($2::bigint[])
ORDER BY id FOR SHARE;

-- name: post(lanes, deliveries) :many
-- Put deliveries into the outbox, in their order, and say to the senders which lanes they are in.
WITH put AS (
  INSERT INTO lane AS l (id, host, urgent)
  SELECT g.id, g.host, g.urgent
  FROM jsonb_to_recordset($1::jsonb) AS g (id uuid, host text, urgent boolean) ORDER BY g.id
  ON CONFLICT (id) DO UPDATE SET puts = l.puts + 1
)
INSERT INTO delivery (notification_id, event_id, job_id, trigger, lane, action, payload)
SELECT d.notification_id, d.event_id, d.job_id, d.trigger, d.lane, d.action, d.payload
FROM ROWS FROM (jsonb_to_recordset($2::jsonb) AS (
  notification_id bigint, event_id bigint, job_id bigint, trigger text, lane uuid, action jsonb, payload jsonb
)) WITH ORDINALITY AS d (notification_id, event_id, job_id, trigger, lane, action, payload, place)
ORDER BY d.place
ON CONFLICT (notification_id, event_id) DO NOTHING
RETURNING id;

-- name: looked(after_id, done) :none
-- Everything of the stretch up to an event has been looked at, or all of it. Needs the cursor held.
UPDATE event_cursor SET
  tx = CASE WHEN $2::boolean THEN until_tx ELSE tx END,
  until_tx = CASE WHEN NOT $2::boolean THEN until_tx END,
  after_id = CASE WHEN NOT $2::boolean THEN $1::bigint END,
  seen_id = greatest(seen_id, $1::bigint)
WHERE until_tx IS NOT NULL;

-- name: untold(jobs) :value
-- Whether something happened to jobs that was not looked at, and anybody wants to be told of anything.
SELECT EXISTS (SELECT FROM notification) AND EXISTS (
  SELECT FROM event_cursor c, unnest($1::bigint[]) AS j (id), LATERAL (
    -- What happened to one job is looked at in order.
    SELECT e.id, e.tx FROM happened e WHERE e.job_id = j.id ORDER BY e.id DESC LIMIT 1
  ) last
  WHERE last.tx >= c.tx AND (c.until_tx IS NULL OR last.tx >= c.until_tx OR last.id > c.after_id));

-- name: claim(full, per_host, sound, troubled, lease_seconds) :many
-- Take lanes that can be served: so many whose last try went well, so many others, and not more than so many of one host;
-- none of hosts that are served enough.
WITH due AS (
  SELECT id, urgent, ready_at, failures > 0 AS troubled, row_number() OVER (PARTITION BY host ORDER BY ready_at) AS place
  FROM lane WHERE ready_at <= statement_timestamp() AND host <> ALL ($1::text[])
), chosen AS (
  (SELECT id FROM due WHERE place <= $2::integer AND NOT troubled ORDER BY urgent DESC, ready_at LIMIT $3::integer)
  UNION ALL
  (SELECT id FROM due WHERE place <= $2::integer AND troubled ORDER BY urgent DESC, ready_at LIMIT $4::integer)
), held AS MATERIALIZED (
  SELECT id FROM lane
  WHERE id = ANY (ARRAY(SELECT id FROM chosen)) AND ready_at <= statement_timestamp()
  ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE lane l SET lease = nextval('lease_number'), ready_at = clock_timestamp() + make_interval(secs => $5::float8)
FROM held WHERE l.id = held.id
RETURNING l.id, l.host, l.lease, l.puts, l.failures;

-- name: beat(lanes, leases, lease_seconds) :many
-- Hold on to lanes; answers those that are still held.
WITH held AS MATERIALIZED (
  SELECT l.id FROM unnest($1::uuid[], $2::bigint[]) AS mine (id, lease) JOIN lane l USING (id, lease)
  ORDER BY l.id FOR UPDATE OF l
)
UPDATE lane l SET ready_at = clock_timestamp() + make_interval(secs => $3::float8)
FROM held WHERE l.id = held.id
RETURNING l.id;

-- name: begin(lane, lease, lease_seconds) :one_or_none
-- Begin to send the oldest of a lane, if the caller still holds it; without a delivery where the lane is empty.
WITH held AS (
  UPDATE lane SET ready_at = clock_timestamp() + make_interval(secs => $3::float8)
  WHERE id = $1::uuid AND lease = $2::bigint
  RETURNING id, puts
), begun AS (
  UPDATE delivery d SET state = 'sending', tries = d.tries + 1, tried_at = clock_timestamp(), next_try = NULL
  FROM held
  WHERE d.id = (SELECT n.id FROM delivery n WHERE n.lane = $1::uuid AND n.ended_at IS NULL ORDER BY n.id LIMIT 1)
  RETURNING d.id, d.key, d.tries, d.failures, d.action, d.payload
)
SELECT held.puts, begun.* FROM held LEFT JOIN begun ON true;

-- name: close(lane, lease, puts) :value_or_none
-- Take out a lane that was found empty, if nothing was put in since it had that count.
DELETE FROM lane WHERE id = $1::uuid AND lease = $2::bigint AND puts = $3::bigint RETURNING id;

-- name: delivered(lane, lease, id, status) :none
-- Enter a delivery as done, if the caller still holds its lane.
WITH held AS (
  UPDATE lane SET failures = 0 WHERE id = $1::uuid AND lease = $2::bigint RETURNING id
)
UPDATE delivery d SET state = 'delivered', ended_at = clock_timestamp(), status = $4::smallint, error = NULL,
                      action = NULL, payload = NULL
FROM held WHERE d.id = $3::bigint AND d.lane = held.id AND d.state = 'sending';

-- name: failed(lane, lease, id, status, error, final, pause, alive) :none
-- Enter a try as failed, for good or until the next, and give the lane back for a pause of so many seconds, if the caller
-- still holds it.
WITH held AS (
  UPDATE lane SET failures = CASE WHEN $8::boolean THEN 0 ELSE failures + 1 END, lease = NULL,
                  ready_at = clock_timestamp() + make_interval(secs => $7::float8)
  WHERE id = $1::uuid AND lease = $2::bigint
  RETURNING id, ready_at
)
UPDATE delivery d SET state = CASE WHEN $6::boolean THEN 'failed' ELSE 'pending' END, failures = d.failures + 1,
                      ended_at = CASE WHEN $6::boolean THEN clock_timestamp() END,
                      next_try = CASE WHEN NOT $6::boolean THEN held.ready_at END, status = $4::smallint, error = $5::text
FROM held WHERE d.id = $3::bigint AND d.lane = held.id AND d.state = 'sending';

-- name: release(lane, lease) :none
-- Give a lane back at once; what was being sent is sent again.
WITH held AS (
  UPDATE lane SET lease = NULL, ready_at = clock_timestamp() WHERE id = $1::uuid AND lease = $2::bigint RETURNING id
)
UPDATE delivery d SET state = 'pending' FROM held WHERE d.lane = held.id AND d.ended_at IS NULL AND d.state = 'sending';

-- name: redirect(notification, lane, host, urgent, action) :none
-- Let what is pending go where a notification now says.
WITH pending AS MATERIALIZED (
  SELECT id FROM delivery WHERE notification_id = $1::bigint AND ended_at IS NULL
), put AS (
  INSERT INTO lane AS l (id, host, urgent)
  SELECT $2::uuid, $3::text, $4::boolean WHERE EXISTS (SELECT FROM pending)
  ON CONFLICT (id) DO UPDATE SET puts = l.puts + 1
)
UPDATE delivery d SET action = $5::jsonb, lane = $2::uuid FROM pending p WHERE d.id = p.id AND d.ended_at IS NULL;

-- name: drop(notifications) :none
-- Drop what is pending of notifications.
DELETE FROM delivery WHERE notification_id = ANY ($1::bigint[]) AND ended_at IS NULL;

-- name: resend(notification, key, lane, host, urgent, action) :value_or_none
-- Let a delivery that failed be tried again.
WITH wanted AS MATERIALIZED (
  SELECT id FROM delivery WHERE notification_id = $1::bigint AND key = $2::uuid AND state = 'failed' FOR UPDATE
), put AS (
  INSERT INTO lane AS l (id, host, urgent)
  SELECT $3::uuid, $4::text, $5::boolean WHERE EXISTS (SELECT FROM wanted)
  ON CONFLICT (id) DO UPDATE SET puts = l.puts + 1
)
UPDATE delivery d SET state = 'pending', failures = 0, ended_at = NULL, lane = $3::uuid, action = $6::jsonb
FROM wanted w WHERE d.id = w.id
RETURNING d.id;

-- name: state(notification, key) :value_or_none
-- How a delivery goes.
SELECT state FROM delivery WHERE notification_id = $1::bigint AND key = $2::uuid;

-- name: list(notification, states, limit) :many
-- The last deliveries of a notification, the newest first.
SELECT key, event_id, job_id, trigger, state, tries, created_at, tried_at, next_try, ended_at, status, error
FROM delivery
WHERE notification_id = $1::bigint AND ($2::text[] IS NULL OR state = ANY ($2::text[]))
ORDER BY event_id DESC LIMIT $3::integer;

-- name: forget(delivered_seconds, failed_seconds, limit) :many
-- Take some of those out that ended so long ago.
DELETE FROM delivery WHERE id IN (
  SELECT id FROM delivery
  WHERE ended_at < statement_timestamp() - make_interval(secs => $1::float8)
    AND (state = 'delivered' OR ended_at < statement_timestamp() - make_interval(secs => $2::float8))
  ORDER BY ended_at LIMIT $3::integer FOR UPDATE SKIP LOCKED)
RETURNING id;
