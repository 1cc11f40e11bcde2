-- Users and their roles.

-- name: find(name) :one_or_none
-- What a login is checked against.
SELECT a.name, a.password_hash,
       coalesce(array_agg(r.role ORDER BY r.role) FILTER (WHERE r.role IS NOT NULL), '{}') AS roles
FROM account a LEFT JOIN account_role r ON r.account = a.name
WHERE a.name = $1::text
GROUP BY a.name;

-- name: list() :many
-- All users with their roles.
SELECT a.name, a.created_at,
       coalesce(array_agg(r.role ORDER BY r.role) FILTER (WHERE r.role IS NOT NULL), '{}') AS roles
FROM account a LEFT JOIN account_role r ON r.account = a.name
GROUP BY a.name ORDER BY a.name;

-- name: add(name, password_hash, roles) :value_or_none
-- Make a user with roles; nothing if there is one of that name.
WITH made AS (
  INSERT INTO account (name, password_hash) VALUES ($1::text, $2::text) ON CONFLICT DO NOTHING RETURNING name
), granted AS (
  INSERT INTO account_role (account, role) SELECT made.name, role FROM made, unnest($3::text[]) AS role
)
SELECT name FROM made;

-- name: set_password(name, password_hash) :value_or_none
-- Give a user another password.
UPDATE account SET password_hash = $2::text WHERE name = $1::text RETURNING name;

-- name: grant(name, roles) :value_or_none
-- Give a user roles; those it has stay.
WITH known AS (SELECT name FROM account WHERE name = $1::text), granted AS (
  INSERT INTO account_role (account, role) SELECT known.name, role FROM known, unnest($2::text[]) AS role
  ON CONFLICT DO NOTHING
)
SELECT name FROM known;

-- name: revoke(name, roles) :value_or_none
-- Take roles from a user.
WITH known AS (SELECT name FROM account WHERE name = $1::text), revoked AS (
  DELETE FROM account_role r USING known WHERE r.account = known.name AND r.role = ANY ($2::text[])
)
SELECT name FROM known;

-- name: delete(name) :value_or_none
-- Take a user out; its jobs stay.
DELETE FROM account WHERE name = $1::text RETURNING name;
