-- Tokens: logins for a while. The database's clock decides when they end.

-- name: issue(digest, account, seconds, auto_refresh) :value_or_none
-- Keep a token for a user who can log in, and forget some that have expired.
WITH expired AS (
  DELETE FROM token WHERE digest IN (
    SELECT digest FROM token WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
  )
)
INSERT INTO token (digest, account, seconds, auto_refresh, expires_at)
SELECT $1::bytea, name, $3::integer, $4::boolean, clock_timestamp() + make_interval(secs => $3::integer)
FROM account WHERE name = $2::text AND NOT disabled FOR SHARE
RETURNING account;

-- name: recognise(digest, refresh_seconds) :one_or_none
-- The user whose token this is. One that refreshes itself lasts longer from now on, but is not written more often than
-- that many seconds, nor than half its life.
WITH found AS MATERIALIZED (
  SELECT t.digest, t.account, t.seconds, t.auto_refresh, t.refreshed_at, t.expires_at
  FROM token t JOIN account a ON a.name = t.account
  WHERE t.digest = $1::bytea AND t.expires_at > clock_timestamp() AND NOT a.disabled
), refreshed AS (
  UPDATE token t
  SET refreshed_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => t.seconds)
  FROM found f
  WHERE t.digest = f.digest AND t.auto_refresh
    AND t.refreshed_at < clock_timestamp() - make_interval(secs => least($2::float8, t.seconds / 2.0))
  RETURNING t.digest, t.expires_at
)
SELECT f.account AS name,
       ARRAY(SELECT r.role FROM effective_role r WHERE r.account = f.account ORDER BY r.role) AS roles,
       extract(epoch FROM coalesce(r.expires_at, f.expires_at) - clock_timestamp())::float8 AS left,
       f.auto_refresh, f.seconds
FROM found f LEFT JOIN refreshed r ON r.digest = f.digest;

-- name: end(digest) :none
-- Forget a token: who had it has logged out.
DELETE FROM token WHERE digest = $1::bytea;
