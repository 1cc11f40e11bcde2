"""Hands a step over to an engine elsewhere, by a call of its URL: ``bean`` is ``http``, ``method`` is ``post``. The
definition's metadata says where to (``url``) and how long it may take (``deadline``, in seconds, an hour if nothing is said).

The call is a POST of JSON::

    {"job": "VX-80", "step": 100, "attempt": 4711, "user": "admin", "data": {key: [value, …]}, "callback": URL}

``attempt`` is a number that no other attempt has, and ``Idempotency-Key`` names the attempt as well: the same call may come
twice when a connection breaks. ``Vidijob-Signature`` is ``sha256=`` and the HMAC-SHA256, in hex, of ``Vidijob-Timestamp``, a dot
and the body, with the secret of the settings (``--webhook-secret``). Redirections are not followed; addresses that
are not public must be allowed (``--webhook-networks``). What is answered counts so:

============================  =====================================================================================
2xx but 202                   done; the body may be JSON: ``{"data": {key: value | [value, …] | null}}`` sets job data
202                           the engine has taken the step over and calls back
408, 425, 429, other 5xx      tried again, as the definition's ``retries`` say; so when the connection breaks
502, 503, 504, no connection  the job waits (``REMOTE_UNAVAILABLE``) until the host answers with less than 502
anything else                 failed
============================  =====================================================================================

After 202 the job is VIDINET_JOB. The engine POSTs JSON objects to the ``callback``, which needs no login: who has it may tell
of this one attempt. An object has at least one of these, and may have all::

    "progress": {"value": 40, "total": 100, "unit": "percent"}      or "bytes"; the last one counts
    "log": "…"                                                      a line for the job's log
    "outcome": "done" | "retry" | "fail" | "wait"                   the end; with "reason": "…" and "data": {…}, as above

The first outcome counts; what is told after it is answered with 200 and changes nothing, for some minutes. ``retry`` and
``fail`` are what they are of any step; ``wait`` lets the job wait as above, for about a minute if the host answers. A body that
cannot be taken is answered with 400 and why; 503 may be sent again. 404 says that the attempt is over: the job was
aborted, the deadline or the step's ``timeout`` has passed, or the worker has vanished; then another attempt may
have been POSTed, with another ``callback``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, assert_never

import orjson

from vidijob.errors import Invalid, NoAnswer, NotReady, Unreachable
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, Wait
from vidijob.jobs import remote
from vidijob.jobs.remote import Answer, Target, Verdict

#: The problem that an engine is, which cannot be reached.
REMOTE_UNAVAILABLE = "REMOTE_UNAVAILABLE"

_ACCEPTED = 202
_AWAY = (502, 503, 504)
_AGAIN = (408, 425, 429)
_WORDS = 300
#: Seconds for a look whether a host is there again.
_LOOK = 10.0


class Call(Protocol):
    """Calls somebody else's server."""

    async def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Call once, signed if there is a body.

        Raises ``Unreachable`` without a connection, ``NoAnswer`` when it broke or was silent for too long, ``Invalid``
        for an address that must not be called.
        """


class Callback(Protocol):
    """The way in which an engine tells of one attempt; what it tells but the end goes to the step by itself."""

    @property
    def url(self) -> str | None:
        """Where it calls back; ``None`` where this worker knows no address of the API."""

    def taken_over(self) -> None:
        """Tell that the engine has taken the step over."""

    async def verdict(self) -> Verdict:
        """Wait until the engine says how the step ended."""


class Callbacks(Protocol):
    """Makes them."""

    def open(self, step: StepContext) -> AbstractAsyncContextManager[Callback]:
        """Return one, for as long as the attempt lasts; raises ``Unavailable``."""


class HttpExecutor:
    """Hands steps over to engines that are called by HTTP."""

    methods = frozenset({"post"})
    short: frozenset[str] = frozenset()
    problems = frozenset({REMOTE_UNAVAILABLE})

    def __init__(self, call: Call, callbacks: Callbacks) -> None:
        self._call = call
        self._callbacks = callbacks

    async def run(self, step: StepContext) -> Outcome:
        """Hand a step over, and wait for its end."""
        try:
            target = remote.target(step.metadata)
        except Invalid as error:
            return Fail(str(error))
        try:
            async with asyncio.timeout(target.deadline), self._callbacks.open(step) as callback:
                return await self._hand_over(step, target, callback)
        except TimeoutError:
            return Retry(f"{target.origin} did not say within {target.deadline:g} s how the step ended.")
        except Unreachable as error:
            return _wait(target, str(error))
        except NotReady as error:
            return Retry(str(error))
        except Invalid as error:
            return Fail(str(error))

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether a host answers again; also when it can never be called, which the step then says."""
        if "url" not in data:
            # A place of files, which others look after.
            return False
        try:
            answer = await self._call("HEAD", data["url"], headers={}, body=None, seconds=_LOOK)
        except (Unreachable, NoAnswer):
            return False
        except Invalid:
            return True
        return answer.status < min(_AWAY)

    async def _hand_over(self, step: StepContext, target: Target, callback: Callback) -> Outcome:
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{step.job}-{step.step}-{step.lease}",
        }
        body = _order(step, callback.url)
        answer = await self._call("POST", target.url, headers=headers, body=body, seconds=target.deadline)
        if answer.status != _ACCEPTED:
            return _judged(answer, target)
        if callback.url is None:
            return Fail(f"{target.origin} is to call back, and this worker knows no address for it; set --public-url.")
        callback.taken_over()
        return _of(await callback.verdict(), target)


def _order(step: StepContext, callback: str | None) -> bytes:
    return orjson.dumps(
        {
            "job": step.job,
            "step": step.step,
            "attempt": step.lease,
            "user": step.user,
            "data": {key: list(values) for key, values in step.data.items()},
            "callback": callback,
        }
    )


def _judged(answer: Answer, target: Target) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Done(remote.read_answer(answer))
    said = f"{target.origin} answered {status}" + _words(answer)
    if status in _AWAY:
        return _wait(target, said)
    if status >= 500 or status in _AGAIN:
        return Retry(said)
    if 300 <= status < 400:
        return Fail(f"{target.origin} answered {status}; redirections are not followed.")
    return Fail(said)


def _of(verdict: Verdict, target: Target) -> Outcome:
    match verdict.word:
        case "done":
            return Done(verdict.data)
        case "retry":
            return Retry(verdict.reason or f"{target.origin} asks for another try.", verdict.data)
        case "fail":
            return Fail(verdict.reason or f"{target.origin} says that the step failed.", verdict.data)
        case "wait":
            return _wait(target, verdict.reason or f"{target.origin} asks to wait.", verdict.data)
    assert_never(verdict.word)


def _wait(target: Target, reason: str, changes: remote.Changes | None = None) -> Wait:
    return Wait(REMOTE_UNAVAILABLE, {"url": target.origin}, reason, changes or {})


def _words(answer: Answer) -> str:
    words = " ".join(answer.body[: 4 * _WORDS].decode("utf-8", "replace").split())
    return f": {words[:_WORDS]}" if words else "."
