-- Users and their roles.

-- name: lock() :none
-- One change of users, groups and roles after the other, until the transaction ends.
SELECT pg_advisory_xact_lock(7664217002);

-- name: administrators() :value
-- How many can log in and administer.
SELECT count(DISTINCT a.name)
FROM account a JOIN effective_role r ON r.account = a.name
WHERE r.role = '_administrator' AND NOT a.disabled;

-- name: find(name) :one_or_none
-- What a login is checked against.
SELECT a.name, a.password_hash, a.disabled,
       ARRAY(SELECT r.role FROM effective_role r WHERE r.account = a.name ORDER BY r.role) AS roles
FROM account a
WHERE a.name = $1::text;

-- name: any() :value
-- Whether there is a user at all.
SELECT EXISTS (SELECT FROM account);

-- name: list(names, disabled, first, number) :many
-- Users with their own roles and their groups, by name; a filter that is null takes all.
SELECT a.name, a.created_at, a.real_name, a.disabled,
       ARRAY(SELECT r.role FROM account_role r WHERE r.account = a.name ORDER BY r.role) AS roles,
       ARRAY(SELECT m.user_group FROM user_group_member m WHERE m.account = a.name ORDER BY m.user_group) AS groups
FROM account a
WHERE ($1::text[] IS NULL OR a.name = ANY ($1)) AND ($2::boolean IS NULL OR a.disabled = $2)
ORDER BY a.name
OFFSET $3::bigint LIMIT $4::bigint;

-- name: hits(names, disabled) :value
-- How many users a filter finds.
SELECT count(*) FROM account a
WHERE ($1::text[] IS NULL OR a.name = ANY ($1)) AND ($2::boolean IS NULL OR a.disabled = $2);

-- name: add(name, password_hash, roles) :value_or_none
-- Make a user with roles; nothing if there is one of that name.
WITH made AS (
  INSERT INTO account (name, password_hash) VALUES ($1::text, $2::text) ON CONFLICT DO NOTHING RETURNING name
), granted AS (
  INSERT INTO account_role (account, role) SELECT made.name, role FROM made, unnest($3::text[]) AS role
  ON CONFLICT DO NOTHING
)
SELECT name FROM made;

-- name: set_password(name, password_hash) :value_or_none
-- Give a user another password; the tokens that the old one has brought end.
WITH changed AS (
  UPDATE account SET password_hash = $2::text WHERE name = $1::text RETURNING name
), ended AS (
  DELETE FROM token t USING changed c WHERE t.account = c.name
)
SELECT name FROM changed;

-- name: set_disabled(name, disabled) :value_or_none
-- Let a user log in or not; one who may not loses all tokens.
WITH changed AS (
  UPDATE account SET disabled = $2::boolean WHERE name = $1::text RETURNING name
), ended AS (
  DELETE FROM token t USING changed c WHERE t.account = c.name AND $2::boolean
)
SELECT name FROM changed;

-- name: set_real_name(name, real_name) :value_or_none
-- Say how a user is really called.
UPDATE account SET real_name = $2::text WHERE name = $1::text RETURNING name;

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
