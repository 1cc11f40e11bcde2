"""Ids as users know them: ``VX-80`` is the job 80 of the site VX (contract 6); and UUIDs, for faces whose ids are made of
them. Both are functions of the number alone: nothing is stored for them.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from uuid import UUID

from vidijob.errors import NotFound
from vidijob.jobs.model import JobId

_JOB = re.compile(r"(?:JOB-)?(?P<site>[A-Za-z_][A-Za-z0-9_]*)-(?P<number>[0-9]{1,32})")
_LARGEST = 2**63 - 1

#: A UUID has 122 bits of its own, in two halves of this many.
_HALF = 61
_MASK = (1 << _HALF) - 1
_ROUNDS = 6


class MalformedId(NotFound):
    """An id that no job can have."""


def site_of(text: str) -> str | None:
    """Return the site that the id of a job, or of something like it, is of; ``None``: it has not the form of one."""
    match = _JOB.fullmatch(text)
    return None if match is None else match["site"]


def job_name(site: str, job: JobId) -> str:
    """Return the id as users know it."""
    return f"{site}-{job}"


def parse_job(site: str, text: str) -> JobId:
    """Read a job's id, in the short or the full form; raises ``NotFound`` for what no job here can have as its id."""
    match = _JOB.fullmatch(text)
    if match is None:
        raise MalformedId("Job", text)
    place, digits = match.groups()
    number = int(digits)
    if place != site or not 0 < number <= _LARGEST:
        raise NotFound("Job", text)
    return JobId(number)


class Uuids:
    """UUIDs of numbers, there and back, by a secret key: 122 bits are shuffled by a Feistel network.

    A number takes up at most 80 of them and the rest are zero before, so that a UUID that was not made here is not taken
    for one, but for one in 2⁴²; and nobody can tell the neighbour of one that is known. They look like random ones
    (version 4), which is what other programs expect.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, number: int) -> UUID:
        """Return the UUID of a thing; ``kind`` keeps those of different things apart."""
        if not 0 <= number < 2**80:
            raise ValueError(f"{number} has more than 80 bits")
        left, right = number >> _HALF, number & _MASK
        for place in range(_ROUNDS):
            left, right = right, left ^ self._round(kind, place, right)
        bits = left << _HALF | right
        high, middle, low = bits >> 74, bits >> 62 & 0xFFF, bits & 2**62 - 1
        return UUID(int=high << 80 | 4 << 76 | middle << 64 | 2 << 62 | low)

    def number(self, kind: str, uuid: UUID) -> int | None:
        """Return the number of the thing that has a UUID; ``None``: nothing of this kind can have it."""
        if uuid.int >> 76 & 0xF != 4 or uuid.int >> 62 & 3 != 2:
            return None
        bits = (uuid.int >> 80) << 74 | (uuid.int >> 64 & 0xFFF) << 62 | uuid.int & 2**62 - 1
        left, right = bits >> _HALF, bits & _MASK
        for place in reversed(range(_ROUNDS)):
            left, right = right ^ self._round(kind, place, left), left
        number = left << _HALF | right
        return number if number < 2**80 else None

    def of_job(self, job: JobId) -> UUID:
        """Return the UUID of a job."""
        return self.of("job", job)

    def job(self, uuid: UUID) -> JobId | None:
        """Return the job that has a UUID, if one can have it; whether it is there is not known here."""
        number = self.number("job", uuid)
        return JobId(number) if number is not None and 0 < number <= _LARGEST else None

    def _round(self, kind: str, place: int, half: int) -> int:
        text = f"{kind}\n{place}\n{half}".encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=self._key).digest()) & _MASK
