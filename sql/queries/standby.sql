-- Servers that follow one another: which one takes writes, and how far another is behind it.

-- name: timeline() :value
-- The timeline of a server that takes writes, a number that grows with each promotion; nothing for one that only follows.
-- (Its control file would still say the old one until the checkpoint after the promotion is over.)
SELECT CASE WHEN NOT pg_is_in_recovery()
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END;

-- name: written() :value
-- How far the log of a server that takes writes is written, in bytes.
SELECT (pg_current_wal_lsn() - '0/0')::bigint;

-- name: replayed() :value
-- How far a server that follows has come in the log of the other, in bytes; nothing for one that follows no more.
SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END;
