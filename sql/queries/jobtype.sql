-- Job types and task definitions. Whoever changes them holds the lock of the catalogue's row.

-- name: version() :value
-- What a reader compares, to see whether the types that it knows are current.
SELECT version FROM catalogue;

-- name: lock() :value
-- Lock all types for a change; answers the edition of the list that they were last brought from.
SELECT edition FROM catalogue FOR UPDATE;

-- name: changed(edition) :none
-- Tell readers that something has changed; needs the lock.
UPDATE catalogue SET version = version + 1, edition = coalesce($1::integer, edition);

-- name: list() :many
-- All types: those of the program in its order, then those that administrators made.
SELECT id, name, shipped FROM job_type ORDER BY id;

-- name: define(id, name) :value_or_none
-- Make a type of an administrator's own; nothing if its id or name is taken.
INSERT INTO job_type (id, name, shipped) VALUES ($1::integer, $2::text, false) ON CONFLICT DO NOTHING RETURNING id;

-- name: ship(name) :value_or_none
-- Make a type of the program's; nothing if there is one of that name.
INSERT INTO job_type (id, name, shipped)
SELECT coalesce(max(id) FILTER (WHERE shipped), 0) + 1, $1::text, true FROM job_type
ON CONFLICT DO NOTHING
RETURNING id;

-- name: drop(name) :value_or_none
-- Delete a type that an administrator made, with its task definitions.
DELETE FROM job_type WHERE name = $1::text AND NOT shipped RETURNING id;

-- name: tasks(types) :many
-- The task definitions of types, or of all (null), in the order of types and steps.
SELECT t.id, j.name AS job_type, t.step, t.description, t.executor, t.method, t.plugin, s.source AS script,
       t.after_step, t.after_previous, t.after_all_previous, t.beside_step, t.beside_previous, t.beside_all_previous,
       t.critical, t.cleanup, t.metadata, t.flags, t.extradata
FROM task_definition t
JOIN job_type j ON j.id = t.job_type
LEFT JOIN script s ON s.digest = t.script
WHERE $1::text[] IS NULL OR j.name = ANY ($1)
ORDER BY j.id, t.step;

-- name: type_of(id) :value_or_none
-- The type that a task definition belongs to.
SELECT j.name FROM task_definition t JOIN job_type j ON j.id = t.job_type WHERE t.id = $1::integer;

-- name: add(task) :value
-- Make a task definition; its script is kept under its digest.
WITH given AS (
  SELECT * FROM jsonb_to_record($1::jsonb) AS g (
    job_type text, step smallint, description text, executor text, method text, plugin boolean, digest text,
    source text, after_step smallint, after_previous boolean, after_all_previous boolean, beside_step smallint,
    beside_previous boolean, beside_all_previous boolean, critical boolean, cleanup boolean, metadata jsonb,
    flags bigint, extradata text)
), kept AS (
  INSERT INTO script (digest, source) SELECT digest, source FROM given WHERE digest IS NOT NULL ON CONFLICT DO NOTHING
)
INSERT INTO task_definition (
  job_type, step, description, executor, method, plugin, script, after_step, after_previous, after_all_previous,
  beside_step, beside_previous, beside_all_previous, critical, cleanup, metadata, flags, extradata)
SELECT j.id, step, description, executor, method, plugin, digest, after_step, after_previous, after_all_previous,
       beside_step, beside_previous, beside_all_previous, critical, cleanup, metadata, flags, extradata
FROM given JOIN job_type j ON j.name = given.job_type
RETURNING id;

-- name: write(id, task) :none
-- Give a task definition other contents, and perhaps another type and step.
WITH given AS (
  SELECT * FROM jsonb_to_record($2::jsonb) AS g (
    job_type text, step smallint, description text, executor text, method text, plugin boolean, digest text,
    source text, after_step smallint, after_previous boolean, after_all_previous boolean, beside_step smallint,
    beside_previous boolean, beside_all_previous boolean, critical boolean, cleanup boolean, metadata jsonb,
    flags bigint, extradata text)
), kept AS (
  INSERT INTO script (digest, source) SELECT digest, source FROM given WHERE digest IS NOT NULL ON CONFLICT DO NOTHING
)
UPDATE task_definition t
SET job_type = j.id, step = g.step, description = g.description, executor = g.executor, method = g.method,
    plugin = g.plugin, script = g.digest, after_step = g.after_step, after_previous = g.after_previous,
    after_all_previous = g.after_all_previous, beside_step = g.beside_step, beside_previous = g.beside_previous,
    beside_all_previous = g.beside_all_previous, critical = g.critical, cleanup = g.cleanup, metadata = g.metadata,
    flags = g.flags, extradata = g.extradata
FROM given g JOIN job_type j ON j.name = g.job_type
WHERE t.id = $1::integer;

-- name: remove(id) :none
-- Delete a task definition.
DELETE FROM task_definition WHERE id = $1::integer;

-- name: shipped_steps() :many
-- The steps that the program has brought, and whether an administrator has touched them since.
SELECT j.name AS job_type, s.step, s.touched FROM shipped_step s JOIN job_type j ON j.id = s.job_type;

-- name: remember(type, step, touched) :none
-- Note that the program has brought a step.
INSERT INTO shipped_step (job_type, step, touched) SELECT id, $2::smallint, $3::boolean FROM job_type WHERE name = $1::text;

-- name: forget(type, step) :none
-- Note that the program brings a step no longer.
DELETE FROM shipped_step s USING job_type j WHERE j.id = s.job_type AND j.name = $1::text AND s.step = $2::smallint;

-- name: touch(type, step) :none
-- Note that an administrator has changed or deleted a step; nothing if it is not the program's.
UPDATE shipped_step s SET touched = true FROM job_type j
WHERE j.id = s.job_type AND j.name = $1::text AND s.step = $2::smallint;
