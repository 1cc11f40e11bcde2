"""The HTTP server of one process: every face on the services of the engine. It knows no rule."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from aiohttp import web

from vidijob import resources
from vidijob.api.arcgis.routes import routes as arcgis_routes
from vidijob.api.vidispine.routes import FACE as VIDISPINE
from vidijob.api.vidispine.routes import routes as vidispine_routes
from vidijob.api.vidispine.translate.jobs import job_document
from vidijob.binding import json, xml
from vidijob.console.routes import add_to as add_console
from vidijob.engine.access_keys import AccessKeys
from vidijob.engine.accounts import Accounts
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
from vidijob.engine.metering import Meters
from vidijob.engine.notifications import Notifications
from vidijob.engine.problems import Problems
from vidijob.engine.queues import Queues
from vidijob.engine.records import Records
from vidijob.engine.remote_calls import Reception
from vidijob.engine.staff import Staff
from vidijob.engine.task_groups import TaskGroups
from vidijob.engine.traffic import Observer
from vidijob.engine.trials import Trials
from vidijob.engine.uploads import Uploads
from vidijob.engine.webhook_secret import WebhookSecret
from vidijob.executors import shipped
from vidijob.store.database import Database
from vidijob.web import cors, keys, middleware, monitor, openapi, published
from vidijob.web.kept import Kept

#: A body beyond this is refused with 413.
LARGEST_BODY = 10 * 1024 * 1024
#: So many bytes of documents of jobs that have ended are kept, that they need not be read and written again.
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
    meters: Meters | None = None,
    with_metrics: bool = True,
) -> web.Application:
    """Return the HTTP server with every face; ``executors`` are the beans that there are, with their methods, ``reading`` tells
    where lists and searches are read, ``with_metrics`` whether it tells its metrics on the same port.
    """
    application = web.Application(
        middlewares=[middleware.identify, cors.answer_preflights], client_max_size=LARGEST_BODY
    )
    application.on_response_prepare.append(cors.tell)
    job_types = JobTypes(database, executors)
    external_ids = ExternalIds(database, site)
    feed = Feed(database, bell)
    application.cleanup_ctx.append(lambda _: _running(feed))
    application[keys.SERVICES] = keys.Services(
        access_keys=AccessKeys(database),
        accounts=accounts,
        commands=Commands(database, bell, job_types.plans.of, site),
        configuration=configuration or Configuration(database, bell),
        feed=feed,
        groups=Groups(database, accounts),
        health=health or Health(database),
        history=History(database, site),
        identities=Identities(database),
        task_groups=TaskGroups(database, bell),
        insights=Insights(database, site, reading),
        job_types=job_types,
        external_ids=external_ids,
        notifications=Notifications(database, bell, external_ids, site),
        problems=Problems(database, bell, site),
        queues=Queues(database),
        records=Records(database),
        reception=Reception(database, bell),
        staff=Staff(database, bell),
        traffic=Observer(database),
        trials=trials or Trials(None, None),
        uploads=uploads or Uploads(database, None),
        webhook_secret=webhook_secret or WebhookSecret(database, None),
    )
    application[keys.KEPT] = Kept(KEPT_BYTES)
    application[keys.SITE] = site
    if storage_root is not None:
        application[keys.STORAGE_ROOT] = storage_root
    application[keys.PUBLIC_URL] = (public_url or "").rstrip("/")
    application[keys.METERS] = meters or Meters(database)
    if with_metrics:
        application.add_routes([monitor.METRICS])
    published_routes = published.routes(lambda: openapi.document(VIDISPINE), resources.schemas())
    application.add_routes([*monitor.ROUTES, *published_routes, *vidispine_routes(), *arcgis_routes()])
    application[keys.WRITE_JOB] = lambda job, as_xml: (xml if as_xml else json).write(
        job_document(site, job, metadata=True)
    )
    add_console(application)
    return application


async def _running(feed: Feed) -> AsyncIterator[None]:
    feed.start()
    yield
    await feed.stop()
