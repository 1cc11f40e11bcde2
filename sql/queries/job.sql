-- Jobs: submitting, admitting, ending, reading.

-- name: submit(jobs) :many
-- Store jobs with their steps, all or none; answers id and time in the order given, nulls for a job whose submission key
-- is known already: that one is not stored again.
WITH given AS MATERIALIZED (
  SELECT nextval('job_id') AS id, place, doc
  FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS given (doc, place)
), keyed AS (
  -- Waits for whoever stores the same key at this moment. In one order, so that nothing deadlocks.
  INSERT INTO submission (owner, key, digest, job_id)
  SELECT doc->>'owner', doc->'submission'->>'key', decode(doc->'submission'->>'digest', 'hex'), id
  FROM given WHERE doc ? 'submission' ORDER BY 1, 2
  ON CONFLICT (owner, key) DO NOTHING
  RETURNING job_id
), input AS MATERIALIZED (
  SELECT * FROM given WHERE NOT doc ? 'submission' OR id IN (SELECT job_id FROM keyed)
), made AS (
  INSERT INTO job (id, type, state, priority, owner, data, total_steps)
  SELECT id, doc->>'type', (doc->>'state')::job_state, (doc->>'priority')::job_priority, doc->>'owner', doc->'data',
         (doc->>'total_steps')::smallint
  FROM input
  RETURNING id, type, state, priority, owner, started
), counted AS (
  INSERT INTO job_count_change (type, new_state, owner, priority, jobs)
  SELECT type, state, owner, priority, count(*) FROM made GROUP BY type, state, owner, priority
), planned AS (
  INSERT INTO step (job_id, number, description, executor, method, metadata, critical, cleanup,
                    waiting, waiting_parallel, unlocks, unlocks_parallel, needs)
  SELECT i.id, s.number, s.description, s.executor, s.method, s.metadata, s.critical, s.cleanup,
         s.waiting, s.waiting_parallel, s.unlocks, s.unlocks_parallel, s.needs
  FROM input i, jsonb_to_recordset(i.doc->'steps') AS s (
    number smallint, description text, executor text, method text, metadata jsonb, critical boolean, cleanup boolean,
    waiting smallint, waiting_parallel smallint, unlocks smallint[], unlocks_parallel smallint[], needs jsonb)
), queued AS (
  INSERT INTO job_queue (job_id, priority, weight)
  SELECT id, (doc->>'priority')::job_priority, coalesce((doc->>'weight')::integer, 0) FROM input WHERE doc->>'state' = 'READY'
), logged AS (
  INSERT INTO event (job_id, new_state, actor, remark)
  SELECT i.id, i.doc->>'state', i.doc->>'owner', i.doc->>'remark' FROM input i ORDER BY i.place
), asked AS (
  INSERT INTO job_notification (job_id, notification_id, data)
  SELECT id, (doc->'asked'->>'notification')::bigint, doc->'asked'->'data' FROM input WHERE doc ? 'asked'
)
SELECT made.id, made.started FROM given LEFT JOIN made USING (id) ORDER BY given.place;

-- name: submitted(owner, keys) :many
-- The jobs that a user submitted with some keys, and the digests of what they ordered.
SELECT s.key, j.id, j.type, j.state, j.priority, j.owner, j.started, j.finished, j.data, j.total_steps, s.digest
FROM submission s JOIN job j ON j.id = s.job_id
WHERE s.owner = $1 AND s.key = ANY ($2::text[]);

-- name: wanting(key, uris) :many
-- Those of some uploads that a job which has not ended names under a key of its data.
SELECT uri FROM unnest($2::text[]) AS given (uri)
WHERE EXISTS (
  SELECT FROM job
  WHERE data @> jsonb_build_object($1::text, jsonb_build_array(uri)) AND data <> '{}' AND finished IS NULL
);

-- name: lock(ids) :many
-- Lock jobs for a change, always in the same order.
SELECT id, state, priority FROM job WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE;

