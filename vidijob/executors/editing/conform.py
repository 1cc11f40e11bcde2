"""Reads from a job's data what CONFORM puts together.

Either ``sourceUri`` repeats, and with it, value by value, the keys that name a part (``cut.py``): as many of each as there are
sources, or none. Or ``segment`` repeats: JSON with the same keys, ``{"sourceUri": …, "firstFrame": 25, "lastFrame": 49}``, or
``{"gap": 1.5}``, so many seconds of black and silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.editing.lanes import Lanes, Part
from vidijob.executors.media import cut
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.storage import Storage, shown
from vidijob.jobs.model import JobData

_KEYS = (*cut.STARTS, *cut.ENDS)
_LONGEST_GAP = 86400


def lanes(data: JobData, storage: Storage) -> Lanes:
    """Return what the job wants, in order; raise ``Invalid`` for data that does not say it, ``Absent`` for a missing file."""
    orders = _segments(data) or _repeated(data)
    parts = [_part(order, storage) for order in orders]
    found = Lanes(parts, [parts])
    found.require_few("segment" if jobdata.values(data, "segment") else "sourceUri")
    return found


def first_name(data: JobData, storage: Storage) -> str:
    """Return what the result is named by, where it goes into a folder: the first source."""
    for order in _segments(data) or _repeated(data):
        if "sourceUri" in order:
            return storage.name(order["sourceUri"])
    raise Invalid("segment", "The job puts nothing but gaps together; name a file in a segment.")


def _repeated(data: JobData) -> list[Mapping[str, str]]:
    sources = jobdata.some(data, "sourceUri", "the files to be put together, in order, or segment")
    orders: list[dict[str, str]] = [{"sourceUri": uri} for uri in sources]
    for key in _KEYS:
        given = jobdata.values(data, key)
        if given and len(given) != len(sources):
            raise Invalid(
                key,
                f"The job has {len(sources)} values of sourceUri and {len(given)} of {key}; give one for each, in the same "
                "order, or write segment instead.",
            )
        for order, value in zip(orders, given, strict=False):
            order[key] = value
    return list(orders)


def _segments(data: JobData) -> list[Mapping[str, str]]:
    given = jobdata.values(data, "segment")
    if given and any(jobdata.values(data, key) for key in ("sourceUri", *_KEYS)):
        raise Invalid("segment", "The job has segment, which names sources and parts itself; leave out the other keys.")
    return [_segment(place, text) for place, text in enumerate(given, 1)]


def _segment(place: int, text: str) -> Mapping[str, str]:
    name = f"The segment number {place}"
    try:
        order = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("segment", f"{name} is {shown(text)}, which is not JSON.", value=text[:100]) from None
    if not isinstance(order, dict):
        raise Invalid("segment", f"{name} must be a JSON object.", value=text[:100])
    for key, value in order.items():
        if key not in ("sourceUri", "gap", *_KEYS):
            raise Invalid(
                "segment", f"{name} has the unknown key {shown(key)}; it may have sourceUri, gap, {', '.join(_KEYS)}."
            )
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise Invalid("segment", f"{name} must give {key} as a text or a number.")
    if ("gap" in order) == ("sourceUri" in order) or ("gap" in order and len(order) > 1):
        raise Invalid("segment", f"{name} must have either sourceUri, with a part of it, or nothing but gap.")
    return {key: str(value) for key, value in order.items() if value != ""}


def _part(order: Mapping[str, str], storage: Storage) -> Part:
    if "gap" in order:
        seconds = cut.time("gap", order["gap"])
        if not 0 < seconds <= _LONGEST_GAP:
            raise Invalid("gap", f"gap is {shown(order['gap'])}; give seconds, more than none and at most a day's.")
        return Part("a gap", None, partial(_cut, {}), seconds)
    uri = order["sourceUri"]
    data = {key: [value] for key, value in order.items() if key in _KEYS}
    return Part(storage.name(uri), storage.source(uri), partial(_cut, data))


def _cut(data: JobData, info: MediaInfo) -> Cut:
    return cut.find(data, info) or cut.of(info, "", "", "", "")
