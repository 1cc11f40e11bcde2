-- Remote calls: steps that engines elsewhere carry out, and what these tell.

-- name: open(digest, job, step, lease) :value_or_none
-- Enter an address to call back for a step that is held; answers nothing when it is not.
INSERT INTO remote_call (digest, job_id, step, lease)
SELECT $1::bytea, job_id, step, number
FROM lease
WHERE job_id = $2::bigint AND step = $3::smallint AND number = $4::bigint
RETURNING lease;

-- name: take_over(digests, allowed_from) :none
-- Tell that remote engines have taken over steps that are held; a job is VIDINET_JOB until the last of these ends. Needs
-- the jobs locked.
WITH taken AS (
  UPDATE remote_call c SET taken_over = true
  FROM lease l
  WHERE c.digest = ANY ($1::bytea[]) AND l.job_id = c.job_id AND l.step = c.step AND l.number = c.lease
  RETURNING c.job_id, l.worker
), gone AS (
  UPDATE job j SET state = 'VIDINET_JOB'
  FROM (SELECT DISTINCT ON (job_id) job_id, worker FROM taken ORDER BY job_id) t
  JOIN job old ON old.id = t.job_id
  WHERE j.id = t.job_id AND j.state = ANY ($2::text[]::job_state[])
  RETURNING j.id, j.type, j.owner, j.priority, old.state, t.worker
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, state, 'VIDINET_JOB', owner, priority, count(*) FROM gone GROUP BY type, state, owner, priority
)
INSERT INTO event (job_id, old_state, new_state, actor)
SELECT id, state::text, 'VIDINET_JOB', worker::text FROM gone;

-- name: come_back(jobs, allowed_from) :none
-- Let jobs be STARTED again of which no remote engine carries out a step any more. Needs the jobs locked.
WITH back AS (
  UPDATE job j SET state = 'STARTED'
  FROM job old
  WHERE j.id = ANY ($1::bigint[]) AND old.id = j.id AND j.state = ANY ($2::text[]::job_state[])
    AND NOT EXISTS (SELECT FROM remote_call c
                    JOIN lease l ON l.job_id = c.job_id AND l.step = c.step AND l.number = c.lease
                    WHERE c.job_id = j.id AND c.taken_over)
  RETURNING j.id, j.type, j.owner, j.priority, old.state
), counted AS (
  INSERT INTO job_count_change (type, old_state, new_state, owner, priority, jobs)
  SELECT type, state, 'STARTED', owner, priority, count(*) FROM back GROUP BY type, state, owner, priority
)
INSERT INTO event (job_id, old_state, new_state, actor) SELECT id, state::text, 'STARTED', 'scheduler' FROM back;

-- name: status(digest) :one_or_none
-- Whether the attempt that an address belongs to is held, and whether its remote engine has ended it.
SELECT c.verdict IS NOT NULL AS ended,
       EXISTS (SELECT FROM lease l WHERE l.job_id = c.job_id AND l.step = c.step AND l.number = c.lease) AS held
FROM remote_call c
WHERE c.digest = $1::bytea;

-- name: tell(digest, progress, line, verdict, most_lines) :value_or_none
-- Keep what a remote engine tells of a step that is held and that it has not ended before; answers nothing otherwise.
UPDATE remote_call c
SET version = c.version + 1,
    at = clock_timestamp(),
    progress = coalesce($2::jsonb, c.progress),
    lines = CASE WHEN $3::text IS NULL OR cardinality(c.lines) >= $5::integer THEN c.lines ELSE c.lines || $3::text END,
    verdict = $4::jsonb
FROM lease l
WHERE c.digest = $1::bytea AND c.verdict IS NULL
  AND l.job_id = c.job_id AND l.step = c.step AND l.number = c.lease
RETURNING c.version;

-- name: news(digests, versions) :many
-- What remote engines have told since the versions that are known.
SELECT c.digest, c.version, c.progress, c.lines, c.verdict
FROM unnest($1::bytea[], $2::integer[]) AS known (digest, version)
JOIN remote_call c ON c.digest = known.digest AND c.version > known.version;

-- name: close(digest) :none
-- Take an address out whose attempt ended without its remote engine.
DELETE FROM remote_call WHERE digest = $1::bytea AND verdict IS NULL;

-- name: forget(seconds) :none
-- Take out the addresses of attempts that are over, when nothing came for so long.
DELETE FROM remote_call c
WHERE c.at < clock_timestamp() - make_interval(secs => $1::float8)
  AND NOT EXISTS (SELECT FROM lease l WHERE l.job_id = c.job_id AND l.step = c.step AND l.number = c.lease);
