"""Small answers that clients ask for first: version, who am I, which job types there are."""

from __future__ import annotations

from importlib.metadata import version

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import Component, URIListDocument, VersionDocument
from vidijob.binding import text


async def job_types(call: Call) -> Answer:
    """GET /jobtype: the names of all job types (spec "List all job types")."""
    names = [kind.name for kind in await call.services.job_types.listing()]
    return Answer(lambda: URIListDocument(uri=tuple(names)), lambda: text.lines(names))


async def server_version(call: Call) -> Answer:
    """GET /version: which server this is (contract 1.8)."""
    number = version("vidijob")
    component = Component(name="vidijob", site_id=call.site, version=number)
    return Answer(lambda: VersionDocument(component=(component,)), lambda: number)


async def whoami(call: Call) -> Answer:
    """GET /whoami: the name of the user (contract 1.8)."""
    return Answer(text=lambda: call.user.name)