-- name: head(limit) :many
-- The next jobs in the queue.
SELECT job_id, priority, weight FROM job_queue ORDER BY priority DESC, weight DESC, job_id LIMIT $1::integer;

-- name: head_behind(limit, behind) :many
-- The next jobs in the queue of those behind some job, not too far, a job for each priority, the lowest first; and of those that have
-- a weight.
SELECT q.job_id, q.priority, q.weight
FROM unnest(enum_range(NULL::job_priority), $2::bigint[]) AS line (priority, behind)
CROSS JOIN LATERAL (
  (SELECT job_id, priority, weight FROM job_queue
   -- With both bounds, whichever index is taken, it is not much that is passed.
   WHERE priority = line.priority AND weight = 0 AND job_id > line.behind AND job_id <= line.behind + 10000
   ORDER BY priority DESC, weight DESC, job_id LIMIT $1::integer)
  UNION ALL
  (SELECT job_id, priority, weight FROM job_queue
   WHERE priority = line.priority AND weight > 0
   ORDER BY priority DESC, weight DESC, job_id LIMIT $1::integer)
  UNION ALL
  (SELECT job_id, priority, weight FROM job_queue
   WHERE priority = line.priority AND weight < 0
   ORDER BY priority DESC, weight DESC, job_id LIMIT $1::integer)
) q
ORDER BY q.priority DESC, q.weight DESC, q.job_id
LIMIT $1::integer;

-- name: heads(limit) :many
-- The next jobs of each priority, and for how many seconds they have waited.
SELECT q.job_id, q.priority, q.weight, extract(epoch FROM clock_timestamp() - q.since)::float8 AS waited
FROM unnest(enum_range(NULL::job_priority)) AS line (priority)
CROSS JOIN LATERAL (
  -- Not "=": then the planner may read the whole queue by age, for a priority that hardly any job has.
  SELECT job_id, priority, weight, since FROM job_queue
  WHERE priority <= line.priority ORDER BY priority DESC, weight DESC, job_id LIMIT $1::integer
) q
WHERE q.priority = line.priority;

