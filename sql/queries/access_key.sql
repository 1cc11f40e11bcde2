-- Keys for requests that are signed, and the requests of the last minutes.

-- name: add(id, account, secret) :value_or_none
-- Give a user a key; nothing where there is no such user.
INSERT INTO access_key (id, account, secret)
SELECT $1::text, name, $3::text FROM account WHERE name = $2::text
RETURNING id;

-- name: list(account) :many
-- The keys of a user, or, null, of all; without their secrets.
SELECT id, account, created_at FROM access_key
WHERE $1::text IS NULL OR account = $1
ORDER BY account, created_at, id;

-- name: revoke(account, id) :value_or_none
-- Take a key from a user.
DELETE FROM access_key WHERE account = $1::text AND id = $2::text RETURNING id;

-- name: find(id) :one_or_none
-- Whose key it is, and what its requests are checked by.
SELECT k.secret, a.name, a.disabled,
       ARRAY(SELECT r.role FROM effective_role r WHERE r.account = a.name ORDER BY r.role) AS roles
FROM access_key k JOIN account a ON a.name = k.account
WHERE k.id = $1::text;

-- name: enter(access_key, nonce, action, limit, signed_at, window) :one_or_none
-- Enter a request that was signed at some time, unless that is further from now than the window is wide, in seconds; answers
-- whether it is recent, and whether fewer than so many of its key and action were let in within this second: null where its
-- number was used before. No row where the key is gone.
WITH moment AS (
  SELECT abs(extract(epoch FROM clock_timestamp() - $5::timestamptz)) <= $6::float8 AS recent
), key AS (
  SELECT id FROM access_key WHERE id = $1::text FOR KEY SHARE
), entered AS (
  INSERT INTO signed_call (access_key, nonce, action, admitted)
  SELECT id, $2::text, $3::text,
         (SELECT count(*) FROM (
            SELECT FROM signed_call
            WHERE access_key = $1 AND action = $3 AND admitted AND at > clock_timestamp() - interval '1 second'
            LIMIT $4::integer) last) < $4
  FROM key, moment
  WHERE recent
  ON CONFLICT DO NOTHING
  RETURNING admitted
)
SELECT recent, (SELECT admitted FROM entered) AS admitted FROM key, moment;

-- name: forget(seconds, limit) :many
-- Take out some of the requests that are older than this.
DELETE FROM signed_call WHERE (access_key, nonce) IN (
  SELECT access_key, nonce FROM signed_call
  WHERE at < clock_timestamp() - make_interval(secs => $1::float8)
  ORDER BY at LIMIT $2::integer
  FOR UPDATE SKIP LOCKED)
RETURNING at;
