"""What handlers find in the application, by typed keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from vidijob.engine.accounts import Accounts
from vidijob.engine.commands import Commands
from vidijob.engine.configuration import Configuration
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.feed import Feed
from vidijob.engine.groups import Groups
from vidijob.engine.health import Health
from vidijob.engine.insights import Insights
from vidijob.engine.jobtypes import JobTypes
from vidijob.engine.notifications import Notifications
from vidijob.engine.problems import Problems
from vidijob.engine.remote_calls import Reception
from vidijob.engine.staff import Staff
from vidijob.engine.task_groups import TaskGroups
from vidijob.engine.traffic import Observer
from vidijob.engine.trials import Trials
from vidijob.engine.uploads import Uploads
from vidijob.engine.webhook_secret import WebhookSecret
from vidijob.jobs.model import Job
from vidijob.web.kept import Kept


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the engine that a face may use."""

    accounts: Accounts
    commands: Commands
    configuration: Configuration
    external_ids: ExternalIds
    feed: Feed
    groups: Groups
    health: Health
    insights: Insights
    job_types: JobTypes
    notifications: Notifications
    problems: Problems
    staff: Staff
    reception: Reception
    task_groups: TaskGroups
    traffic: Observer
    trials: Trials
    uploads: Uploads
    webhook_secret: WebhookSecret


SERVICES = web.AppKey("services", Services)
SITE = web.AppKey("site", str)
#: What URLs in answers begin with; empty: what the client wrote.
PUBLIC_URL = web.AppKey("public_url", str)
#: Documents of jobs that have ended.
KEPT = web.AppKey("kept", Kept)
#: Writes a job as the API shows it: as XML, or else as JSON.
WRITE_JOB: web.AppKey[Callable[[Job, bool], bytes]] = web.AppKey("write_job")
REQUEST_ID = web.RequestKey("request_id", str)