-- name: admit(holder, term, jobs, slots, allowed_from, task_groups, places, worker, executors, room, lease_seconds, short, rules, tids) :many
-- Start queued jobs, each in its slot (none for IMMEDIATE) and its place in a task group, if the caller still leads and
-- they were chosen by the rules of now (null: by whatever); those are passed over of which somebody else has locked the job or
-- its place in the queue. Of the steps that begin, the worker takes the first so many that need no more than its executors: they
-- are leased and never queued. Answers the jobs that were free, whether each was started and has a step queued, its slot and where
-- that lies now, and the steps that were taken, each with a number: a job has a row for each of its own, one without a number where
-- there is none.
WITH lead AS (
  SELECT role FROM leader, admission_rules r
  WHERE role = 'scheduler' AND holder = $1::uuid AND term = $2::bigint AND expires_at > clock_timestamp()
    AND r.version = coalesce($13::bigint, r.version)
  FOR SHARE
), free AS MATERIALIZED (
  -- While a job has its place in the queue, nobody changes its steps: what this statement sees of them is as it is.
  SELECT j.id, j.priority, j.state, j.type, j.owner, j.data
  FROM job_queue q JOIN job j ON j.id = q.job_id
  WHERE q.job_id = ANY ($3::bigint[])
    -- Said twice: else the two may be joined by reading all jobs that there are.
    AND j.id = ANY ($3::bigint[])
  ORDER BY j.id
  FOR NO KEY UPDATE OF j SKIP LOCKED FOR UPDATE OF q SKIP LOCKED
), pick AS (
  SELECT j.*, CASE WHEN j.priority <> 'IMMEDIATE' THEN p.slot END AS slot, p.task_group, p.group_place,
         p.tid::tid AS tid
  FROM unnest($3::bigint[], $4::smallint[], $6::text[], $7::integer[], $14::text[])
       AS p (job_id, slot, task_group, group_place, tid)
  JOIN free j ON j.id = p.job_id AND j.state = ANY ($5::text[]::job_state[])
  WHERE EXISTS (SELECT FROM lead) AND (p.slot IS NOT NULL OR j.priority = 'IMMEDIATE')
), fitting AS MATERIALIZED (
  -- The slots as they are, of which whoever had one has ended; by where it lies, if that is known: its number finds all that
  -- it ever was that some snapshot still shows.
  SELECT p.*, s.ctid AS found, s.job_id AS former
  FROM pick p CROSS JOIN LATERAL (
    SELECT ctid, number, least_priority, job_id FROM slot WHERE ctid = p.tid
    UNION ALL
    SELECT ctid, number, least_priority, job_id FROM slot WHERE p.tid IS NULL AND number = p.slot
  ) s
  WHERE s.number = p.slot AND s.least_priority <= p.priority
    AND (SELECT finished IS NULL FROM job WHERE id = s.job_id) IS NOT TRUE
), taken AS (
  -- Nobody else meanwhile: it is as it was found.
  UPDATE slot SET job_id = f.id, task_group = f.task_group, group_place = f.group_place
  FROM fitting f
  WHERE slot.ctid = f.found AND slot.number = f.slot AND slot.job_id IS NOT DISTINCT FROM f.former
  RETURNING f.id, f.state, slot.number AS slot, slot.ctid::text AS tid
), admitted AS (
  SELECT id, state, slot, tid FROM taken UNION ALL SELECT id, state, NULL, NULL FROM pick WHERE slot IS NULL
), dequeued AS (
  DELETE FROM job_queue q USING admitted a WHERE q.job_id = a.id
), started AS (
  UPDATE job SET state = 'STARTED' FROM admitted a WHERE job.id = a.id
  RETURNING job.id, job.type, job.owner, job.priority, job.data, a.state AS old, a.slot, a.tid
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, old, 'STARTED', owner, priority, count(*) FROM started GROUP BY type, old, owner, priority
), first AS MATERIALIZED (
  SELECT j.*, s.number,
         $10::integer >= count(*) FILTER (WHERE s.needs IS NULL AND s.executor = ANY ($9::text[]))
                         OVER (ORDER BY j.priority DESC, j.id, s.number ROWS UNBOUNDED PRECEDING)
         AND s.needs IS NULL AND s.executor = ANY ($9::text[]) AS direct
  FROM started j JOIN step s ON s.job_id = j.id
  WHERE s.state = 'NONE' AND NOT s.cleanup AND (s.waiting = 0 OR s.waiting_parallel = 0)
), begun AS (
  UPDATE step s
  SET state = CASE WHEN NOT f.direct THEN 'READY'
                   WHEN s.executor || '.' || s.method = ANY ($12::text[]) THEN 'STARTED'
                   ELSE 'STARTED_ASYNCHRONOUS' END::step_state,
      tries = s.tries + f.direct::integer,
      at = clock_timestamp(), attempt = CASE WHEN f.direct THEN nextval('lease_number') END, worker = $8::uuid
  FROM first f
  WHERE s.job_id = f.id AND s.number = f.number
  RETURNING s.job_id, s.number, s.state, s.executor, s.method, s.metadata, s.tries, s.retries, s.needs, f.direct,
            f.type, f.owner, f.data, f.priority, f.slot, f.tid,
            s.attempt AS lease
), leased AS (
  INSERT INTO lease (job_id, step, number, worker, expires_at)
  SELECT job_id, number, lease, $8::uuid, clock_timestamp() + make_interval(secs => $11::float8)
  FROM begun WHERE direct
), again AS MATERIALIZED (
  SELECT s.job_id, s.number, s.executor, s.needs, j.priority
  FROM started j JOIN step s ON s.job_id = j.id
  WHERE s.state = 'WAITING'
  -- As it is now: an operator may have let it fail.
  FOR NO KEY UPDATE OF s
), later AS (
  SELECT job_id FROM begun WHERE NOT direct UNION ALL SELECT job_id FROM again
), queued AS (
  -- Steps that begin, and those that waited and are run again.
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT job_id, number, executor, needs, priority = 'IMMEDIATE', priority
  FROM (SELECT job_id, number, executor, needs, priority FROM begun WHERE NOT direct
        UNION ALL
        SELECT * FROM again) r
  ORDER BY priority DESC, job_id, number
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor, further)
  SELECT job_id, NULL, min(old_state), 'STARTED', 'scheduler', string_agg(said, ';' ORDER BY place, step)
  FROM (
    SELECT id AS job_id, 0 AS place, NULL::smallint AS step, old::text AS old_state, NULL AS said FROM started
    UNION ALL
    SELECT job_id, 1, number, NULL, number || ' NONE READY scheduler' FROM begun
    UNION ALL
    SELECT job_id, 2, number, NULL, number || ' READY ' || state || ' ' || $8::uuid FROM begun WHERE direct
  ) event
  GROUP BY job_id
)
-- Not by joins: these would compare each with each.
SELECT b.job_id, true AS started, b.job_id IN (SELECT job_id FROM later) AS queued, b.number AS step, b.lease AS number,
       b.executor, b.method, b.metadata, false AS cleanup, b.retries, b.tries - 1 AS ordinal, b.needs, NULL AS doom,
       b.type AS job_type, b.owner, b.priority, b.data,
       CASE WHEN b.executor = 'script' THEN (SELECT source FROM script WHERE digest = b.metadata->>'script') END AS script,
       b.slot, b.tid
