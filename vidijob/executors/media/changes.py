"""Compares what is known of a media file with what was known before. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from vidijob.errors import Invalid

#: Numbers are alike when they differ by no more than this part of themselves: other readers round.
_ALIKE = 1e-3
_LONGEST = 1_000_000
_DEEPEST = 10
#: Said of a fact that there is, or was, not.
_MISSING = None

Change = dict[str, Any]


def parse(text: str, key: str) -> dict[str, Any]:
    """Read what was known before: a JSON object like ``mediaInfo``; facts that it does not name are not compared."""
    try:
        known = json.loads(text, parse_float=_finite, parse_constant=_finite) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        known = None
    streams = known.get("streams", []) if isinstance(known, dict) and _is_shallow(known, _DEEPEST) else None
    if not isinstance(streams, list) or not all(isinstance(stream, dict) for stream in streams):
        raise Invalid(key, f"{key} must be a JSON object as mediaInfo has it, of at most a million characters.")
    assert isinstance(known, dict)
    return known


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    """Return the facts that are named in ``before`` and are others now.

    Each is ``{"fact": "video[0].width", "was": 1920, "is": 1280}``. Streams are told apart by their kind and their place
    among those of the kind: a sound track more moves no picture.
    """
    found = list(_differences("", _without(before), _without(now)))
    old, new = _by_place(before), _by_place(now)
    for name, facts in old.items():
        if name in new:
            found += _differences(f"{name}.", facts, new[name])
        else:
            found.append({"fact": name, "was": facts.get("codec", "there"), "is": _MISSING})
    compared = {name.partition("[")[0] for name in old}
    # The short form of mediaInfo knows only of picture and sound.
    for name, facts in new.items():
        if "streams" in before and name not in old and name.partition("[")[0] in compared | {"video", "audio"}:
            found.append({"fact": name, "was": _MISSING, "is": facts.get("codec", "there")})
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number that JSON has")
    return number


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    return levels > 0 and all(
        _is_shallow(one, levels - 1) for one in (value.values() if isinstance(value, dict) else value)
    )


def _without(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != "streams"}


def _by_place(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    seen: Counter[str] = Counter()
    found = {}
    for stream in facts.get("streams", []):
        kind = str(stream.get("kind", "stream"))
        found[f"{kind}[{seen[kind]}]"] = stream
        seen[kind] += 1
    return found


def _differences(prefix: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[Change]:
    # A stream's index in its file says nothing about it.
    for name, was in before.items():
        if name != "index" and not _alike(was, now.get(name, _MISSING)):
            yield {"fact": prefix + name, "was": was, "is": now.get(name, _MISSING)}


def _alike(was: Any, now: Any) -> bool:
    if _is_number(was) and _is_number(now):
        whole = isinstance(was, int) and isinstance(now, int)
        return bool(was == now) if whole else math.isclose(float(was), float(now), rel_tol=_ALIKE, abs_tol=_ALIKE)
    return bool(was == now)


def _is_number(value: Any) -> bool:
    # An integer of hundreds of digits is none that a file has, and none that can be reckoned with.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
