"""The workers as operators see them: who is there, what each holds, and who is to take no more. It knows no HTTP."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from vidijob.access import User
from vidijob.engine.bell import Bell
from vidijob.engine.worker import PRESENCE
from vidijob.errors import NotFound
from vidijob.jobs.model import WorkerId
from vidijob.jobs.resources import Resources
from vidijob.store import workers
from vidijob.store.database import Database
from vidijob.store.workers import Holding, Worker

_log = logging.getLogger(__name__)

#: A worker may be so late before it is taken for lost.
_SILENT = timedelta(seconds=PRESENCE + 10)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker and what it holds."""

    worker: Worker
    holdings: Sequence[Holding]

    @property
    def lost(self) -> bool:
        """Tell whether it is gone without a word: its steps were taken from it, or it is overdue to say that it is there."""
        return self.worker.vanished or self.worker.silent > _SILENT

    @property
    def used(self) -> Resources:
        """What its steps use up of what it offers."""
        used: Counter[str] = Counter()
        for holding in self.holdings:
            used.update(holding.needs)
        return used


class Staff:
    """All workers on this database."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def listing(self) -> list[Member]:
        """Return the workers that were heard of in the last minutes, the oldest first."""
        held: defaultdict[WorkerId, list[Holding]] = defaultdict(list)
        found = await workers.listing(self._database)
        for one in await workers.holdings(self._database):
            held[one.worker].append(one)
        return [Member(worker, held[worker.id]) for worker in found]

    async def drain(self, user: User, text: str, drained: bool = True) -> None:
        """Tell a worker to finish what it has and take no more, or to take steps again; raises ``NotFound``."""
        try:
            worker = WorkerId(UUID(text))
        except ValueError:
            raise NotFound("Worker", text) from None
        if not await workers.drain(self._database, worker, drained):
            raise NotFound("Worker", text)
        _log.info("%s %s the worker %s", user.name, "drained" if drained else "resumed", worker)
        self._bell.ring("vidijob_worker")