FROM begun b WHERE b.direct
UNION ALL
SELECT id, true, id IN (SELECT job_id FROM later), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, slot, tid
FROM started WHERE id NOT IN (SELECT job_id FROM begun WHERE direct)
UNION ALL
SELECT id, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM free WHERE id NOT IN (SELECT id FROM started);

-- name: judge(ids) :many
-- Make it certain how jobs will end, if it is, and take their steps out of the queue then; needs the jobs locked.
-- Its own statement, since a worker may be claiming one of these steps: after this one, its lease is seen.
WITH fact AS (
  SELECT j.id, j.verdict,
         count(*) FILTER (WHERE NOT s.cleanup AND s.state NOT IN ('FINISHED', 'FAILED_FATAL')) AS open,
         count(*) FILTER (WHERE NOT s.cleanup AND s.state = 'FAILED_FATAL' AND s.critical) AS failed,
         count(*) FILTER (WHERE NOT s.cleanup AND s.state = 'FAILED_FATAL') AS warned
  FROM job j JOIN step s ON s.job_id = j.id
  WHERE j.id = ANY ($1::bigint[]) AND j.state IN ('STARTED', 'VIDINET_JOB', 'ABORTED_PENDING')
  GROUP BY j.id
), certain AS (
  SELECT id, verdict AS before, coalesce(verdict, CASE
           WHEN failed > 0 THEN 'FAILED_TOTAL'
           WHEN open > 0 THEN NULL
           WHEN warned > 0 THEN 'FINISHED_WARNING'
           ELSE 'FINISHED'
         END::job_state) AS verdict
  FROM fact
), judged AS (
  UPDATE job j SET verdict = c.verdict FROM certain c WHERE j.id = c.id AND j.verdict IS DISTINCT FROM c.verdict
), relieved AS (
  -- It waits for nothing any more.
  DELETE FROM problem_job p USING certain c WHERE c.verdict IS NOT NULL AND p.job_id = c.id
), dropped AS (
  DELETE FROM step_queue q USING certain c, step s
  WHERE c.verdict IS NOT NULL AND q.job_id = c.id AND s.job_id = q.job_id AND s.number = q.step AND NOT s.cleanup
)
SELECT id FROM certain WHERE verdict IS NOT NULL;

