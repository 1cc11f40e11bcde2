"""Runs one script of a task definition, in a process of its own: ``python -I child.py``.

Standard input holds the whole order as JSON; every line of standard output is JSON again: ``log``, ``logger``, and at the
end ``outcome``. Nothing of vidijob is imported. The script sees the objects of ``prelude.js`` and the language, no files, no
programs, no network but the server's own API. Its memory is limited by the engine, its time by the kernel and by whoever
started this process.
"""

from __future__ import annotations

import json
import resource
import sys
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import quickjs

_STACK = 1024 * 1024
#: What Python and the engine need besides the script.
_OVERHEAD = 512 * 1024 * 1024
_LONGEST_ANSWER = 16 * 1024 * 1024
_GRAVITY = ("done", "wait", "fail", "fatalFail")


class Order:
    """What the script is asked to do, what it has done so far, and what it may ask for."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._data: dict[str, list[str]] = given["data"]
        self._changes: dict[str, list[str] | None] = {}
        self._verdict = "done"
        self._reason = ""

    def answer(self, what: str, given: str) -> str:
        """Answer the prelude."""
        return json.dumps(getattr(self, f"_{what}")(*json.loads(given)))

    def outcome(self, error: str | None) -> dict[str, Any]:
        """Return how it ended; an error of the script itself counts as ``fail``, unless the script had decided."""
        if error is not None and self._verdict == "done":
            self._verdict, self._reason = "fail", error
        return {"verdict": self._verdict, "reason": self._reason, "data": self._changes}

    def _id(self) -> str:
        return str(self._given["job"])

    def _user(self) -> str:
        return str(self._given["user"])

    def _step(self) -> int:
        return int(self._given["step"])

    def _log(self, text: str) -> None:
        tell("log", text)

    def _logger(self, level: str, text: str) -> None:
        tell("logger", [level, text])

    def _keys(self) -> list[str]:
        return list(self._data)

    def _has(self, key: str) -> bool:
        return key in self._data

    def _get(self, key: str) -> str | None:
        return ",".join(self._data[key]) if key in self._data else None

    def _set(self, key: str, value: str) -> None:
        self._data[key] = [value]
        self._changes[key] = [value]

    def _delete(self, key: str) -> None:
        self._data.pop(key, None)
        self._changes[key] = None

    def _fail(self, reason: str) -> None:
        self._decide("fail", reason)

    def _fatalFail(self, reason: str) -> None:
        self._decide("fatalFail", reason)

    def _wait(self, reason: str) -> None:
        self._decide("wait", reason)

    def _decide(self, verdict: str, reason: str) -> None:
        # A script goes on after it has said so; the gravest word counts, of equal ones the last.
        if _GRAVITY.index(verdict) >= _GRAVITY.index(self._verdict):
            self._verdict, self._reason = verdict, reason

    def _api(self, asked: dict[str, Any]) -> dict[str, Any]:
        door = self._given["api"]
        if door is None:
            return {"error": "This worker knows no address of the API; whoever runs it sets --api-url."}
        try:
            return _send(_request(door, asked), _seconds(asked))
        except (OSError, ValueError) as error:
            return {"error": f"The API cannot be reached: {error}"}


def _request(door: dict[str, str], asked: dict[str, Any]) -> urllib.request.Request:
    path = "/".join(str(part).strip("/") for part in asked["path"])
    query = urllib.parse.urlencode([tuple(pair) for pair in asked["query"]], quote_via=urllib.parse.quote)
    # Only the path is the script's: it cannot name another host.
    url = f"{door['url']}/{urllib.parse.quote(path, safe='/;=,:@%')}" + (f"?{query}" if query else "")
    headers = {**dict(asked["headers"]), "Accept": asked["accept"], "Authorization": f"token {door['token']}"}
    if asked["type"] is not None:
        headers["Content-Type"] = asked["type"]
    if asked["user"] is not None and asked["password"] is not None:
        login = b64encode(f"{asked['user']}:{asked['password']}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    elif asked["user"] is not None:
        headers["RunAs"] = asked["user"]
    body = None if asked["body"] is None else asked["body"].encode()
    return urllib.request.Request(url, body, headers, method=asked["method"])


def _seconds(asked: dict[str, Any]) -> float:
    given = asked.get("timeout")
    return given / 1000 if isinstance(given, (int, float)) and 0 < given <= 60_000 else 60.0


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: the login is for this server."""


# No proxy of the environment either.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())


def _send(request: urllib.request.Request, seconds: float) -> dict[str, Any]:
    try:
        with _OPENER.open(request, timeout=seconds) as answer:
            return _read(answer)
    except urllib.error.HTTPError as answer:
        return _read(answer)


def _read(answer: Any) -> dict[str, Any]:
    body = answer.read(_LONGEST_ANSWER)
    return {
        "status": answer.status,
        "type": answer.headers.get_content_type(),
        "body": body.decode("utf-8", "replace"),
    }


def tell(what: str, said: object) -> None:
    """Write a line to whoever started this process."""
    sys.stdout.write(json.dumps({what: said}) + "\n")
    sys.stdout.flush()


def _limit(seconds: int, memory: int) -> None:
    """Let the kernel end what the engine does not: it takes no time limit beside functions of ours."""
    for kind, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory + _OVERHEAD),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # A limit that is lower already stays.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Run the script that standard input orders."""
    given = json.load(sys.stdin)
    order = Order(given)
    context = quickjs.Context()
    context.set_max_stack_size(_STACK)
    context.add_callable("__host", order.answer)
    context.eval(Path(__file__).with_name("prelude.js").read_text("utf-8") + "(__host); delete globalThis.__host;")
    context.eval(f"globalThis.checkProblem = {json.dumps(bool(given['check']))};")
    _limit(given["seconds"], given["memory"])
    context.set_memory_limit(given["memory"])
    error = None
    try:
        # A function, since scripts return; on the first line, so that line numbers are the script's own.
        context.eval("(function () {" + given["source"] + "\n})();")
        while context.execute_pending_job():
            pass
    except (quickjs.JSException, quickjs.StackOverflow) as raised:
        error = str(raised).strip()
    except MemoryError:
        error = "InternalError: out of memory"
    tell("outcome", order.outcome(error))


if __name__ == "__main__":
    main()
