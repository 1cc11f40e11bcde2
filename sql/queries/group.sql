-- Groups of users. A role is a group as well, on the wire; here it is a word.

-- name: list(names) :many
-- Groups with their roles and members, by name; null: all.
SELECT g.name, g.description,
       ARRAY(SELECT r.role FROM user_group_role r WHERE r.user_group = g.name ORDER BY r.role) AS roles,
       ARRAY(SELECT m.account FROM user_group_member m WHERE m.user_group = g.name ORDER BY m.account) AS members
FROM user_group g
WHERE $1::text[] IS NULL OR g.name = ANY ($1)
ORDER BY g.name;

-- name: role_holders() :many
-- Each role with the users and the groups that were given it.
SELECT role, array_agg(account ORDER BY account) FILTER (WHERE account IS NOT NULL) AS members,
       array_agg(user_group ORDER BY user_group) FILTER (WHERE user_group IS NOT NULL) AS groups
FROM (SELECT role, account, NULL AS user_group FROM account_role
      UNION ALL
      SELECT role, NULL, user_group FROM user_group_role) given
GROUP BY role;

-- name: put(name) :value
-- See to it that there is a group; tells whether there was none.
WITH made AS (INSERT INTO user_group (name) VALUES ($1::text) ON CONFLICT DO NOTHING RETURNING name)
SELECT EXISTS (SELECT FROM made);

-- name: describe(name, description) :value_or_none
-- Say what a group is for.
UPDATE user_group SET description = $2::text WHERE name = $1::text RETURNING name;

-- name: delete(name) :value_or_none
-- Take a group out; its members stay.
DELETE FROM user_group WHERE name = $1::text RETURNING name;

-- name: join(group, accounts) :many
-- Put users into a group; answers those there are.
WITH known AS (SELECT name FROM account WHERE name = ANY ($2::text[])), joined AS (
  INSERT INTO user_group_member (user_group, account) SELECT $1::text, name FROM known ON CONFLICT DO NOTHING
)
SELECT name FROM known;

-- name: leave(group, accounts) :none
-- Take users out of a group.
DELETE FROM user_group_member WHERE user_group = $1::text AND account = ANY ($2::text[]);

-- name: empty(group) :none
-- Take all users out of a group.
DELETE FROM user_group_member WHERE user_group = $1::text;

-- name: leave_all(account) :none
-- Take a user out of all groups.
DELETE FROM user_group_member WHERE account = $1::text;

-- name: grant(group, role) :none
-- Give a role to all members of a group.
INSERT INTO user_group_role (user_group, role) VALUES ($1::text, $2::text) ON CONFLICT DO NOTHING;

-- name: revoke(group, role) :none
-- Take a role from the members of a group, unless they have it by themselves.
DELETE FROM user_group_role WHERE user_group = $1::text AND role = $2::text;
