-- Upkeep of the tables that only jobs under way are in.

-- name: worn(dead) :value
-- Whether so many rows at least are gone from them that still take their room; what was done within the last second may not
-- be counted yet.
SELECT coalesce(sum(n_dead_tup), 0) >= $1::bigint FROM pg_stat_user_tables
WHERE relid = ANY ('{job_queue,step_queue,lease,slot,job_count_change}'::regclass[]);

-- name: sweep() :none
-- Make room of what is gone from them; those that somebody has locked stay as they are. What they have grown to they keep,
-- since to make a table shorter one has to lock it.
VACUUM (SKIP_LOCKED, TRUNCATE false) job_queue, step_queue, lease, slot, job_count_change;
