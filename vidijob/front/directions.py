"""Where a request goes: the table of the front. Pure; it knows no site and sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Way(Enum):
    """How a request is answered, unless it names a site: then it goes to that one."""

    #: By the site of an id in the path, or, where that is not one of ours, by whichever site knows it.
    BY_ID = "by id"
    #: By all sites, as one list of jobs.
    LIST = "list"
    #: By all sites, as one document.
    TOGETHER = "together"
    #: By the sites in their order, until one knows what is asked for.
    IN_TURN = "in turn"
    #: By the site of the jobs that a parameter names.
    BY_IDS = "by ids"
    #: Events: by the site of the jobs that a parameter names; where it names none, the site has to be said.
    FOLLOWED = "followed"
    #: A new job: by the site of the notification that it names, or the first.
    NEW = "new"
    #: By the first site.
    FIRST = "first"
    #: By none: each site has its own, and which one is to change has to be said.
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Direction:
    """Where a request goes."""

    way: Way
    #: The id that decides.
    id: str = ""


def direction(prefix: str, method: str, segments: Sequence[str]) -> Direction:
    """Return where a request below a prefix goes; HEAD goes where GET does."""
    method = "GET" if method == "HEAD" else method
    if prefix == "/APInoauth":
        return _open(method, segments)
    if prefix != "/API":
        return Direction(Way.TOGETHER if method == "POST" else Way.FIRST)
    match method, *segments:
        case ["GET", "job"] | ["PUT", "job", "search"]:
            return Direction(Way.LIST)
        case ["POST", "job"] | ["POST", "job", "bulk"] | ["POST", "import", "raw"]:
            return Direction(Way.NEW)
        case ["DELETE", "job"]:
            return Direction(Way.BY_IDS)
        case ["GET", "job", "events"]:
            return Direction(Way.FOLLOWED)
        case ["GET", "job", ("problem" | "notification")] | ["GET", "notification"]:
            return Direction(Way.TOGETHER)
        case ["GET", ("jobtype" | "site" | "version" | "worker" | "token")] | ["GET", "user", _, "token"]:
            return Direction(Way.TOGETHER)
        case ["POST" | "DELETE", "worker", id, *_]:
            return Direction(Way.IN_TURN, id)
        case [_, "job", "notification", id, *_] | [_, "notification", id, *_]:
            return Direction(Way.BY_ID, id)
        case [_, "job", ("problem" | "notification" | "search" | "bulk" | "events"), *_]:
            return _its_own(method)
        case [_, "job", id, *_]:
            return Direction(Way.BY_ID, id)
        case [_, ("user" | "group" | "configuration" | "task-group" | "task-definition" | "notification"), *_]:
            return _its_own(method)
        case _:
            # Small answers; and what no site knows, which the first one says.
            return Direction(Way.FIRST)


def _open(method: str, segments: Sequence[str]) -> Direction:
    match segments:
        case ["is-online"] if method == "GET":
            return Direction(Way.TOGETHER)
        case ["step", token]:
            return Direction(Way.IN_TURN, token)
        case _:
            return Direction(Way.FIRST)


def _its_own(method: str) -> Direction:
    return Direction(Way.FIRST if method in ("GET", "OPTIONS") else Way.NAMED)
