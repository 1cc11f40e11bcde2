-- Notifications: who is to be told of what happens to jobs.

-- name: add(scope, job, owner, base_uri, definition) :value_or_none
-- Keep a notification; nothing where it is about one job that is not there.
WITH known AS (
  SELECT id FROM job WHERE id = $2::bigint FOR KEY SHARE
)
INSERT INTO notification (
  scope, job_id, owner, base_uri, trigger, placeholder, types, step, data_key, data_key_regex, data_value,
  data_value_regex, content, url, method, content_type, timeout_seconds, retry, synchronous, call_group, extra_data,
  form)
SELECT $1::text, $2::bigint, $3::text, $4::text, d.trigger, d.placeholder, d.types, d.step, d.data_key,
       d.data_key_regex, d.data_value, d.data_value_regex, d.content, d.url, d.method, d.content_type,
       d.timeout_seconds, d.retry, d.synchronous, d.call_group, d.extra_data, d.form
FROM jsonb_populate_record(NULL::notification, $5::jsonb) d
WHERE $2::bigint IS NULL OR EXISTS (SELECT FROM known)
RETURNING id;

-- name: replace(id, scope, job, definition) :value_or_none
-- Give a notification of a place another definition; whose words it is told in stays.
UPDATE notification n SET
  trigger = d.trigger, placeholder = d.placeholder, types = d.types, step = d.step,
  data_key = d.data_key, data_key_regex = d.data_key_regex,
  data_value = d.data_value, data_value_regex = d.data_value_regex,
  content = d.content, url = d.url, method = d.method, content_type = d.content_type,
  timeout_seconds = d.timeout_seconds, retry = d.retry, synchronous = d.synchronous,
  call_group = d.call_group, extra_data = d.extra_data
FROM jsonb_populate_record(NULL::notification, $4::jsonb) d
WHERE n.id = $1::bigint AND n.scope = $2::text AND n.job_id IS NOT DISTINCT FROM $3::bigint
RETURNING n.form;

-- name: standing(limit) :many
-- The notifications, wherever they were defined, the newest first: what is still to be delivered of each, and how the last
-- delivery went.
SELECT n.*, p.pending, d.state AS last_state, coalesce(d.tried_at, d.created_at) AS last_at, d.status AS last_status,
       d.error AS last_error
FROM (SELECT * FROM notification ORDER BY id DESC LIMIT $1::integer) n
CROSS JOIN LATERAL (SELECT count(*) AS pending FROM delivery WHERE notification_id = n.id AND ended_at IS NULL) p
LEFT JOIN LATERAL (SELECT * FROM delivery WHERE notification_id = n.id AND tries > 0
                   ORDER BY event_id DESC LIMIT 1) d ON true
ORDER BY n.id DESC;

-- name: ids(scope, job) :many
-- The notifications of a place, oldest first.
SELECT id FROM notification
WHERE scope = $1::text AND job_id IS NOT DISTINCT FROM $2::bigint
ORDER BY id;

-- name: get(id) :one_or_none
-- One notification, wherever it was defined.
SELECT * FROM notification WHERE id = $1::bigint;

-- name: hold(id) :one_or_none
-- One notification, which stays as it is until the transaction ends.
SELECT * FROM notification WHERE id = $1::bigint FOR SHARE;

-- name: delete(id, scope, job) :value_or_none
-- Forget one notification of a place.
DELETE FROM notification
WHERE id = $1::bigint AND scope = $2::text AND job_id IS NOT DISTINCT FROM $3::bigint
RETURNING id;

-- name: clear(scope, job) :many
-- Forget all notifications of a place.
DELETE FROM notification WHERE scope = $1::text AND job_id IS NOT DISTINCT FROM $2::bigint
RETURNING id;