-- name: settle(ids) :many
-- Take jobs with a verdict one move further: stop what runs, then the next clean-up step, then the end. Needs the jobs
-- locked and judged. Answers those that ended.
WITH fact AS (
  SELECT j.id, j.state, j.priority, j.verdict,
         coalesce(bool_or(l.job_id IS NOT NULL AND NOT s.cleanup), false) AS running,
         coalesce(bool_or(s.cleanup AND s.state NOT IN ('NONE', 'FINISHED', 'FAILED_FATAL')), false) AS cleaning,
         coalesce(bool_or(s.cleanup AND s.state = 'FAILED_FATAL'), false) AS unclean,
         min(s.number) FILTER (WHERE s.cleanup AND s.state = 'NONE') AS next
  FROM job j
  JOIN step s ON s.job_id = j.id
  LEFT JOIN lease l ON l.job_id = s.job_id AND l.step = s.number
  WHERE j.id = ANY ($1::bigint[]) AND j.verdict IS NOT NULL AND j.finished IS NULL
  GROUP BY j.id
), running AS MATERIALIZED (
  SELECT l.job_id, l.step
  FROM lease l JOIN fact f ON f.id = l.job_id JOIN step s ON s.job_id = l.job_id AND s.number = l.step
  WHERE f.running AND NOT l.stop AND NOT s.cleanup
  ORDER BY l.job_id, l.step FOR UPDATE OF l
), stopped AS (
  UPDATE lease l SET stop = true FROM running r WHERE l.job_id = r.job_id AND l.step = r.step
), ready AS (
  UPDATE step s SET state = 'READY'
  FROM fact f
  WHERE NOT f.running AND NOT f.cleaning AND s.job_id = f.id AND s.number = f.next
  RETURNING s.job_id, s.number, s.executor, s.needs, f.priority
), queued AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT job_id, number, executor, needs, true, priority FROM ready
), over AS (
  SELECT id, state, CASE WHEN verdict = 'FINISHED' AND unclean THEN 'FINISHED_WARNING' ELSE verdict END AS verdict
  FROM fact
  WHERE NOT running AND NOT cleaning AND next IS NULL
), ended AS (
  UPDATE job j SET state = o.verdict, verdict = o.verdict, finished = date_trunc('milliseconds', clock_timestamp())
  FROM over o
  WHERE j.id = o.id
  RETURNING j.id, j.type, j.owner, j.priority, o.state AS old, j.state
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, old, state, owner, priority, count(*) FROM ended GROUP BY type, old, state, owner, priority
), logged AS (
  INSERT INTO event (job_id, step, old_state, new_state, actor)
  SELECT id, NULL::smallint, state::text, verdict::text, 'scheduler' FROM over
  UNION ALL
  SELECT job_id, number, 'NONE', 'READY', 'scheduler' FROM ready
)
SELECT id FROM ended;

-- name: park(ids) :many
-- Let jobs wait of which nothing runs and nothing can, but that have a step that waits. Needs the jobs locked.
WITH parked AS (
  UPDATE job j SET state = 'WAITING'
  FROM job old
  WHERE j.id = ANY ($1::bigint[]) AND old.id = j.id AND j.state IN ('STARTED', 'VIDINET_JOB') AND j.verdict IS NULL
    AND EXISTS (SELECT FROM step s WHERE s.job_id = j.id AND s.state = 'WAITING')
    AND NOT EXISTS (SELECT FROM lease l WHERE l.job_id = j.id)
    AND NOT EXISTS (SELECT FROM step_queue q WHERE q.job_id = j.id)
  RETURNING j.id, j.type, j.owner, j.priority, old.state
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, state, 'WAITING', owner, priority, count(*) FROM parked GROUP BY type, state, owner, priority
), freed AS (
  UPDATE slot SET job_id = NULL, task_group = NULL, group_place = NULL FROM parked p WHERE slot.job_id = p.id
), logged AS (
  INSERT INTO event (job_id, old_state, new_state, actor) SELECT id, state::text, 'WAITING', 'scheduler' FROM parked
)
SELECT id FROM parked;

