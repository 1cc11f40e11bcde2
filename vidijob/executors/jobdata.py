"""Reads what a job's data asks for. Clients write a key as ``key`` or with its type, ``key:String`` (contract 2.8)."""

from __future__ import annotations

from vidijob.errors import Invalid
from vidijob.jobs.model import JobData


def values(data: JobData, key: str) -> tuple[str, ...]:
    """Return all values of a key, in order; empty ones count for nothing."""
    return tuple(
        value for name, given in data.items() if name.partition(":")[0] == key for value in given if value != ""
    )


def some(data: JobData, key: str, wanted: str) -> tuple[str, ...]:
    """Return the values of a key that must have one; ``wanted`` says what it is for."""
    found = values(data, key)
    if not found:
        raise Invalid(key, f"The job has no {key}; give {wanted}.")
    return found


def single(data: JobData, key: str, wanted: str) -> str:
    """Return the only value of a key that must have exactly one."""
    found = some(data, key, wanted)
    if len(found) > 1:
        raise Invalid(key, f"The job has {len(found)} values of {key}; give one: {wanted}.")
    return found[0]


def optional(data: JobData, key: str) -> str | None:
    """Return the value of a key that may be there once."""
    found = values(data, key)
    if len(found) > 1:
        raise Invalid(key, f"The job has {len(found)} values of {key}; give at most one.")
    return found[0] if found else None


def flag(data: JobData, key: str) -> bool:
    """Return whether a key says ``true``; without it, it does not."""
    value = optional(data, key) or "false"
    if value.lower() not in ("true", "false"):
        raise Invalid(key, f"{key} is {value[:50]!r}; give true or false, or nothing.", value=value)
    return value.lower() == "true"
