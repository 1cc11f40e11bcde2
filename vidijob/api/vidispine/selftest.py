"""What clients ask before anybody has logged in: is the server there, and is it well (contract 1.8)."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import SelfTestDocument, URIListDocument
from vidijob.binding import text
from vidijob.engine.health import Finding, worst
from vidijob.errors import NotFound


async def is_online(call: Call) -> Answer:
    """GET /is-online: 200 when the server can serve, else 503."""
    await call.services.insights.alive()
    return Answer()


async def selftest(call: Call) -> Answer:
    """GET /selftest: how the server finds itself; tests named by ``exclude`` are left out."""
    excluded = set(call.parameters.list("exclude") or ())
    found = [one for one in await call.services.health.look() if one.name not in excluded]
    whole = SelfTestDocument(name="selftest", status=worst(found).value, test=tuple(_document(one) for one in found))
    return Answer(lambda: whole)


async def one_selftest(call: Call) -> Answer:
    """GET /selftest/{test}: what one test finds."""
    name = call.path["test"]
    found = next((one for one in await call.services.health.look() if one.name == name), None)
    if found is None:
        raise NotFound("SelfTest", name)
    return Answer(lambda: _document(found))


async def initialise(call: Call) -> Answer:
    """POST /APIinit: the database is brought to its schema by the server itself; this says that it is."""
    await call.services.insights.alive()
    return Answer(text=lambda: "The database is initialised.")


async def sites(call: Call) -> Answer:
    """GET /site: the only site there is, whichever type is asked for."""
    return Answer(lambda: URIListDocument(uri=(call.site,)), lambda: text.lines([call.site]))


def _document(found: Finding) -> SelfTestDocument:
    return SelfTestDocument(
        name=found.name,
        description=found.description,
        status=found.verdict.value,
        took=f"{found.seconds * 1000:.0f} ms",
        message=(found.message,) if found.message is not None else (),
    )