-- name: abort(id, drop_from, abort_from, cleanup, actor, reason) :many
-- Mark one job for abortion, or as aborted at once where nothing has to be cleaned up; needs the job locked.
WITH target AS (
  SELECT id, state,
         CASE WHEN NOT $4::boolean AND state = ANY ($2::text[]::job_state[]) THEN 'ABORTED'::job_state
              WHEN state = ANY ($3::text[]::job_state[]) THEN 'ABORTED_PENDING'::job_state END AS new
  FROM job WHERE id = $1::bigint
), aborted AS (
  UPDATE job j
  SET state = t.new, verdict = 'ABORTED', finished = CASE WHEN t.new = 'ABORTED' THEN date_trunc('milliseconds', clock_timestamp()) END,
      data = CASE WHEN $6::text IS NULL THEN j.data ELSE j.data || jsonb_build_object('abortReason', jsonb_build_array($6::text)) END
  FROM target t
  WHERE j.id = t.id AND t.new IS NOT NULL
  RETURNING j.id, j.type, j.owner, j.priority, t.state AS old, j.state
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, old, state, owner, priority, 1 FROM aborted
), dequeued AS (
  DELETE FROM job_queue q USING aborted a WHERE q.job_id = a.id
), logged AS (
  INSERT INTO event (job_id, old_state, new_state, actor, remark)
  SELECT id, old::text, state::text, $5::text, $6::text FROM aborted
)
SELECT id, state FROM aborted;

-- name: release(id, allowed_from, actor) :many
-- Put a job into the queue that was held; needs the job locked.
WITH released AS (
  UPDATE job j SET state = 'READY'
  FROM job old
  WHERE j.id = $1::bigint AND old.id = j.id AND j.state = ANY ($2::text[]::job_state[])
  RETURNING j.id, j.type, j.owner, j.priority, old.state AS old
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, old, 'READY', owner, priority, 1 FROM released
), queued AS (
  INSERT INTO job_queue (job_id, priority, weight)
  SELECT r.id, r.priority, coalesce(o.weight, 0) FROM released r LEFT JOIN job_origin o ON o.job_id = r.id
), logged AS (
  INSERT INTO event (job_id, old_state, new_state, actor) SELECT id, old::text, 'READY', $3::text FROM released
)
SELECT id FROM released;

-- name: prioritise(id, priority, actor) :none
-- Give a job another priority, in the queues as well; needs the job locked.
WITH changed AS (
  UPDATE job j SET priority = $2::text::job_priority
  FROM job old
  WHERE j.id = $1::bigint AND old.id = j.id AND j.finished IS NULL
  RETURNING j.id, j.type, j.owner, j.state, j.priority, old.priority AS old
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, state, NULL::job_state, owner, old, 1 FROM changed
  UNION ALL
  SELECT type, NULL, state, owner, priority, 1 FROM changed
), queue AS (
  UPDATE job_queue q SET priority = $2::text::job_priority, weight = 0 FROM changed c WHERE q.job_id = c.id
), steps AS (
  UPDATE step_queue q SET priority = $2::text::job_priority, urgent = s.cleanup OR $2::text = 'IMMEDIATE'
  FROM changed c, step s
  WHERE q.job_id = c.id AND s.job_id = q.job_id AND s.number = q.step
), origin AS (
  -- The number that the old one was made from says nothing about it.
  UPDATE job_origin o SET priority = NULL, weight = 0 FROM changed c WHERE o.job_id = c.id
), slots AS (
  -- An IMMEDIATE job takes no slot.
  UPDATE slot SET job_id = NULL, task_group = NULL, group_place = NULL FROM changed c WHERE slot.job_id = c.id AND $2::text = 'IMMEDIATE'
)
INSERT INTO event (job_id, old_state, new_state, actor, remark)
SELECT id, state::text, state::text, $3::text, 'priority ' || $2::text FROM changed;

