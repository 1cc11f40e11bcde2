-- Jobs that start as they arrive: stored and admitted by one statement, in one commit. What admission asks for is asked here
-- in the same words; where it is not so, the job is READY and queued, as any other.

-- name: start(job, holder, term, rules, slot, worker, executors, room, lease_seconds, short, behind, tid) :many
-- Store a job that has no submission key with its steps, and start it in a slot (none for IMMEDIATE), if the caller still
-- leads by the rules of now and the slot is free, and no job behind some other waits in the queue: the caller knows of none before
-- that, so that nobody is overtaken. Of the steps that begin, the worker takes the first so many that need no more than its
-- executors: they are never queued. Answers id and
-- time of the job, whether it was started and has a step queued, and the steps that were taken, each with a number: a row for
-- each, one without a number where there is none.
WITH lead AS MATERIALIZED (
  SELECT role FROM leader, admission_rules r
  WHERE role = 'scheduler' AND holder = $2::uuid AND term = $3::bigint AND expires_at > clock_timestamp()
    AND r.version = coalesce($4::bigint, r.version)
  FOR SHARE
), given AS MATERIALIZED (
  SELECT nextval('job_id') AS id, doc, (doc->>'priority')::job_priority AS priority FROM (SELECT $1::jsonb AS doc) g
), fitting AS MATERIALIZED (
  SELECT g.id, s.number, s.ctid AS found, s.job_id AS former
  FROM given g, lead, LATERAL (
    SELECT ctid, number, least_priority, job_id FROM slot WHERE ctid = $12::text::tid
    UNION ALL
    SELECT ctid, number, least_priority, job_id FROM slot WHERE $12::text IS NULL AND number = $5::smallint
  ) s
  WHERE s.number = $5::smallint AND s.least_priority <= g.priority
    AND (SELECT finished IS NULL FROM job WHERE id = s.job_id) IS NOT TRUE
    AND g.priority <> 'IMMEDIATE' AND NOT EXISTS (SELECT FROM job_queue WHERE job_id > $11::bigint)
), taken AS (
  UPDATE slot SET job_id = f.id, task_group = NULL, group_place = NULL
  FROM fitting f
  WHERE slot.ctid = f.found AND slot.number = f.number AND slot.job_id IS NOT DISTINCT FROM f.former
  RETURNING f.id, slot.number, slot.ctid::text AS tid
), admitted AS (
  SELECT id FROM taken UNION ALL SELECT g.id FROM given g, lead WHERE g.priority = 'IMMEDIATE'
), made AS (
  INSERT INTO job (id, type, state, priority, owner, data, total_steps)
  SELECT g.id, doc->>'type', CASE WHEN a.id IS NULL THEN 'READY' ELSE 'STARTED' END::job_state, g.priority, doc->>'owner',
         doc->'data', (doc->>'total_steps')::smallint
  FROM given g LEFT JOIN admitted a ON a.id = g.id
  RETURNING id, type, state, priority, owner, data, started
), counted AS (
  INSERT INTO job_count_change (type, new_state, owner, priority, jobs)
  SELECT type, state, owner, priority, 1 FROM made
), queued AS (
  INSERT INTO job_queue (job_id, priority) SELECT id, priority FROM made WHERE state = 'READY'
), part AS MATERIALIZED (
  SELECT g.id AS job_id, s.*, f.begins,
         f.fits AND $8::integer >= count(*) FILTER (WHERE f.fits) OVER (ORDER BY s.number ROWS UNBOUNDED PRECEDING) AS direct
  FROM given g LEFT JOIN admitted a ON a.id = g.id, jsonb_to_recordset(g.doc->'steps') AS s (
    number smallint, description text, executor text, method text, metadata jsonb, critical boolean, cleanup boolean,
    waiting smallint, waiting_parallel smallint, unlocks smallint[], unlocks_parallel smallint[], needs jsonb
  ), LATERAL (SELECT a.id IS NOT NULL AND NOT s.cleanup AND (s.waiting = 0 OR s.waiting_parallel = 0) IS TRUE AS begins) b,
  LATERAL (SELECT b.begins, b.begins AND s.needs IS NULL AND s.executor = ANY ($7::text[]) AS fits) f
), planned AS (
  INSERT INTO step (job_id, number, description, executor, method, metadata, critical, cleanup, state,
                    waiting, waiting_parallel, unlocks, unlocks_parallel, needs, tries, at, attempt, worker)
  SELECT job_id, number, description, executor, method, metadata, critical, cleanup,
         CASE WHEN NOT begins THEN 'NONE'
              WHEN NOT direct THEN 'READY'
              WHEN executor || '.' || method = ANY ($10::text[]) THEN 'STARTED'
              ELSE 'STARTED_ASYNCHRONOUS' END::step_state,
         waiting, waiting_parallel, unlocks, unlocks_parallel, needs, direct::integer,
         CASE WHEN begins THEN clock_timestamp() END, CASE WHEN direct THEN nextval('lease_number') END,
         CASE WHEN direct THEN $6::uuid END
  FROM part
  RETURNING job_id, number, state, executor, method, metadata, tries, retries, needs, attempt AS lease
), leased AS (
  INSERT INTO lease (job_id, step, number, worker, expires_at)
  SELECT job_id, number, lease, $6::uuid, clock_timestamp() + make_interval(secs => $9::float8)
  FROM planned WHERE lease IS NOT NULL
), put AS (
  INSERT INTO step_queue (job_id, step, executor, needs, urgent, priority)
  SELECT p.job_id, p.number, p.executor, p.needs, g.priority = 'IMMEDIATE', g.priority
  FROM planned p, given g
  WHERE p.state = 'READY'
  ORDER BY p.number
), logged AS (
  INSERT INTO event (job_id, new_state, actor, remark, further)
  SELECT g.id, 'READY', g.doc->>'owner', g.doc->>'remark', (
    SELECT string_agg(said, ';' ORDER BY place, step)
    FROM (
      SELECT 0 AS place, NULL::smallint AS step, ' READY STARTED scheduler' AS said FROM admitted
      UNION ALL
      SELECT 1, number, number || ' NONE READY scheduler' FROM planned WHERE state <> 'NONE'
      UNION ALL
      SELECT 2, number, number || ' READY ' || state || ' ' || $6::uuid FROM planned WHERE lease IS NOT NULL
    ) event)
  FROM given g
), asked AS (
  INSERT INTO job_notification (job_id, notification_id, data)
  SELECT id, (doc->'asked'->>'notification')::bigint, doc->'asked'->'data' FROM given WHERE doc ? 'asked'
), traced AS (
  INSERT INTO job_trace (job_id, traceparent) SELECT id, doc->>'trace' FROM given WHERE doc ? 'trace'
)
SELECT m.id AS job_id, m.started AS submitted, m.state = 'STARTED' AS started,
       EXISTS (SELECT FROM planned WHERE state = 'READY') AS queued, p.number AS step, p.lease AS number, p.executor, p.method,
       p.metadata, false AS cleanup, p.retries, p.tries - 1 AS ordinal, p.needs, NULL AS doom, m.type AS job_type, m.owner,
       m.priority, m.data,
       CASE WHEN p.executor = 'script' THEN (SELECT source FROM script WHERE digest = p.metadata->>'script') END AS script,
       (SELECT number FROM taken) AS slot, (SELECT tid FROM taken) AS tid
FROM made m LEFT JOIN planned p ON p.lease IS NOT NULL;
