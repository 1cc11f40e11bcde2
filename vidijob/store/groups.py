"""Groups of users in the database; it does not know what a role allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.store.database import Database, Session


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group with who is in it."""

    name: str
    description: str | None
    #: What its members may do by it.
    roles: tuple[str, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holders:
    """Who was given a role."""

    members: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


async def listing(source: Database | Session, names: Sequence[str] | None = None) -> list[StoredGroup]:
    """Read groups, by name."""
    return [
        StoredGroup(row["name"], row["description"], tuple(row["roles"]), tuple(row["members"]))
        for row in await source.rows("group.list", None if names is None else list(names))
    ]


async def role_holders(source: Database | Session) -> dict[str, Holders]:
    """Read who was given which role."""
    return {
        row["role"]: Holders(tuple(row["members"] or ()), tuple(row["groups"] or ()))
        for row in await source.rows("group.role_holders")
    }


async def put(session: Session, name: str) -> bool:
    """See to it that there is a group; tells whether there was none."""
    return bool(await session.value("group.put", name))


async def describe(session: Session, name: str, description: str | None) -> bool:
    """Say what a group is for; tells whether there is such a group."""
    return await session.value("group.describe", name, description) is not None


async def delete(session: Session, name: str) -> bool:
    """Take a group out; tells whether there was one."""
    return await session.value("group.delete", name) is not None


async def join(session: Session, group: str, accounts: Sequence[str]) -> set[str]:
    """Put users into a group that is there; returns those that are known."""
    return {row["name"] for row in await session.rows("group.join", group, list(accounts))}


async def leave(session: Session, group: str, accounts: Sequence[str]) -> None:
    """Take users out of a group."""
    await session.rows("group.leave", group, list(accounts))


async def empty(session: Session, group: str) -> None:
    """Take all users out of a group."""
    await session.rows("group.empty", group)


async def leave_all(session: Session, account: str) -> None:
    """Take a user out of all groups."""
    await session.rows("group.leave_all", account)


async def grant(session: Session, group: str, role: str) -> None:
    """Give a role to the members of a group that is there."""
    await session.rows("group.grant", group, role)


async def revoke(session: Session, group: str, role: str) -> None:
    """Take a role from the members of a group."""
    await session.rows("group.revoke", group, role)