-- name: delete(ids, actor) :many
-- Delete ended jobs and every entry about them; one line of the event log stays. Needs the jobs locked.
WITH gone AS (
  DELETE FROM job WHERE id = ANY ($1::bigint[]) AND finished IS NOT NULL RETURNING id, type, state, owner, priority
), counted AS (
  INSERT INTO job_count_change (type, old_state, owner, priority, jobs)
  SELECT type, state, owner, priority, count(*) FROM gone GROUP BY type, state, owner, priority
), steps AS (
  DELETE FROM step s USING gone g WHERE s.job_id = g.id
), attempts AS (
  DELETE FROM earlier_attempt a USING gone g WHERE a.job_id = g.id
), parts AS (
  DELETE FROM sub_task WHERE attempt = ANY (ARRAY(SELECT id FROM attempt WHERE job_id = ANY (ARRAY(SELECT id FROM gone))))
), forgotten AS (
  DELETE FROM event e USING gone g WHERE e.job_id = g.id
), logged AS (
  INSERT INTO event (job_id, old_state, new_state, actor)
  SELECT id, state::text, 'DELETED', $2::text FROM gone
)
SELECT id FROM gone;

-- name: purge(seconds, limit) :many
-- Delete some of the jobs that ended longer ago than this, the oldest first, and every entry about them; one line of the
-- event log stays. Jobs that somebody else is busy with are for the next time, and so are those of which something is
-- still to be told: to receivers of notifications, as long as their last event was not looked at, or by another face, as long
-- as it watches them.
WITH old AS MATERIALIZED (
  SELECT id FROM job
  WHERE finished < clock_timestamp() - make_interval(secs => $1::float8)
    AND NOT (EXISTS (SELECT FROM notification) AND EXISTS (
      SELECT FROM event_cursor c, LATERAL (
        SELECT e.id, e.tx FROM happened e WHERE e.job_id = job.id ORDER BY e.id DESC LIMIT 1
      ) last
      WHERE last.tx >= c.tx AND (c.until_tx IS NULL OR last.tx >= c.until_tx OR last.id > c.after_id)))
    AND NOT EXISTS (SELECT FROM watch w WHERE w.job_id = job.id)
  ORDER BY finished, id LIMIT $2::integer
  FOR UPDATE SKIP LOCKED
), gone AS (
  -- By an array: a join may be planned as one with the whole table.
  DELETE FROM job WHERE id = ANY (ARRAY(SELECT id FROM old)) RETURNING id, type, state, owner, priority
), counted AS (
  INSERT INTO job_count_change (type, old_state, owner, priority, jobs)
  SELECT type, state, owner, priority, count(*) FROM gone GROUP BY type, state, owner, priority
), steps AS (
  DELETE FROM step WHERE job_id = ANY (ARRAY(SELECT id FROM gone))
), attempts AS (
  DELETE FROM earlier_attempt WHERE job_id = ANY (ARRAY(SELECT id FROM gone))
), parts AS (
  DELETE FROM sub_task WHERE attempt = ANY (ARRAY(SELECT id FROM attempt WHERE job_id = ANY (ARRAY(SELECT id FROM gone))))
), forgotten AS (
  DELETE FROM event WHERE job_id = ANY (ARRAY(SELECT id FROM gone))
), logged AS (
  INSERT INTO event (job_id, old_state, new_state, actor, remark)
  SELECT id, state::text, 'DELETED', 'scheduler', 'purged' FROM gone
)
SELECT id FROM gone;

-- name: purge_traces(seconds, limit) :many
-- Delete some of the lines that are left of jobs that were deleted longer ago than this.
DELETE FROM event WHERE id = ANY (ARRAY(
  SELECT id FROM event
  WHERE new_state = 'DELETED' AND step IS NULL AND at < clock_timestamp() - make_interval(secs => $1::float8)
  ORDER BY at LIMIT $2::integer
  FOR UPDATE SKIP LOCKED
))
RETURNING id;

