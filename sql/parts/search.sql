-- What a search is put together from: a head, some of the conditions, an order. `$name` is a parameter; only what is
-- asked for is in the statement, so that Postgres plans for just that.

-- part: without_bitmaps
SELECT set_config('enable_bitmapscan', 'off', true)

-- part: with_bitmaps
SELECT set_config('enable_bitmapscan', 'on', true)

-- part: without_whole_tables
SELECT set_config('enable_seqscan', 'off', true),
       -- With less, what an index finds in a million jobs is only remembered by the page, and each is looked at again.
       set_config('work_mem', '64MB', true)

-- part: with_whole_tables
SELECT set_config('enable_seqscan', 'on', true)

-- part: begin_found
WITH found AS (

-- part: begin_places
WITH place AS (

-- part: begin_cells
WITH cell AS (

-- part: end
)

-- part: page
SELECT id, type, owner, state, priority, started, finished, data, total_steps FROM job

-- part: versions
SELECT id, xmin::text::bigint AS version FROM job

-- part: page_with_versions
SELECT id, type, owner, state, priority, started, finished, data, total_steps, xmin::text::bigint AS version FROM job

-- part: places
SELECT id FROM job

-- part: page_of_places
SELECT job.id, type, owner, state, priority, started, finished, data, total_steps FROM place JOIN job ON job.id = place.id

-- part: page_of_found
SELECT id, type, owner, state, priority, started, finished, data, total_steps FROM found

-- part: versions_of_places
SELECT job.id, job.xmin::text::bigint AS version FROM place JOIN job ON job.id = place.id

-- part: versions_of_found
SELECT id, version FROM found

-- part: and_places_of_found
, place AS (
SELECT id FROM found

-- part: ids_of_places
SELECT coalesce(string_agg(int8send(id), ''::bytea), ''::bytea) AS ids FROM place

-- part: hits
SELECT count(*) AS hits FROM job

-- part: counted_hits
SELECT coalesce(sum(jobs), 0)::bigint AS hits FROM current_job_count

-- part: cells
SELECT type, state, owner, count(*) AS jobs FROM job

-- part: counted_cells
SELECT type, state, owner, sum(jobs) AS jobs FROM current_job_count

-- part: cells_end
GROUP BY type, state, owner

-- part: all_cells
SELECT $place::integer AS place, '' AS value, coalesce(sum(jobs), 0)::bigint AS jobs FROM cell

-- part: cells_by_type
SELECT $place::integer AS place, type AS value, sum(jobs)::bigint AS jobs FROM cell

-- part: cells_by_state
SELECT $place::integer AS place, state::text AS value, sum(jobs)::bigint AS jobs FROM cell

-- part: cells_by_owner
SELECT $place::integer AS place, owner AS value, sum(jobs)::bigint AS jobs FROM cell

-- part: by_value
GROUP BY 2

-- part: types_there
SELECT type AS value, sum(jobs)::bigint AS jobs FROM current_job_count

-- part: states_there
SELECT state AS value, sum(jobs)::bigint AS jobs FROM current_job_count

-- part: owners_there
SELECT owner AS value, sum(jobs)::bigint AS jobs FROM current_job_count

-- part: priorities_there
SELECT priority AS value, sum(jobs)::bigint AS jobs FROM current_job_count

-- part: there_end
GROUP BY 1 HAVING sum(jobs) > 0 ORDER BY 1

-- part: no_detour
OFFSET 0

-- part: page_end
OFFSET $offset::bigint LIMIT $limit::bigint

-- part: owner
owner = $owner::text

-- part: type
type = $type::text

-- part: type_among_owned
type || '' = $type::text

-- part: types
type = ANY ($types::text[])

-- part: state
state = $state::text::job_state

-- part: states
state = ANY ($states::text[]::job_state[])

-- part: listed
listed = $listed::text::job_state

-- part: listed_among
listed = ANY ($listed_among::text[]::job_state[])

-- part: under_way
id = ANY (ARRAY(SELECT job_id FROM job_under_way))

-- part: priority
priority = $priority::text::job_priority

-- part: priority_among_owned
priority::text = $priority::text

-- part: priorities
priority = ANY ($priorities::text[]::job_priority[])

-- part: owners
owner = ANY ($owners::text[])

-- part: started_from
started >= $started_from::timestamptz

-- part: started_to
started <= $started_to::timestamptz

-- part: finished_from
finished >= $finished_from::timestamptz

-- part: finished_to
finished <= $finished_to::timestamptz

-- part: value
(data <> '{}' AND (data @> $plain::jsonb OR data @> $string::jsonb OR data @> $string_array::jsonb))

-- part: pattern
EXISTS (SELECT FROM jsonb_each(data) AS pair (key, list), jsonb_array_elements_text(pair.list) AS one (text)
        WHERE pair.key IN ($key::text, $key::text || ':String', $key::text || ':StringArray')
          AND one.text LIKE $pattern::text)

-- part: ended
finished IS NOT NULL

-- part: not_ended
finished IS NULL

-- part: order_id
id

-- part: order_type
type

-- part: order_state
state

-- part: order_owner
owner

-- part: order_started
started

-- part: order_finished
finished

-- part: order_priority
priority

-- part: bound_id
$bound::bigint

-- part: bound_type
$bound::text

-- part: bound_state
$bound::text::job_state

-- part: bound_owner
$bound::text

-- part: bound_started
$bound::timestamptz

-- part: bound_finished
$bound::timestamptz

-- part: bound_priority
$bound::text::job_priority
