"""Lets jobs wait whose steps no worker can take, and go on when one can. It works while its process leads.

A step that needs an executor or resources that no worker has would hold its job's slot for ever. After a minute it waits
for the problem ``NO_WORKER`` instead, which goes away by itself when such a worker comes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Ticker
from vidijob.errors import Invalid
from vidijob.jobs import resources
from vidijob.store import problems, steps, workers
from vidijob.store.database import Database
from vidijob.store.steps import Demand
from vidijob.store.workers import Worker

_log = logging.getLogger(__name__)

NO_WORKER = "NO_WORKER"
#: So long steps stay in the queue although nobody can take them: workers are restarted, too.
PATIENCE = timedelta(minutes=1)
_LOOK = 6.0


class Vacancies(Ticker):
    """Compares what queued steps need with what the workers offer."""

    def __init__(
        self, database: Database, bell: Bell, leads: Callable[[], bool], *, patience: timedelta = PATIENCE
    ) -> None:
        super().__init__("vacancies")
        self._database = database
        self._bell = bell
        self._leads = leads
        self._patience = patience.total_seconds()
        #: Since when nobody offers what is needed, by the data of the problem.
        self._since: dict[tuple[tuple[str, str], ...], float] = {}

    async def tick(self) -> float:
        """Let wait what nobody can take, and let go on what somebody can take now."""
        if not self._leads():
            self._since.clear()
            return _LOOK
        demands, known = await steps.demands(self._database), await problems.of_type(self._database, NO_WORKER)
        if not demands and not known:
            self._since.clear()
            return _LOOK
        staff = [worker for worker in await workers.listing(self._database) if not worker.drained]
        await self._strand([demand for demand in demands if not _somebody(staff, demand)])
        for problem, data in known:
            if _somebody(staff, _demand(data)):
                held = await problems.resolve(
                    self._database, problem, actor="scheduler", remark="a worker that can do it is there"
                )
                _log.info("%s %s is gone; %d jobs go on", NO_WORKER, dict(data), len(held))
                self._bell.ring("vidijob_job")
                self._bell.ring("vidijob_step")
        if known:
            # They were looked at: nobody else has to.
            await problems.due(self._database, [NO_WORKER], steps.CHECK_AGAIN, limit=1000)
        return _LOOK

    async def _strand(self, unmet: Sequence[Demand]) -> None:
        now = time.monotonic()
        names = {tuple(_data(demand).items()): demand for demand in unmet}
        self._since = {name: self._since.get(name, now) for name in names}
        for name, demand in names.items():
            if now - self._since[name] < self._patience:
                continue
            data = dict(name)
            needed = f" and offers {data['resources']}" if "resources" in data else ""
            reason = f"No worker has the executor {demand.executor}{needed}; start one that does."
            count = await steps.strand(self._database, demand, NO_WORKER, data, reason)
            if count:
                _log.warning("%d steps wait. %s", count, reason)
                self._bell.ring("vidijob_job")


def _somebody(staff: Sequence[Worker], demand: Demand) -> bool:
    return any(
        demand.executor in worker.executors and resources.fits(demand.needs, worker.resources) for worker in staff
    )


def _data(demand: Demand) -> dict[str, str]:
    data = {"executor": demand.executor}
    return data | {"resources": resources.in_words(demand.needs)} if demand.needs else data


def _demand(data: Mapping[str, str]) -> Demand:
    try:
        needs = resources.parse(data.get("resources", ""))
    except Invalid:
        # Not written by this program; nobody can offer that.
        needs = {data["resources"]: 1.0}
    return Demand(data.get("executor", ""), needs)
