-- What other faces keep besides jobs.

-- name: add(records) :many
-- Keep things, in their order; of those whose key or id another has already, nothing. The ids of those that were kept.
INSERT INTO face_record (id, face, kind, key, parent, name, owner, document)
SELECT coalesce(g.id, gen_random_uuid()), g.face, g.kind, g.key, g.parent, g.name, g.owner, g.document
FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (
  id uuid, face text, kind text, key text, parent uuid, name text, owner text, document jsonb
)) WITH ORDINALITY AS g (id, face, kind, key, parent, name, owner, document, place)
ORDER BY g.place
ON CONFLICT DO NOTHING
RETURNING id, place, kind, key, parent, name, owner, created_at, changed_at, document;

-- name: of(face, kind, ids) :many
-- Some things of a kind.
SELECT id, place, kind, key, parent, name, owner, created_at, changed_at, document
FROM face_record WHERE face = $1::text AND kind = $2::text AND id = ANY ($3::uuid[]);

-- name: keyed(face, kind, key) :one_or_none
-- The thing of a kind that has a key.
SELECT id, place, kind, key, parent, name, owner, created_at, changed_at, document
FROM face_record WHERE face = $1::text AND kind = $2::text AND key = $3::text;

-- name: count_keyed(face, kind, prefix) :value
-- How many things of a kind have a key that begins so.
SELECT count(*) FROM face_record WHERE face = $1::text AND kind = $2::text AND starts_with(key, $3::text);

-- name: children(face, kind, parents) :many
-- The things of a kind that belong to others, in the order in which they were made.
SELECT id, place, kind, key, parent, name, owner, created_at, changed_at, document
FROM face_record WHERE face = $1::text AND kind = $2::text AND parent = ANY ($3::uuid[]) ORDER BY place;

-- name: change(face, kind, id, name, document) :value_or_none
-- Give a thing another name and add to what is kept of it; null: the name stays.
UPDATE face_record
SET name = coalesce($4::text, name), document = document || $5::jsonb, changed_at = clock_timestamp()
WHERE face = $1::text AND kind = $2::text AND id = $3::uuid RETURNING id;

-- name: remove(face, kind, id) :value_or_none
-- Keep a thing no longer, nor what belongs to it.
DELETE FROM face_record WHERE face = $1::text AND kind = $2::text AND id = $3::uuid RETURNING id;
