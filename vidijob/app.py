"""The composition root: builds the parts of one process, starts them in order, stops them in the other. It knows
everybody and no rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Literal, Protocol

from vidijob import workshop
from vidijob.api.vidispine.routes import CALLBACK, PREFIX
from vidijob.application import LONGEST_LINE, Telling, azure_options, build_application, mps_options
from vidijob.binding import xsd
from vidijob.engine.accounts import Accounts
from vidijob.engine.arrivals import Arrivals
from vidijob.engine.bell import Bell
from vidijob.engine.cleaner import Cleaner
from vidijob.engine.configuration import Configuration
from vidijob.engine.counter import Counter
from vidijob.engine.first_user import ensure_first_user
from vidijob.engine.health import Health
from vidijob.engine.identities import Identities
from vidijob.engine.jobtypes import JobTypes
from vidijob.engine.metering import Meters, Samples
from vidijob.engine.notifier import Notifier
from vidijob.engine.reading import Reading
from vidijob.engine.remote_calls import RemoteCalls
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.scheduler import Scheduler
from vidijob.engine.scripts import Scripts
from vidijob.engine.sender import Sender
from vidijob.engine.sweeper import Sweeper
from vidijob.engine.trials import Trials
from vidijob.engine.uploads import Uploads
from vidijob.engine.vacancies import Vacancies
from vidijob.engine.watcher import Watcher
from vidijob.engine.webhook_secret import WebhookSecret
from vidijob.engine.worker import Worker
from vidijob.executors import plugins, shipped
from vidijob.executors.base import Executor
from vidijob.executors.http import HttpExecutor
from vidijob.executors.media import ffmpeg
from vidijob.executors.registry import Registry
from vidijob.executors.script.executor import ScriptExecutor, is_possible
from vidijob.executors.storage import Storage
from vidijob.jobs.resources import parse as parse_resources
from vidijob.observability import tracing
from vidijob.opening import open_database, patiently
from vidijob.settings import Settings
from vidijob.store.database import Database
from vidijob.web.listening import listen
from vidijob.web.monitor import build_monitor
from vidijob.web.outbound import Outbound
from vidijob.web.running import until_told

Role = Literal["api", "scheduler", "worker"]
ROLES: tuple[Role, ...] = ("api", "scheduler", "worker")
_API_CONNECTIONS = 10
_NOTIFIER_CONNECTIONS = 5
#: A request's statement is given up after so many seconds.
_API_LONGEST = 15.0


class Part(Protocol):
    """What runs until it is stopped."""

    def start(self) -> None:
        """Begin to run; returns at once."""

    async def stop(self) -> None:
        """End, and return when it has ended."""


class Server:
    """One process in one or several roles. ``start`` once, ``stop`` once.

    ``beside`` are roles that other processes of the same server have, on this machine and with these settings.
    """

    def __init__(self, settings: Settings, roles: Collection[Role] = ROLES, beside: Collection[Role] = ()) -> None:
        self._settings = settings
        self._roles = frozenset(roles)
        self._beside = frozenset(beside)
        self._stack = AsyncExitStack()
        #: Where the API can be reached, once it is started.
        self.address: str | None = None
        #: Whether it is known where, or that it is nowhere.
        self._addressed = asyncio.Event()
        #: The password of the first user, if this start made it up.
        self.first_password: str | None = None

    async def start(self) -> None:
        """Start every part; what was started is stopped again when one cannot be."""
        async with AsyncExitStack() as stack:
            await self._build(stack)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Take no more requests, hand back what runs, let go of the database."""
        await self._stack.aclose()

    async def _build(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        await stack.enter_async_context(tracing.sending(settings.otlp_endpoint))
        storage = Storage(settings.roots, workshop.remotes(settings) if "worker" in self._roles else None)
        plugged = plugins.load(storage)
        own = workshop.executors(settings, storage) if "worker" in self._roles else {}
        database = await open_database(stack, settings)
        await patiently(JobTypes(database).ship)
        bell = Bell(database)
        bell.start()
        stack.push_async_callback(bell.stop)
        samples = Samples(database)
        self._run(stack, samples)
        scheduler: Scheduler | None = None
        arrivals = Arrivals(database)
        if "scheduler" in self._roles:
            limit, ageing = settings.concurrent_jobs, settings.ageing_time
            scheduler = Scheduler(database, bell, concurrent_jobs=limit, ageing=ageing, told=samples.admitted)
            self._run(stack, scheduler)
            arrivals.led_by(scheduler)
            self._run(stack, Rescuer(database, bell, lambda: scheduler.leads))
            self._run(stack, Vacancies(database, bell, lambda: scheduler.leads))
            self._run(stack, Counter(database, lambda: scheduler.leads))
            self._run(stack, Sweeper(database, lambda: scheduler.leads))
            self._run(stack, Cleaner(database, lambda: scheduler.leads, keep_jobs=settings.keep_jobs_time))
            await self._notify(stack, database, bell)
        if "worker" in self._roles:
            calls = self._remote_calls(stack, database, bell)
            carried_out = (
                self._on_the_cluster(stack, calls, {**own, **plugged})
                if settings.engine == "dask"
                else {
                    **own,
                    "http": self._http_executor(stack, database, calls),
                    **self._script_executor(database),
                    **plugged,
                }
            )
            worker = Worker(
                database,
                bell,
                Registry(carried_out),
                slots=settings.slots,
                site=settings.site,
                offers=parse_resources(settings.offers),
                grace=timedelta(seconds=settings.grace),
                look_again=timedelta(seconds=settings.problem_interval),
                told=samples.begun,
            )
            self._run(stack, worker)
            if scheduler is not None:
                scheduler.employ(worker)
        if "api" in self._roles:
            # Connections of its own: however many ask for lists, the engine's heartbeats find one free.
            api_database = database.sibling(connections=_API_CONNECTIONS, longest=_API_LONGEST, name="api")
            await patiently(api_database.open)
            stack.push_async_callback(api_database.close)
            accounts = Accounts(api_database)
            self.first_password = await patiently(lambda: ensure_first_user(accounts, settings))
            reading = self._reading(stack, api_database)
            uploads = Uploads(api_database, storage, limit=settings.upload_limit << 20)
            self._run(stack, uploads)
            await self._serve(stack, api_database, bell, accounts, plugged, uploads, reading, arrivals)
        if settings.metrics_port:
            await listen(stack, build_monitor(Meters(database)), settings, settings.metrics_port, "--metrics-port")
        self._addressed.set()

    async def _notify(self, stack: AsyncExitStack, database: Database, bell: Bell) -> None:
        # Connections of its own: however much is to be told, the engine's heartbeats find one free.
        own = database.sibling(connections=_NOTIFIER_CONNECTIONS, longest=_API_LONGEST, name="notifier")
        await patiently(own.open)
        stack.push_async_callback(own.close)
        telling = await self._telling(own)
        self._run(stack, Sender(own, bell, telling.webhooks(self._outbound(stack, own)).deliver))
        self._run(stack, Notifier(own, bell, telling.compose))
        self._run(stack, Watcher(own, bell, telling.teller))

    async def _telling(self, database: Database) -> Telling:
        uuids = await patiently(Identities(database).uuids)
        return Telling(self._settings.site, uuids, azure_options(self._settings))

    def _reading(self, stack: AsyncExitStack, database: Database) -> Reading | None:
        url, bound = self._settings.read_database_url, timedelta(seconds=self._settings.read_staleness)
        if url is None:
            return None
        copy = Database(url.get_secret_value, connections=_API_CONNECTIONS, longest=_API_LONGEST, strict=True)
        self._run(stack, reading := Reading(database, copy, bound))
        return reading

    def _outbound(self, stack: AsyncExitStack, database: Database) -> Outbound:
        outbound = Outbound(_webhook_secret(database, self._settings).get, self._settings.networks)
        stack.push_async_callback(outbound.close)
        return outbound

    def _run(self, stack: AsyncExitStack, part: Part) -> None:
        part.start()
        stack.push_async_callback(part.stop)

    def _script_executor(self, database: Database) -> Mapping[str, Executor]:
        if not is_possible():
            return {}
        settings = self._settings

        def api() -> str | None:
            base = settings.api_url or self.address
            return base.rstrip("/") + PREFIX if base is not None else None

        scripts = Scripts(database, settings.site, api)
        return {"script": ScriptExecutor(scripts.recall, scripts.grant)}

    def _remote_calls(self, stack: AsyncExitStack, database: Database, bell: Bell) -> RemoteCalls:
        settings = self._settings

        async def address() -> str | None:
            # Steps may begin before the API does.
            await self._addressed.wait()
            base = settings.public_url or settings.api_url or self.address
            return base.rstrip("/") + CALLBACK if base is not None else None

        calls = RemoteCalls(database, bell, settings.site, address)
        # It looks for as long as the worker has steps, which is built after it and stopped before.
        self._run(stack, calls)
        return calls

    def _http_executor(self, stack: AsyncExitStack, database: Database, calls: RemoteCalls) -> Executor:
        return HttpExecutor(self._outbound(stack, database).call, calls)

    def _on_the_cluster(
        self, stack: AsyncExitStack, calls: RemoteCalls, carried_out: Mapping[str, Executor]
    ) -> Mapping[str, Executor]:
        cluster, placed = workshop.on_a_cluster(self._settings, calls, carried_out)
        self._run(stack, cluster)
        return placed

    async def _serve(
        self,
        stack: AsyncExitStack,
        database: Database,
        bell: Bell,
        accounts: Accounts,
        plugged: Mapping[str, Executor],
        uploads: Uploads,
        reading: Reading | None,
        arrivals: Arrivals,
    ) -> None:
        settings, telling = self._settings, await self._telling(database)
        # Otherwise the first document that is refused would wait for it.
        await asyncio.to_thread(xsd.load, "vidispine.xsd")
        application = build_application(
            database,
            bell,
            accounts,
            site=settings.site,
            public_url=settings.public_url,
            configuration=Configuration(
                database,
                bell,
                concurrent_jobs=settings.concurrent_jobs,
                cors_origins=settings.cors_origins,
                keep_jobs=settings.keep_jobs_time,
            ),
            health=_health(database, settings, self._roles | self._beside),
            executors={**shipped.METHODS, **{name: executor.methods for name, executor in plugged.items()}},
            webhook_secret=_webhook_secret(database, settings),
            uploads=uploads,
            with_metrics=not settings.metrics_port,
            reading=None if reading is None else lambda: reading.database,
            storage_root=settings.roots[0],
            trials=Trials(telling.compose, telling.webhooks(self._outbound(stack, database)).deliver),
            mps_options=mps_options(settings),
            azure_options=azure_options(settings),
            arrivals=arrivals,
        )
        self.address = await listen(
            stack, application, settings, settings.port, "--port", longest_line=LONGEST_LINE, drain=settings.drain
        )


def _health(database: Database, settings: Settings, roles: Collection[Role]) -> Health:
    """Return the tests of a server with these roles: files and ffmpeg are the business of one that works."""
    if "worker" not in roles:
        return Health(database)
    return Health(database, storage_roots=settings.roots, find_ffmpeg=ffmpeg.find)


def _webhook_secret(database: Database, settings: Settings) -> WebhookSecret:
    given = settings.webhook_secret
    return WebhookSecret(database, None if given is None else given.get_secret_value())


async def run(
    settings: Settings, roles: Collection[Role], announce: Callable[[Server], None], beside: Collection[Role] = ()
) -> None:
    """Run until SIGTERM or SIGINT; ``announce`` is called when everything has started. A second signal ends it at once."""
    server = Server(settings, roles, beside)
    await until_told(server, lambda: announce(server))
