"""Every metric, once: the page about them, the dashboard and the rules are tested against this list.

None has a label that callers make up: no path, no id, no name of a user.
"""

from __future__ import annotations

from vidijob.observability.recording import Counter, Level, Reading, Times

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_WORK = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 21600)

# What is read from the database when somebody asks.
DATABASE_UP = Reading(
    "vidijob_database_up", "1 if the database answered; if not, nothing that is read from it is shown."
)
JOBS = Reading("vidijob_jobs", "Jobs by type and state.", ("type", "state"))
QUEUE_AGE = Reading(
    "vidijob_job_queue_age_seconds", "How long the job has waited that is first in line.", ("priority",)
)
STEPS_QUEUED = Reading("vidijob_steps_queued", "Steps that wait for a worker, or for their next try.")
STEP_QUEUE_AGE = Reading("vidijob_step_queue_age_seconds", "How long the step has been ready that waits longest.")
STEPS_HELD = Reading("vidijob_steps_held", "Steps that a worker holds.")
SLOTS = Reading("vidijob_job_slots", "Places for jobs that run at once, by whether a job is in them.", ("state",))
WORKERS = Reading("vidijob_workers", "Workers, by whether they take steps.", ("state",))
WORKER_SLOTS = Reading("vidijob_worker_slots", "How many steps the workers that take some run at once.")
PROBLEMS = Reading("vidijob_problems", "Conditions that jobs wait for, by their type.", ("type",))
LEADER = Reading("vidijob_scheduler_led", "1 if a scheduler leads, so that jobs are admitted.")
EVENTS = Reading("vidijob_events_total", "Entries of the event log.", grows=True)
EVENTS_UNREAD = Reading("vidijob_events_unread", "Entries of the event log that notifications have not looked at.")
DELIVERIES_PENDING = Reading(
    "vidijob_deliveries_pending", "Deliveries that are not over; of more than 100000, so many are counted."
)
LANES_TROUBLED = Reading("vidijob_receivers_failing", "Receivers whose last delivery failed.")
SITE_UP = Reading("vidijob_site_up", "1 if a site answers the front that tells of it.", ("site",))

# What each process counts.
SUBMITTED = Counter("vidijob_jobs_submitted_total", "Jobs that were accepted.", ("type",))
ADMITTED = Counter("vidijob_jobs_admitted_total", "Jobs that were started.")
ADMISSION_SECONDS = Times(
    "vidijob_job_admission_seconds",
    "How long jobs were queued before they were started; once a second a few are looked at.",
    buckets=_WAITS,
)
CLAIM_SECONDS = Times(
    "vidijob_step_claim_seconds",
    "How long steps were ready before a worker had them; once a second a few are looked at.",
    buckets=_WAITS,
)
STEPS_TAKEN = Counter("vidijob_steps_taken_total", "Steps that a worker began.", ("type",))
STEP_SECONDS = Times(
    "vidijob_step_seconds",
    "How long steps ran, by the type of their job, who carried them out, and the state that they came to.",
    ("type", "executor", "state"),
    buckets=_WORK,
)
LEASES_LOST = Counter("vidijob_leases_lost_total", "Steps that a worker gave up because it no longer held them.")
STEPS_RESCUED = Counter("vidijob_steps_rescued_total", "Steps that were taken from workers that vanished.")
REPAIRS = Counter("vidijob_repairs_total", "What the sweeper had to mend; each is a bug.")
DELIVERIES = Counter(
    "vidijob_deliveries_total", "Tries to deliver: delivered, failed, or given_up for good.", ("outcome",)
)
DELIVERY_SECONDS = Times("vidijob_delivery_seconds", "How long receivers took to answer.", buckets=_QUICK)
REQUESTS = Counter(
    "vidijob_http_requests_total", "Requests, by the template of their path.", ("route", "method", "status")
)
REQUEST_SECONDS = Times(
    "vidijob_http_request_seconds",
    "How long requests took until their answer began, without streams of events.",
    ("route", "method"),
    buckets=_QUICK,
)
REQUESTS_OPEN = Level("vidijob_http_requests_open", "Requests that are being answered, streams of events among them.")
CONNECTIONS = Level("vidijob_database_connections_used", "Connections that are in use, by their pool.", ("pool",))
CONNECTION_SECONDS = Times(
    "vidijob_database_connection_wait_seconds", "How long a free connection was waited for.", ("pool",), buckets=_QUICK
)
STATEMENTS = Counter("vidijob_database_statements_total", "Statements, by their name.", ("statement",))
STATEMENT_SECONDS = Counter(
    "vidijob_database_statement_seconds_total", "How long statements took, by their name.", ("statement",)
)
SLOW_STATEMENTS = Counter(
    "vidijob_database_slow_statements_total", "Statements that took longer than --slow-statement."
)
DATABASE_FAULTS = Counter("vidijob_database_unavailable_total", "Statements that failed because the database was away.")

# Of the processes themselves, where /proc tells.
PROCESS_CPU = Reading(
    "vidijob_process_cpu_seconds_total", "Processor time of each process that answers together.", ("pid",), grows=True
)
PROCESS_MEMORY = Reading("vidijob_process_resident_memory_bytes", "Memory of each of these processes.", ("pid",))
PROCESS_FILES = Reading("vidijob_process_open_fds", "Open files and connections of each of these processes.", ("pid",))
PROCESS_STARTED = Reading(
    "vidijob_process_start_time_seconds", "When each of these processes began, since 1970.", ("pid",)
)
