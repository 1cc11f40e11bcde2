"""Steps that engines elsewhere carry out: where to, what they answer, what they tell meanwhile. Pure; the whole of the
protocol is in ``vidijob/executors/http.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import orjson

from vidijob.errors import Invalid
from vidijob.jobs.model import Progress

#: The executor that hands steps over.
EXECUTOR = "http"

Word = Literal["done", "retry", "fail", "wait"]
Changes = Mapping[str, Sequence[str] | None]

_WORDS: tuple[Word, ...] = ("done", "retry", "fail", "wait")
#: What is said for people is cut there.
_LONGEST_WORDS = 2000
_UNITS = ("percent", "bytes")
#: Seconds that a remote engine has when the definition says nothing.
_DEADLINE = 3600.0
_LONGEST_DEADLINE = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where a step goes to."""

    url: str
    #: Scheme, host and port of it, without anything that may be a secret.
    origin: str
    #: Seconds until its end must be known.
    deadline: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a call, read to its end."""

    status: int
    #: ``application/json``; empty where nothing was said.
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a remote engine says that a step ended."""

    word: Word
    reason: str | None = None
    #: Job data to set; ``None`` takes a key away.
    data: Changes = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as it is stored."""
        data = {key: None if values is None else list(values) for key, values in self.data.items()}
        return {"outcome": self.word, "reason": self.reason, "data": data}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Verdict:
        """Return one that was stored."""
        return cls(document["outcome"], document["reason"], document["data"])


@dataclass(frozen=True, slots=True)
class Message:
    """One call of a remote engine."""

    progress: Progress | None = None
    #: A line for the log.
    line: str | None = None
    verdict: Verdict | None = None


def check(metadata: Mapping[str, str]) -> None:
    """Raise ``Invalid`` for settings of a task definition that no step could use; what is missing may still come."""
    if "url" in metadata:
        _origin(metadata["url"])
    _deadline(metadata)


def target(metadata: Mapping[str, str]) -> Target:
    """Return where a step goes to; raises ``Invalid``."""
    if not metadata.get("url"):
        raise Invalid("url", "The task definition's metadata has no url: where the step is sent to.")
    return Target(metadata["url"], _origin(metadata["url"]), _deadline(metadata))


def read_answer(answer: Answer) -> Changes:
    """Return the job data that an answer sets; raises ``Invalid`` for one that says it is JSON and cannot be taken.

    What is no JSON sets nothing.
    """
    if answer.media_type != "application/json" or not answer.body.strip():
        return {}
    document = _object(answer.body)
    return _data(document["data"]) if document.get("data") is not None else {}


def read_message(body: bytes | str) -> Message:
    """Read what a remote engine tells; raises ``Invalid`` saying where and why not."""
    document = _object(body)
    known = ("progress", "log", "outcome", "reason", "data")
    for key in document:
        if key not in known:
            raise Invalid(key, f"A call-back knows no {key}; it knows {', '.join(known)}.")
    verdict = _verdict(document)
    progress = _progress(document["progress"]) if "progress" in document else None
    line = _text("log", document["log"])[:_LONGEST_WORDS] if "log" in document else None
    if verdict is None and progress is None and line is None:
        raise Invalid("body", "The call-back says nothing; give progress, log or outcome.")
    return Message(progress, line, verdict)


def _verdict(document: Mapping[str, Any]) -> Verdict | None:
    if "outcome" not in document:
        for key in ("reason", "data"):
            if key in document:
                raise Invalid(key, f"{key} goes with an outcome.")
        return None
    word = document["outcome"]
    if word not in _WORDS:
        raise Invalid("outcome", f"The outcome is one of {', '.join(_WORDS)}.", value=str(word)[:100])
    reason = document.get("reason")
    data = document.get("data")
    return Verdict(
        word,
        _text("reason", reason)[:_LONGEST_WORDS] if reason is not None else None,
        _data(data) if data is not None else {},
    )


def _progress(given: Any) -> Progress:
    if not isinstance(given, dict):
        raise Invalid("progress", 'Progress is an object: {"value": 40, "total": 100, "unit": "percent"}.')
    numbers = []
    for key in ("value", "total"):
        number = given.get(key)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < 1e18:
            raise Invalid(f"progress/{key}", f"The {key} of progress is a number that is not negative.")
        numbers.append(float(number))
    if given.get("unit") not in _UNITS:
        raise Invalid("progress/unit", f"The unit of progress is one of {', '.join(_UNITS)}.")
    return Progress(numbers[0], numbers[1], cast(str, given["unit"]))


def _data(given: Any) -> Changes:
    if not isinstance(given, dict):
        raise Invalid("data", 'Data is an object: {"key": "value", "keys": ["several", "values"], "old": null}.')
    changes: dict[str, list[str] | None] = {}
    for key, values in given.items():
        if not key.strip() or "\x00" in key:
            raise Invalid("data", "A key of job data is not empty, and without NUL.")
        if values is None:
            changes[key] = None
        else:
            changes[key] = [_value(key, value) for value in (values if isinstance(values, list) else [values])]
    return changes


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return _text(f"data/{key}", value)


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise Invalid(where, f"{where} is a text, without NUL.")
    return value


def _object(body: bytes | str) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid("body", f"The body is no JSON: {error}.") from None
    if not isinstance(document, dict):
        raise Invalid("body", "The body is a JSON object.")
    return document


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or any(sign <= " " or sign == "\x7f" for sign in url):
        # Not shown: it may hold a password.
        raise Invalid("url", "The url of a step begins with http:// or https:// and a host, and has no blanks.")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port is not None else "")


def _deadline(metadata: Mapping[str, str]) -> float:
    text = metadata.get("deadline")
    if text is None:
        return _DEADLINE
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST_DEADLINE:
        raise Invalid(
            "deadline",
            f"The deadline is a number of seconds, at most {_LONGEST_DEADLINE:.0f}.",
            value=text[:100],
        )
    return seconds
