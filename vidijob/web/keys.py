"""What handlers find in the application, by typed keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from vidijob.engine.access_keys import AccessKeys
from vidijob.engine.accounts import Accounts
from vidijob.engine.commands import Commands
from vidijob.engine.configuration import Configuration
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.feed import Feed
from vidijob.engine.groups import Groups
from vidijob.engine.health import Health
from vidijob.engine.history import History
from vidijob.engine.identities import Identities
from vidijob.engine.insights import Insights
from vidijob.engine.jobtypes import JobTypes
from vidijob.engine.letters import Letters
from vidijob.engine.listings import Listings
from vidijob.engine.metering import Meters
from vidijob.engine.notifications import Notifications
from vidijob.engine.operations import Operations
from vidijob.engine.problems import Problems
from vidijob.engine.protection import Protection
from vidijob.engine.queues import Queues
from vidijob.engine.records import Records
from vidijob.engine.remote_calls import Reception
from vidijob.engine.staff import Staff
from vidijob.engine.stills import Stills
from vidijob.engine.tail import Tail
from vidijob.engine.task_groups import TaskGroups
from vidijob.engine.traffic import Observer
from vidijob.engine.trials import Trials
from vidijob.engine.uploads import Uploads
from vidijob.engine.waiting import Waiting
from vidijob.engine.webhook_secret import WebhookSecret
from vidijob.jobs.model import Job
from vidijob.web.kept import Kept


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the engine that a face may use."""

    access_keys: AccessKeys
    accounts: Accounts
    commands: Commands
    configuration: Configuration
    external_ids: ExternalIds
    feed: Feed
    groups: Groups
    health: Health
    history: History
    identities: Identities
    insights: Insights
    job_types: JobTypes
    letters: Letters
    listings: Listings
    notifications: Notifications
    operations: Operations
    problems: Problems
    protection: Protection
    queues: Queues
    records: Records
    staff: Staff
    reception: Reception
    stills: Stills
    tail: Tail
    task_groups: TaskGroups
    traffic: Observer
    trials: Trials
    uploads: Uploads
    waiting: Waiting
    webhook_secret: WebhookSecret


SERVICES = web.AppKey("services", Services)
SITE = web.AppKey("site", str)
#: What URLs in answers begin with; empty: what the client wrote.
PUBLIC_URL = web.AppKey("public_url", str)
#: The storage root that faces which keep files by their own names put them into, where there is one.
STORAGE_ROOT = web.AppKey("storage_root", Path)
#: Documents of jobs that have ended.
KEPT = web.AppKey("kept", Kept)
METERS = web.AppKey("meters", Meters)
#: The template of the request's path, where a face has found one: ``/API/job/{id}``.
ROUTE = web.RequestKey("route", str)
#: Whether the client wanted to wait: how long that took says nothing of this server.
WAITED = web.RequestKey("waited", bool)
#: Whether the body was not read to its end, so that nothing else can follow on its connection.
GIVEN_UP = web.RequestKey("given_up", bool)
#: Writes a job as the API shows it: as XML, or else as JSON.
WRITE_JOB: web.AppKey[Callable[[Job, bool], bytes]] = web.AppKey("write_job")
#: Jobs as lists show them.
FRAGMENTS = web.AppKey("fragments", Kept)
REQUEST_ID = web.RequestKey("request_id", str)
