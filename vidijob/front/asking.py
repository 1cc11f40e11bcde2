"""Asks several sites the same at once, and decides what is to be done where one does not answer, or answers otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from vidijob.front.sites import Reply, Site, SiteMissing

T = TypeVar("T")

#: Answers that say: not you, not here. Where other sites answer, the one that says so can be left out.
_DENIED = (401, 403)


class Refusal(Exception):
    """A site answered that it will not; that is what the client is told."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(f"{reply.site} answered {reply.status}")


class Answers(Generic[T]):
    """What the sites answered."""

    def __init__(self, answers: Sequence[tuple[Site, T]], missing: Sequence[str]) -> None:
        #: In the order of the sites.
        self.answers = tuple(answers)
        #: The names of those that are not among them.
        self.missing = tuple(missing)


async def of_all(sites: Sequence[Site], ask: Callable[[Site], Awaitable[T]], *, tolerant: bool) -> Answers[T]:
    """Ask all sites at once. Where one does not answer, or refuses: ``tolerant`` leaves out who is away, at fault or does not
    know the caller, as long as one answers; else what went wrong is raised, the refusal of a request before anything else.
    """
    asked = {site: asyncio.ensure_future(ask(site)) for site in sites}
    try:
        await asyncio.wait(asked.values(), return_when="ALL_COMPLETED" if tolerant else "FIRST_EXCEPTION")
    finally:
        for task in asked.values():
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)
    done = {site: task for site, task in asked.items() if not task.cancelled()}
    failed = {site: error for site, task in done.items() if (error := task.exception()) is not None}
    answers = [(site, task.result()) for site, task in done.items() if site not in failed]
    if failed and not (tolerant and answers and all(map(_can_be_left_out, failed.values()))):
        raise min(failed.values(), key=_urgency)
    return Answers(answers, [site.name for site in failed])


def _can_be_left_out(error: BaseException) -> bool:
    match error:
        case SiteMissing():
            return True
        case Refusal(reply=reply):
            return reply.status in _DENIED or reply.status >= 500
        case _:
            return False


def _urgency(error: BaseException) -> int:
    """Return 0 for a fault of ours, which is to be seen, then what the client can mend, then what passes."""
    match error:
        case SiteMissing():
            return 3
        case Refusal(reply=reply):
            return 1 if reply.status < 500 else 2
        case _:
            return 0
