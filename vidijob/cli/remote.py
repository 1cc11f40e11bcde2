"""A server as the commands see it: HTTP, as any client does it. What is refused becomes a sentence and an exit code."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import click
from yarl import URL

from vidijob.cli.exits import Exit, Failure
from vidijob.cli.profiles import Server

T = TypeVar("T")
Query = Iterable[tuple[str, str]]

JSON, XML, TEXT = "application/json", "application/xml", "text/plain"
_TIMEOUT = aiohttp.ClientTimeout(total=120, connect=10)
#: Before a call that had no answer is repeated, in seconds: it doubles.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class Unanswered(Failure):
    """The server does not answer, or says that it cannot now."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Exit.UNREACHABLE, sentence)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Remote:
    """One server, logged in."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    @property
    def url(self) -> str:
        """Where it is."""
        return self._server.url

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: object = None,
        text: str | None = None,
        accept: str = JSON,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> Reply:
        """Send a request; raises ``Failure`` for what is refused.

        One without an answer is repeated for ``patience`` seconds, which is only for what may be done twice.
        """
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + patience, _FIRST_PAUSE
        while True:
            try:
                return await self._call(method, path, query, body, text, accept, headers or {})
            except Unanswered:
                if loop.time() + pause > end:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _call(
        self,
        method: str,
        path: str,
        query: Query,
        body: object,
        text: str | None,
        accept: str,
        headers: Mapping[str, str],
    ) -> Reply:
        pairs = list(query)
        url = f"{self.url}/API{path}" + (f"?{urlencode(pairs, quote_via=quote)}" if pairs else "")
        sent = {"Accept": accept, **self._login(), **headers}
        data = text.encode() if text is not None else json.dumps(body).encode() if body is not None else None
        if data is not None:
            sent["Content-Type"] = TEXT if text is not None else JSON
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=data, headers=sent, allow_redirects=False
            ) as answer:
                reply = Reply(answer.status, await answer.read(), answer.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
            raise Unanswered(
                f"The server {self.url} ({self._server.source}) does not answer: {why}. Is it running, and the address right?"
            ) from None
        if reply.status >= 300 and reply.status != 304:
            raise self._failure(reply)
        return reply

    def _login(self) -> dict[str, str]:
        server = self._server
        if server.token:
            return {"Authorization": f"Bearer {server.token}"}
        if server.user is not None and server.password is not None:
            return {"Authorization": aiohttp.encode_basic_auth(server.user, server.password)}
        return {}

    def _failure(self, reply: Reply) -> Failure:
        said = _said(reply)
        match reply.status:
            case 401:
                return Failure(
                    Exit.DENIED,
                    f"The server {self.url} does not take the login: {said} Set VIDIJOB_USER and VIDIJOB_PASSWORD, or "
                    "VIDIJOB_TOKEN, or correct the profile.",
                )
            case 403:
                return Failure(
                    Exit.DENIED,
                    f"{said} An administrator gives it with: vidijob user grant {self._server.user or 'NAME'} ROLE",
                )
            case 404:
                return Failure(Exit.NOT_FOUND, f"{said} (The server is {self.url}.)")
            case 503 | 502 | 504:
                return Unanswered(f"The server {self.url} cannot do it now: {said}")
            case status if 300 <= status < 400:
                where = reply.headers.get("Location", "elsewhere")
                return Failure(Exit.FAULT, f"The server {self.url} sends on to {where}: give that address.")
            case status if status >= 500:
                return Failure(Exit.FAULT, f"The server {self.url} could not do it ({status}): {said}")
            case _:
                return Failure(Exit.FAULT, said)


def _said(reply: Reply) -> str:
    """Return what an answer that refuses says, in a sentence."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return f"it answered {reply.status}."
    for kind, about in document.items():
        if not isinstance(about, dict):
            continue
        if kind == "notFound":
            return str(about.get("context") or f"There is no {about.get('type', 'thing')} {about.get('id', '')}") + "."
        words = about.get("explanation") or about.get("message")
        if words:
            value = f" (It was {about['value']!r}.)" if about.get("value") else ""
            return f"{words}{value}"
    return f"it answered {reply.status}."


def part(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def ask(server: Server, act: Callable[[Remote], Awaitable[T]]) -> T:
    """Do something with a server, logged in; the password is asked for where there is a terminal and it is not given."""
    if server.user is not None and server.password is None and server.token is None:
        words = f"Password of {server.user} at {server.url}"
        password = click.prompt(words, hide_input=True, err=True)
        server = Server(server.url, server.user, password, None, server.ca, server.source)
    return asyncio.run(talk(server, act))


async def talk(server: Server, act: Callable[[Remote], Awaitable[T]], timeout: aiohttp.ClientTimeout = _TIMEOUT) -> T:
    """Do something with a server."""
    try:
        trusted = ssl.create_default_context(cafile=server.ca)
    except OSError as error:
        raise Failure(Exit.USAGE, f"The certificates {server.ca} cannot be read: {error}.") from None
    connector = aiohttp.TCPConnector(ssl=trusted)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session:
        return await act(Remote(server, session))
