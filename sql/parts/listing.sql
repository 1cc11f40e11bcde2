-- What the lists of other faces are put together from: rows, some conditions, an order. `$name` is a column, a condition that was
-- put together before, or a parameter.

-- part: by_values
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)

-- part: jobs
SELECT j.id, j.type, j.owner, j.state, j.priority, j.started, j.finished, j.data, j.total_steps, o.document, o.priority AS number,
       $stage AS stage, $began AS began, $changed AS changed
FROM job j LEFT JOIN job_origin o ON o.job_id = j.id AND o.face = $face

-- part: count_jobs
SELECT count(*) FROM job j LEFT JOIN job_origin o ON o.job_id = j.id AND o.face = $face

-- part: records
SELECT r.id, r.place, r.key, r.parent, r.name, r.owner, r.created_at, r.changed_at, r.document FROM face_record r

-- part: count_records
SELECT count(*) FROM face_record r

-- part: of_kind
r.face = $face AND r.kind = $kind

-- part: where
WHERE $condition

-- part: both
$left AND $right

-- part: upwards
$term NULLS FIRST

-- part: downwards
$term DESC NULLS LAST

-- part: order
ORDER BY $terms

-- part: page
OFFSET $skip::bigint LIMIT $top::bigint

-- part: job_id
j.id

-- part: job_before
j.id < $before::bigint

-- part: job_name
coalesce(o.document ->> 'Name', j.type) COLLATE "C"

-- part: job_template
(o.document ->> 'TemplateId') COLLATE "C"

-- part: job_created
j.started

-- part: job_ended
j.finished

-- part: job_began
(SELECT min(e.at) FROM happened e WHERE e.job_id = j.id AND e.step IS NULL AND e.new_state = 'STARTED')

-- part: job_changed
(SELECT max(e.at) FROM event e WHERE e.job_id = j.id)

-- part: job_duration
coalesce(extract(epoch FROM coalesce(j.finished, statement_timestamp()) - $began), 0)::float8 * $unit::float8

-- part: job_stage
-- Not "EXISTS": then all steps and events may be read once, for the few jobs that are shown.
CASE WHEN (SELECT true FROM step s WHERE s.job_id = j.id AND s.tries > 0 LIMIT 1) THEN 2
     WHEN (SELECT true FROM happened e WHERE e.job_id = j.id AND e.step IS NULL AND e.new_state = 'STARTED' LIMIT 1) THEN 1
     ELSE 0 END

-- part: job_own_state
j.state

-- part: job_state
($states::jsonb ->> (j.state::text || '/' || ($stage)::text))::float8

-- part: job_priority
coalesce(o.priority, ($priorities::jsonb ->> j.priority::text)::integer)::float8

-- part: record_id
($prefix || r.id) COLLATE "C"

-- part: record_place
r.place

-- part: record_name
r.name COLLATE "C"

-- part: record_created
r.created_at

-- part: record_changed
r.changed_at

-- part: record_text
(r.document ->> $key) COLLATE "C"

-- part: record_number
(r.document ->> $key)::float8

-- part: record_truth
(r.document ->> $key)::boolean
