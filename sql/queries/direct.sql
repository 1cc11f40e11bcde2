-- What is done in one statement where nothing else of a job is under way: no other step of it is queued, held or waits.
-- Nobody but the holder of that one lease can change its steps then, so that what the statement sees of them is as it is,
-- also when it was begun before the job was locked. Whatever waits with more priority goes through the queue first, and an
-- answer that was lost is asked for: what a worker holds without knowing it hands back at once.

-- name: end(jobs, steps, numbers, told, worker, executors, room, lease_seconds, short) :many
-- Finish attempts that are still held, and move their jobs on: to the next steps, to the next clean-up step, or to their
-- end. Of the steps that come next the worker takes the first so many that need no more than its executors. Jobs that
-- somebody else has locked are left as they are, and so are those that have something else under way or whose next move
-- has to be found out. What an attempt has told comes as a document, null where it is nothing. Answers the ends accepted, whether
-- the job is over or has a step queued, and with a row of its own, which has a number, each step that was taken.
WITH input AS MATERIALIZED (
  SELECT e.job_id, e.step, e.number, coalesce(e.told->'data', '{}') AS data, e.told->'notes' AS notes,
         (e.told->>'value')::float8 AS value, (e.told->>'total')::float8 AS total, e.told->>'unit' AS unit
  FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::jsonb[]) AS e (job_id, step, number, told)
), free AS MATERIALIZED (
  SELECT id, type, owner, priority, state, verdict, data AS known FROM job
  WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), fit AS MATERIALIZED (
  SELECT i.*, j.type, j.owner, j.priority, j.state AS job_state, j.verdict AS before, j.known, own.state AS old,
         CASE WHEN NOT own.cleanup AND others.more THEN 'steps' WHEN others.clean IS NOT NULL THEN 'clean' ELSE 'end' END AS way,
         CASE WHEN NOT own.cleanup AND others.more THEN own.unlocks ELSE ARRAY[others.clean] END AS following,
         CASE WHEN j.verdict IS NULL AND others.warned OR j.verdict = 'FINISHED' AND others.unclean THEN 'FINISHED_WARNING'
              ELSE coalesce(j.verdict, 'FINISHED') END::job_state AS verdict
  FROM input i
  JOIN free j ON j.id = i.job_id
  JOIN step own ON own.job_id = i.job_id AND own.number = i.step
  CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(o.state NOT IN ('NONE', 'FINISHED', 'FAILED_FATAL')), false) AS busy,
           coalesce(bool_or(o.state = 'NONE' AND NOT o.cleanup), false) AS more,
           coalesce(bool_or(o.state = 'FAILED_FATAL' AND NOT o.cleanup), false) AS warned,
           coalesce(bool_or(o.state = 'FAILED_FATAL' AND o.cleanup), false) AS unclean,
           coalesce(bool_or(o.state = 'NONE' AND o.waiting = 1 AND o.number = ANY (own.unlocks)), false) AS follows,
           min(o.number) FILTER (WHERE o.cleanup AND o.state = 'NONE') AS clean
    FROM step o WHERE o.job_id = i.job_id AND o.number <> i.step
  ) others
  WHERE j.state = ANY ('{STARTED,ABORTED_PENDING}') AND own.cleanup = (j.verdict IS NOT NULL)
    AND own.unlocks_parallel = '{}' AND NOT others.busy AND (own.cleanup OR others.follows OR NOT others.more)
), held AS (
  DELETE FROM lease l USING fit f
  WHERE l.job_id = f.job_id AND l.step = f.step AND l.number = f.number
    -- Else all that were ever held may be gone through, that some snapshot still shows.
    AND l.job_id = ANY ($1::bigint[])
  RETURNING f.*, l.worker, l.progress_value, l.progress_total, l.progress_unit
), ended AS (
  UPDATE step s
  SET state = 'FINISHED', at = clock_timestamp(),
      notes = CASE WHEN h.notes IS NULL THEN s.notes ELSE coalesce(s.notes, '[]') || h.notes END,
      progress_value = coalesce(h.value, h.progress_value),
      progress_total = coalesce(h.total, h.progress_total),
      progress_unit = coalesce(h.unit, h.progress_unit)
  FROM held h WHERE s.job_id = h.job_id AND s.number = h.step
), told AS (
  UPDATE job j
  SET verdict = CASE WHEN h.way = 'clean' AND h.before IS NULL THEN h.verdict ELSE h.before END,
      data = CASE WHEN h.data = '{}' THEN h.known ELSE jsonb_strip_nulls(h.known || h.data) END
  FROM held h WHERE j.id = h.job_id AND h.way <> 'end' AND (h.data <> '{}' OR h.way = 'clean' AND h.before IS NULL)
), over AS (
  UPDATE job j
  SET state = h.verdict, verdict = h.verdict, finished = date_trunc('milliseconds', clock_timestamp()),
      data = CASE WHEN h.data = '{}' THEN h.known ELSE jsonb_strip_nulls(h.known || h.data) END
  FROM held h WHERE j.id = h.job_id AND h.way = 'end'
  RETURNING j.id, j.type, j.owner, j.priority, h.job_state AS old, j.state
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, old, state, owner, priority, count(*) FROM over GROUP BY type, old, state, owner, priority
), next AS MATERIALIZED (
  SELECT f.*, row_number() OVER (ORDER BY priority DESC, job_id, next) AS place
  FROM (SELECT h.job_id, unnest(h.following) AS next, h.way = 'clean' AS clean, h.priority, h.type, h.owner,
               CASE WHEN h.data = '{}' THEN h.known ELSE jsonb_strip_nulls(h.known || h.data) END AS data
        FROM held h WHERE h.way <> 'end') f
), freer AS (
  UPDATE step s
  SET waiting = s.waiting - 1,
      state = CASE WHEN s.waiting > 1 THEN s.state
                   WHEN n.place > $7::integer OR s.needs IS NOT NULL OR s.executor <> ALL ($6::text[]) THEN 'READY'
                   WHEN s.executor || '.' || s.method = ANY ($9::text[]) THEN 'STARTED'
                   ELSE 'STARTED_ASYNCHRONOUS' END::step_state,
      tries = CASE WHEN s.waiting > 1 OR n.place > $7::integer OR s.needs IS NOT NULL OR s.executor <> ALL ($6::text[])
                   THEN s.tries ELSE s.tries + 1 END,
      attempt = CASE WHEN s.waiting > 1 OR n.place > $7::integer OR s.needs IS NOT NULL OR s.executor <> ALL ($6::text[])
                     THEN NULL ELSE nextval('lease_number') END,
      at = clock_timestamp(), worker = $5::uuid
  FROM next n
  WHERE s.job_id = n.job_id AND s.number = n.next AND s.state = 'NONE' AND s.cleanup = n.clean
  RETURNING s.job_id, s.number, s.state, s.executor, s.method, s.metadata, s.cleanup, s.tries, s.retries, s.needs,
            n.type, n.owner, n.data, n.priority,
            s.attempt AS lease
), leased AS (
  INSERT INTO lease (job_id, step, number, worker, expires_at)
  SELECT job_id, number, lease, $5::uuid, clock_timestamp() + make_interval(secs => $8::float8)
  FROM freer WHERE lease IS NOT NULL
), queued AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT job_id, number, executor, needs, cleanup OR priority = 'IMMEDIATE', priority FROM freer WHERE state = 'READY'
), logged AS (
  -- Not by joins: these would compare each with each.
  INSERT INTO event (job_id, step, old_state, new_state, actor, further)
  SELECT job_id, min(ended), min(old_state), 'FINISHED', min(actor), string_agg(said, ';' ORDER BY place, step)
  FROM (
    SELECT job_id, 0 AS place, NULL::smallint AS step, step AS ended, old::text AS old_state, worker::text AS actor, NULL AS said
    FROM held
    UNION ALL
    SELECT job_id, 1, number, NULL, NULL, NULL, number || ' NONE READY scheduler' FROM freer WHERE state <> 'NONE'
    UNION ALL
    SELECT job_id, 2, number, NULL, NULL, NULL, number || ' READY ' || state || ' ' || $5::uuid FROM freer WHERE lease IS NOT NULL
    UNION ALL
    SELECT id, 3, NULL, NULL, NULL, NULL, ' ' || old || ' ' || state || ' scheduler' FROM over
  ) event
  GROUP BY job_id
)
SELECT job_id, step, way = 'end' AS over, job_id IN (SELECT job_id FROM freer WHERE state = 'READY') AS queued,
       NULL::bigint AS number, NULL AS executor, NULL AS method, NULL::jsonb AS metadata, false AS cleanup,
       NULL::integer AS retries, NULL::integer AS ordinal, NULL::jsonb AS needs, NULL AS doom,
       NULL AS job_type, NULL AS owner, NULL::job_priority AS priority, NULL::jsonb AS data, NULL AS script
FROM held
UNION ALL
SELECT job_id, number, false, false, lease, executor, method, metadata, cleanup, retries, tries - 1, needs, NULL, type, owner,
       priority, data, CASE WHEN executor = 'script' THEN (SELECT source FROM script WHERE digest = metadata->>'script') END
FROM freer WHERE lease IS NOT NULL;
