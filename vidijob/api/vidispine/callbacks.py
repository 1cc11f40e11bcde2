"""What remote engines tell of the steps that they carry out (ours; ``vidijob/executors/http.py`` has the protocol)."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.jobs import remote

#: Below ``/APInoauth``.
PATH = "/step"


async def take(call: Call) -> Answer:
    """POST /APInoauth/step/{token}: progress, a line for the log, or the end; the token is the login."""
    reception = call.services.reception
    # Only who knows a token has anything read.
    await reception.require(call.path["token"])
    await reception.take(call.path["token"], remote.read_message(await call.text()))
    return Answer()
