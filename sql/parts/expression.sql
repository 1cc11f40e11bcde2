-- What a condition of a filter is put together from. `$name` is a part that was put together before, a column or a
-- parameter; nothing that somebody wrote is ever in the statement itself. Each gives true or false, never null.

-- part: equal
($left IS NOT DISTINCT FROM $right)

-- part: unequal
($left IS DISTINCT FROM $right)

-- part: less
coalesce($left < $right, false)

-- part: at_most
coalesce($left <= $right, false)

-- part: more
coalesce($left > $right, false)

-- part: at_least
coalesce($left >= $right, false)

-- part: starts
coalesce(starts_with($text, $sought), false)

-- part: ends
coalesce(right($text, length($sought)) = $sought, false)

-- part: holds
coalesce(strpos($text, $sought) > 0, false)

-- part: lower
lower($text)

-- part: upper
upper($text)

-- part: length
length($text)::float8

-- part: and
($left AND $right)

-- part: or
($left OR $right)

-- part: not
(NOT $of)

-- part: text
$value::text COLLATE "C"

-- part: number
$value::float8

-- part: time
$value::timestamptz

-- part: truth
$value::boolean

-- part: guid
$value::uuid

-- part: among_states
-- For states of jobs, with what an index finds them by: see job.listed.
($of = ANY ($values::job_state[]) AND (
  j.listed = ANY (array_remove($values::job_state[], 'STARTED'))
  OR 'STARTED' = ANY ($values::job_state[]) AND 'READY' <> ALL ($values::job_state[]) AND j.id = ANY (ARRAY(SELECT job_id FROM job_under_way))))

-- part: among_numbers
($of = ANY ($values::text[]::bigint[]))

-- part: plain_equal
($left = $right)

-- part: plain_unequal
($left <> $right)

-- part: plain_less
($left < $right)

-- part: plain_at_most
($left <= $right)

-- part: plain_more
($left > $right)

-- part: plain_at_least
($left >= $right)
