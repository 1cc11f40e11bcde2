-- Who ends a job does not write to its slot any more: a slot is free when the job that had it has ended.
-- breaking: yes

CREATE VIEW seat AS
SELECT s.number, s.ctid AS tid, s.least_priority, j.id AS job_id, j.priority, s.task_group, s.group_place
FROM slot s
LEFT JOIN LATERAL (SELECT id, priority FROM job WHERE id = s.job_id AND finished IS NULL LIMIT 1) j ON true;
