"""Whether receivers were told what they are to be told: of every end, each under one name however often. It is asked by every
run that has receivers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """A call that a receiver took."""

    job: str
    #: The name of the delivery, the same with every try.
    delivery: str


def never_told(ended: Collection[str], told: Iterable[Told]) -> set[str]:
    """Return the jobs whose end one receiver, who is to be told of all, was not told of."""
    return set(ended) - {call.job for call in told}


def breaches(ended: Collection[str], told: Collection[Told]) -> Iterator[str]:
    """Say what is wrong with what one receiver was told, who is to be told of every end."""
    for job in sorted(never_told(ended, told)):
        yield f"the end of job {job} was never told"
    names: defaultdict[str, set[str]] = defaultdict(set)
    for call in told:
        names[call.job].add(call.delivery)
    for job, known in sorted(names.items()):
        if job not in ended:
            yield f"the end of job {job} was told, and it has not ended"
        if len(known) > 1:
            yield f"the end of job {job} was told under {len(known)} names"
