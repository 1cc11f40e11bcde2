-- Which version of the schema the database has.

-- name: known() :value
-- Whether there is a schema at all.
SELECT to_regclass('schema_version') IS NOT NULL;

-- name: versions() :many
-- The versions applied, in order.
SELECT version, name, breaking FROM schema_version ORDER BY version;

-- name: lock() :none
-- One migrator at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(7664217001);

-- name: record(version, name, breaking) :none
-- Enter a version as applied.
INSERT INTO schema_version (version, name, breaking) VALUES ($1::integer, $2::text, $3::boolean);
