"""The HTTP server of one process: every face on the services of the engine. It knows no rule."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from aiohttp import web

from vidijob import resources
from vidijob.api.alibaba import routes as mps
from vidijob.api.alibaba.call import Options as MpsOptions
from vidijob.api.alibaba.messages import FORM as MPS_FORM
from vidijob.api.alibaba.messages import Messages
from vidijob.api.arcgis.routes import routes as arcgis_routes
from vidijob.api.azure import messages as azure
from vidijob.api.azure.routes import routes as azure_routes
from vidijob.api.queues.routes import routes as queue_routes
from vidijob.api.vidispine.routes import FACE as VIDISPINE
from vidijob.api.vidispine.routes import routes as vidispine_routes
from vidijob.api.vidispine.translate.jobs import job_document
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.binding import json, xml
from vidijob.console.routes import add_to as add_console
from vidijob.engine.access_keys import AccessKeys
from vidijob.engine.accounts import Accounts
from vidijob.engine.arrivals import Arrivals
from vidijob.engine.bell import Bell
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
from vidijob.executors import shipped
from vidijob.executors.media.presets import Presets
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import Job
from vidijob.jobs.notifications import Change, Notification, NotificationRequest
from vidijob.settings import Settings
from vidijob.store.database import Database
from vidijob.web import cors, keys, middleware, monitor, openapi, published
from vidijob.web.entrance import lets_go
from vidijob.web.kept import Kept
from vidijob.web.outbound import Outbound
from vidijob.web.webhooks import Webhooks

#: A body beyond this is refused with 413.
LARGEST_BODY = 10 * 1024 * 1024
#: An address beyond this is refused: the SDKs of MPS write whole lists of outputs into one.
LONGEST_LINE = 64 * 1024
#: So many bytes of documents of jobs that have ended are kept, that they need not be read and written again, and as many of
#: jobs in lists.
KEPT_BYTES = 16 * 1024 * 1024


def build_application(
    database: Database,
    bell: Bell,
    accounts: Accounts,
    *,
    site: str,
    public_url: str | None = None,
    configuration: Configuration | None = None,
    health: Health | None = None,
    executors: Mapping[str, frozenset[str]] = shipped.METHODS,
    webhook_secret: WebhookSecret | None = None,
    uploads: Uploads | None = None,
    reading: Callable[[], Database] | None = None,
    storage_root: Path | None = None,
    trials: Trials | None = None,
    mps_options: MpsOptions | None = None,
    azure_options: azure.Options = azure.PLAIN,
    meters: Meters | None = None,
    with_metrics: bool = True,
    arrivals: Arrivals | None = None,
) -> web.Application:
    """Return the HTTP server with every face; ``executors`` are the beans that there are, with their methods, ``reading`` tells
    where lists and searches are read, ``with_metrics`` whether it tells its metrics on the same port; ``arrivals`` is the short way
    in, where there is one.
    """
    application = web.Application(
        middlewares=[middleware.identify, cors.answer_preflights, mps.answer_at_root], client_max_size=LARGEST_BODY
    )
    application.on_response_prepare.append(cors.tell)
    job_types = JobTypes(database, executors)
    external_ids = ExternalIds(database, site)
    commands = Commands(database, bell, job_types.plans.of, site, arrivals)
    insights = Insights(database, site, reading)
    feed = Feed(database, bell)
    tail, waiting = Tail(database, bell), Waiting(database, bell, site)
    application.cleanup_ctx.append(lambda _: _running(feed, tail, waiting))
    lets_go(application, tail.close)
    lets_go(application, waiting.close)
    application[keys.SERVICES] = keys.Services(
        access_keys=AccessKeys(database),
        accounts=accounts,
        commands=commands,
        configuration=configuration or Configuration(database, bell),
        feed=feed,
        groups=Groups(database, accounts),
        health=health or Health(database),
        history=History(database, site),
        identities=Identities(database),
        tail=tail,
        task_groups=TaskGroups(database, bell),
        insights=insights,
        job_types=job_types,
        letters=Letters(database, bell),
        listings=Listings(database),
        external_ids=external_ids,
        notifications=Notifications(database, bell, external_ids, site),
        operations=Operations(commands, insights, site),
        problems=Problems(database, bell, site),
        queues=Queues(database),
        records=Records(database),
        protection=Protection(database),
        reception=Reception(database, bell),
        staff=Staff(database, bell),
        stills=Stills(uploads.storage if uploads is not None else None),
        traffic=Observer(database),
        trials=trials or Trials(None, None),
        waiting=waiting,
        uploads=uploads or Uploads(database, None),
        webhook_secret=webhook_secret or WebhookSecret(database, None),
    )
    application[keys.KEPT] = Kept(KEPT_BYTES)
    application[keys.FRAGMENTS] = Kept(KEPT_BYTES)
    application[keys.SITE] = site
    application[mps.OPTIONS] = mps_options or MpsOptions((Path("storage").absolute(),))
    if storage_root is not None:
        application[keys.STORAGE_ROOT] = storage_root
    application[keys.PUBLIC_URL] = (public_url or "").rstrip("/")
    application[keys.METERS] = meters or Meters(database)
    if with_metrics:
        application.add_routes([monitor.METRICS])
    published_routes = published.routes(lambda: openapi.document(VIDISPINE), resources.schemas())
    application.add_routes(
        [
            *monitor.ROUTES,
            *published_routes,
            *vidispine_routes(),
            *mps.routes(),
            *arcgis_routes(),
            *azure_routes(azure_options),
            *queue_routes(),
        ]
    )
    application[keys.WRITE_JOB] = lambda job, as_xml: (xml if as_xml else json).write(
        job_document(site, job, metadata=True)
    )
    add_console(application)
    return application


class Telling:
    """What is told of jobs, to each receiver in the words of the face that it was defined by."""

    def __init__(self, site: str, uuids: Uuids, azure_options: azure.Options = azure.PLAIN) -> None:
        self._first = Composer(site)
        self._others = {MPS_FORM: Messages(uuids)}
        #: Says of each state of a job what its subscriptions want.
        self.teller = azure.Teller(uuids, azure_options)

    def compose(
        self, notification: Notification, change: Change, job: Job, request: NotificationRequest, sequence: int
    ) -> Sequence[tuple[str, str]]:
        """Return what is told of a change of a job, pair by pair."""
        form = self._others.get(notification.definition.action.form, self._first)
        return form.compose(notification, change, job, request, sequence)

    def webhooks(self, outbound: Outbound) -> Webhooks:
        """Return who calls the receivers."""
        others = {name: form.write for name, form in self._others.items()}
        return Webhooks(self._first.write, outbound, others)


def mps_options(settings: Settings) -> MpsOptions:
    """Return what the face of ApsaraVideo MPS has to know of the settings."""
    folder = settings.preset_dir
    # A server without a worker need not have the folder; its templates are not known then.
    known = None if folder is not None and not folder.is_dir() else frozenset(Presets.load(folder).tags)
    return MpsOptions(settings.roots, known, settings.mps_rate)


def azure_options(settings: Settings) -> azure.Options:
    """Return how the face of Azure Media Services writes."""
    return azure.Options(
        unit=1000 if settings.azure_durations == "milliseconds" else 1,
        base64=settings.azure_queue_text == "base64",
        camel=settings.azure_event_names == "both",
    )


async def _running(*parts: Feed | Tail | Waiting) -> AsyncIterator[None]:
    for part in parts:
        part.start()
    yield
    for part in parts:
        await part.stop()
