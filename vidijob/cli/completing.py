"""What a shell is offered while somebody types: types and ids, from the server where one is named and answers at once."""

from __future__ import annotations

import asyncio

import aiohttp
import click
from click.shell_completion import CompletionItem

from vidijob.cli import profiles
from vidijob.cli.exits import Failure
from vidijob.cli.remote import Remote, Reply, talk

#: Nobody waits longer for an offer, in seconds.
_PATIENCE = aiohttp.ClientTimeout(total=1.5)
_MOST = "50"

Offers = list[CompletionItem]


def job_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> Offers:
    """Offer the newest jobs."""
    query = [("user", "false"), ("number", _MOST), ("sort", "jobId desc")]
    reply = _ask(context, "/job", query)
    jobs = reply.document.get("job", ()) if reply is not None else ()
    return [
        CompletionItem(one["jobId"], help=f"{one['type']} {one['status']}")
        for one in jobs
        if one["jobId"].startswith(incomplete)
    ]


def job_types(context: click.Context, parameter: click.Parameter, incomplete: str) -> Offers:
    """Offer the types of the server; those of this program where none answers."""
    from vidijob.jobs.catalogue import PAGES

    reply = _ask(context, "/jobtype", [])
    names = reply.document.get("uri", ()) if reply is not None else PAGES
    return [
        CompletionItem(name, help=PAGES[name].summary if name in PAGES else None)
        for name in names
        if name.startswith(incomplete.upper())
    ]


def data_keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> Offers:
    """Offer the keys that a shipped type takes."""
    from vidijob.jobs.catalogue import PAGES

    page = PAGES.get(str(context.params.get("type", "")).upper())
    takes = page.takes if page is not None else {}
    return [CompletionItem(f"{key}=", help=text) for key, text in takes.items() if key.startswith(incomplete)]


def problem_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> Offers:
    """Offer the problems there are."""
    reply = _ask(context, "/job/problem", [])
    problems = reply.document.get("problem", ()) if reply is not None else ()
    return [
        CompletionItem(str(one["id"]), help=one["type"]) for one in problems if str(one["id"]).startswith(incomplete)
    ]


def worker_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> Offers:
    """Offer the workers there are."""
    reply = _ask(context, "/worker", [])
    workers = reply.document.get("worker", ()) if reply is not None else ()
    return [
        CompletionItem(one["id"], help=f"{one['host']} {one['pid']}")
        for one in workers
        if one["id"].startswith(incomplete)
    ]


def _ask(context: click.Context, path: str, query: list[tuple[str, str]]) -> Reply | None:
    """Return the server's answer; ``None``: there is none that may be waited for."""
    named = {name: context.params.get(name) for name in ("url", "profile", "login")}
    try:
        server = profiles.chosen(**named)
        if server is None:
            return None

        async def get(remote: Remote) -> Reply:
            return await remote.call("GET", path, query=query)

        return asyncio.run(talk(server, get, _PATIENCE))
    except (Failure, click.UsageError):
        return None
