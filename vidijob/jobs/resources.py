"""What steps need of a worker and what workers offer: ``gpu=1,ram=16,label:studio``. Pure rules.

An amount is used up while a step runs that needs it; a label is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from vidijob.errors import Invalid

#: Name → amount; of a label, ``label:…``, 1.
Resources = Mapping[str, float]

#: The key of a task definition's metadata.
KEY = "resources"
_LABEL = "label:"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MOST = 1e9


def parse(text: str, name: str = KEY) -> dict[str, float]:
    """Read what is needed or offered; raises ``Invalid`` with the name of the parameter."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part.startswith(_LABEL):
            key, amount = part, 1.0
            label = part.removeprefix(_LABEL)
        else:
            label, _, number = (piece.strip() for piece in part.partition("="))
            key, amount = label, _amount(number)
        if not _NAME.fullmatch(label) or not 0 < amount <= _MOST or key in found:
            raise Invalid(name, "It is a list like gpu=1,ram=16,label:studio, each name once.", value=text[:100])
        found[key] = amount
    return found


def needs(metadata: Mapping[str, str]) -> dict[str, float]:
    """Return what a step needs, by its definition's metadata; raises ``Invalid``."""
    return parse(metadata.get(KEY, ""))


def fits(needed: Resources, offered: Resources) -> bool:
    """Tell whether somebody who offers this can take what needs that."""
    return all(offered.get(key, 0) >= amount for key, amount in needed.items())


def left(offered: Resources, used: Iterable[Resources]) -> dict[str, float]:
    """Return what is still free of what is offered."""
    rest = dict(offered)
    for one in used:
        for key, amount in one.items():
            if not key.startswith(_LABEL):
                rest[key] = rest.get(key, 0) - amount
    return rest


def in_words(resources: Resources) -> str:
    """Write it as it is read."""
    return ",".join(
        key if key.startswith(_LABEL) else f"{key}={amount:.12g}" for key, amount in sorted(resources.items())
    )


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number
