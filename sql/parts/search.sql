-- What a search is put together from: a head, some of the conditions, an order. `$name` is a parameter; only what is
-- asked for is in the statement, so that Postgres plans for just that.

-- part: page
SELECT id, type, owner, state, priority, started, finished, data, total_steps FROM job

-- part: hits
SELECT count(*) AS hits FROM job

-- part: cells
SELECT type, state, owner, count(*) AS jobs FROM job

-- part: cells_end
GROUP BY type, state, owner

-- part: page_end
OFFSET $offset::bigint LIMIT $limit::bigint

-- part: owner
owner = $owner::text

-- part: types
type = ANY ($types::text[])

-- part: states
state = ANY ($states::text[]::job_state[])

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
(data @> $plain::jsonb OR data @> $string::jsonb OR data @> $string_array::jsonb)

-- part: pattern
EXISTS (SELECT FROM jsonb_each(data) AS pair (key, list), jsonb_array_elements_text(pair.list) AS one (text)
        WHERE pair.key IN ($key::text, $key::text || ':String', $key::text || ':StringArray')
          AND one.text LIKE $pattern::text)

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
