-- Queues that are read by polling: a message that was taken shows again after a while, unless it is deleted.

-- name: make(name) :value_or_none
-- Make a queue; nothing where there is one.
INSERT INTO queue (name) VALUES ($1::text) ON CONFLICT DO NOTHING RETURNING name;

-- name: list() :many
-- The names of all queues.
SELECT name FROM queue ORDER BY name;

-- name: known(name) :one_or_none
-- How many messages a queue holds about.
SELECT q.name, (SELECT count(*) FROM queue_message m WHERE m.queue = q.name AND m.expires_at > statement_timestamp()) AS messages
FROM queue q WHERE q.name = $1::text;

-- name: remove(name) :value_or_none
-- Take out a queue with its messages.
DELETE FROM queue WHERE name = $1::text RETURNING name;

-- name: put(name, bodies, seconds) :many
-- Put messages into a queue, in their order; nothing where there is no such queue.
INSERT INTO queue_message (queue, body, expires_at)
SELECT q.name, b.body, clock_timestamp() + $3::float8 * interval '1 second'
FROM queue q, unnest($2::text[]) WITH ORDINALITY AS b (body, place) WHERE q.name = $1::text
ORDER BY b.place
RETURNING id, body, inserted_at, expires_at, visible_at, receipt, taken;

-- name: take(name, limit, seconds) :many
-- Take the oldest messages that can be seen: nobody else sees them for so many seconds.
WITH chosen AS (
  SELECT id FROM queue_message
  WHERE queue = $1::text AND visible_at <= statement_timestamp() AND expires_at > statement_timestamp()
  ORDER BY place LIMIT $2::integer FOR UPDATE SKIP LOCKED
), took AS (
  UPDATE queue_message m
  SET visible_at = clock_timestamp() + $3::float8 * interval '1 second', receipt = gen_random_uuid(), taken = taken + 1
  FROM chosen c WHERE m.id = c.id
  RETURNING m.id, m.place, m.body, m.inserted_at, m.expires_at, m.visible_at, m.receipt, m.taken
)
SELECT id, body, inserted_at, expires_at, visible_at, receipt, taken FROM took ORDER BY place;

-- name: peek(name, limit) :many
-- The oldest messages that can be seen, which stay as they are.
SELECT id, body, inserted_at, expires_at, visible_at, receipt, taken FROM queue_message
WHERE queue = $1::text AND visible_at <= statement_timestamp() AND expires_at > statement_timestamp()
ORDER BY place LIMIT $2::integer;

-- name: forget(name, id, receipt) :value_or_none
-- Delete a message that was taken under this receipt, and by nobody since.
DELETE FROM queue_message WHERE queue = $1::text AND id = $2::uuid AND receipt = $3::uuid RETURNING id;

-- name: clear(name) :none
-- Delete all messages of a queue.
DELETE FROM queue_message WHERE queue = $1::text;

-- name: expire(limit) :many
-- Delete some messages whose time is over.
DELETE FROM queue_message WHERE id IN (
  SELECT id FROM queue_message WHERE expires_at <= statement_timestamp()
  ORDER BY expires_at LIMIT $1::integer
  FOR UPDATE SKIP LOCKED)
RETURNING id;