-- name: ended(ids) :many
-- When jobs ended, of those that have.
SELECT id, finished FROM job WHERE id = ANY ($1::bigint[]) AND finished IS NOT NULL;

-- name: standing(ids) :many
-- In which state jobs are, and a number that changes with anything that is shown of one: of the job, of its steps, of what
-- those tell while they run. A heartbeat alone is nothing of that.
SELECT j.id, j.state, hashtextextended(concat_ws(' ', j.xmin,
  (SELECT string_agg(s.xmin::text, ' ' ORDER BY s.number) FROM step s WHERE s.job_id = j.id),
  (SELECT string_agg(t.xmin::text, ' ' ORDER BY t.attempt, t.place)
   FROM attempt a JOIN sub_task t ON t.attempt = a.id WHERE a.job_id = j.id),
  (SELECT string_agg(concat_ws(' ', l.step, l.progress_value, l.progress_total, l.progress_unit, l.data), ' ' ORDER BY l.step)
   FROM lease l WHERE l.job_id = j.id)), 0) AS version
FROM job j WHERE j.id = ANY ($1::bigint[]);

-- name: types(ids) :many
-- The types of jobs, of those that there are.
SELECT id, type FROM job WHERE id = ANY ($1::bigint[]);

-- name: some(ids) :many
-- Jobs, in whatever order; those that there are.
SELECT id, type, owner, state, priority, started, finished, data, total_steps FROM job WHERE id = ANY ($1::bigint[]);

-- name: current(ids) :many
-- Where jobs are: the last of their steps that has begun, and its place among all.
SELECT DISTINCT ON (s.job_id) s.job_id, s.description, s.state,
       (SELECT count(*) FROM step p WHERE p.job_id = s.job_id AND NOT p.cleanup AND p.number <= s.number) AS number
FROM step s
WHERE s.job_id = ANY ($1::bigint[]) AND NOT s.cleanup AND s.state NOT IN ('NONE', 'READY')
ORDER BY s.job_id, s.number DESC;

-- name: log(ids) :many
-- Every attempt of the steps of jobs, in order; clean-up only where it failed. data is what one that runs tells.
SELECT a.job_id, a.id, a.step, s.description, a.ordinal, a.state, a.at, a.error, coalesce(a.notes, '[]') AS notes,
       a.total_sub_tasks, l.data,
       coalesce(l.progress_value, a.progress_value) AS progress_value,
       coalesce(l.progress_total, a.progress_total) AS progress_total,
       coalesce(l.progress_unit, a.progress_unit) AS progress_unit
FROM attempt a
JOIN step s ON s.job_id = a.job_id AND s.number = a.step
LEFT JOIN lease l ON l.job_id = s.job_id AND l.step = s.number AND s.attempt = a.id
WHERE a.job_id = ANY ($1::bigint[]) AND (NOT s.cleanup OR a.state IN ('FAILED_RETRY', 'FAILED_FATAL'))
ORDER BY a.job_id, a.step, a.ordinal;

-- name: duplicate_of(id) :one_or_none
-- What a re-run needs of the first job.
SELECT j.type, j.priority, j.data, n.notification_id, n.data AS notification_data
FROM job j LEFT JOIN job_notification n ON n.job_id = j.id
WHERE j.id = $1::bigint;

-- name: stray() :many
-- Jobs that should have moved on and did not: started, nothing queued, nothing held; or waiting for nothing. There
-- should be none.
SELECT j.id FROM job j
WHERE j.state IN ('STARTED', 'VIDINET_JOB', 'ABORTED_PENDING') AND j.finished IS NULL
  AND NOT EXISTS (SELECT FROM lease l WHERE l.job_id = j.id)
  AND NOT EXISTS (SELECT FROM step_queue q WHERE q.job_id = j.id)
UNION ALL
SELECT j.id FROM job j
WHERE j.state = 'WAITING' AND j.finished IS NULL AND NOT EXISTS (SELECT FROM problem_job p WHERE p.job_id = j.id);
