"""What scripts need of the engine: the job of one that waits, and a login at this server's own API as the job's user."""

from __future__ import annotations

from collections.abc import Callable

from vidijob import access
from vidijob.executors.script.executor import Access, Task
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import StepNumber
from vidijob.store import steps, tokens
from vidijob.store.database import Database

#: A script's login lasts so long, in seconds; it is for one run.
_LOGIN = 3600


class Scripts:
    """For the workers of one process; ``api`` tells the URL of ``/API``, or ``None`` where none is known."""

    def __init__(self, database: Database, site: str, api: Callable[[], str | None]) -> None:
        self._database = database
        self._site = site
        self._api = api

    async def recall(self, job: str, step: int) -> Task | None:
        """Return the script of a step that waits, with its job as it is now; ``None`` when it waits no longer."""
        found = await steps.waiting_script(self._database, parse_job(self._site, job), StepNumber(step))
        if found is None:
            return None
        return Task(found.source, job, step, found.owner, found.data, found.metadata)

    async def grant(self, user: str) -> Access | None:
        """Return a login as a user; ``None`` for one who cannot log in any more, and where no URL is known."""
        url = self._api()
        if url is None:
            return None
        token = access.new_token()
        issued = await tokens.issue(self._database, access.token_digest(token), user, _LOGIN, auto_refresh=False)
        return Access(url, token) if issued else None
