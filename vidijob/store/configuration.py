"""What administrators configured, in the database; it does not know what it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vidijob.jobs.model import Priority
from vidijob.jobs.pools import Pool
from vidijob.store.database import Database, Session

Source = Database | Session


@dataclass(frozen=True, slots=True)
class Property:
    """A name with a value."""

    key: str
    value: str
    #: ``None`` for one that nobody set.
    changed_at: datetime | None


async def lock(session: Session) -> None:
    """Let no other change the limits until the transaction ends."""
    await session.rows("configuration.lock")


async def properties(source: Source) -> list[Property]:
    """Read all properties."""
    return [
        Property(row["key"], row["value"], row["changed_at"]) for row in await source.rows("configuration.properties")
    ]


async def set_property(source: Source, key: str, value: str) -> None:
    """Give a property a value."""
    await source.rows("configuration.set_property", key, value)


async def delete_property(source: Source, key: str) -> bool:
    """Take the value from a property; tells whether it had one."""
    return await source.value("configuration.delete_property", key) is not None


async def concurrent_jobs(source: Source) -> int | None:
    """Return how many jobs run at once, or ``None`` where no administrator has said so."""
    value = await source.value("configuration.concurrent_jobs")
    return None if value is None else int(value)


async def pools(source: Source) -> list[Pool]:
    """Read the job pools, the highest threshold first."""
    return [Pool(Priority(row["threshold"]), row["size"]) for row in await source.rows("configuration.pools")]


async def set_pool(session: Session, pool: Pool) -> None:
    """Make a job pool, or give it another size."""
    await session.rows("configuration.set_pool", pool.threshold.value, pool.size)


async def delete_pool(session: Session, threshold: Priority) -> bool:
    """Take a job pool out; tells whether there was one."""
    return await session.value("configuration.delete_pool", threshold.value) is not None


async def delete_pools(session: Session) -> None:
    """Take all job pools out."""
    await session.rows("configuration.delete_pools")


async def type_priorities(source: Source) -> dict[str, Priority]:
    """Read the default priorities of job types."""
    return {row["type"]: Priority(row["priority"]) for row in await source.rows("configuration.type_priorities")}


async def set_type_priority(session: Session, type: str, priority: Priority | None) -> None:
    """Give the jobs of a type another default priority; ``None``: the usual one."""
    if priority is None:
        await session.rows("configuration.delete_type_priority", type)
    else:
        await session.rows("configuration.set_type_priority", type, priority.value)


async def delete_type_priorities(source: Source) -> None:
    """Let the jobs of all types have the usual default priority."""
    await source.rows("configuration.delete_type_priorities")


async def document(source: Source, name: str) -> Any:
    """Read a document that is configured as a whole, or ``None``."""
    return await source.value("configuration.document", name)


async def set_document(source: Source, name: str, document: Any) -> None:
    """Configure a document as a whole."""
    await source.rows("configuration.set_document", name, document)


async def delete_document(source: Source, name: str) -> None:
    """Take a document out."""
    await source.rows("configuration.delete_document", name)


async def ensure_document(source: Source, name: str, document: Any) -> None:
    """Configure a document as a whole unless it is there."""
    await source.rows("configuration.ensure_document", name, document)
