"""Users and their roles, as rows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from vidijob.store import users
from vidijob.store.database import Database
from vidijob.store.users import Account

#: Names that a careless statement would trip over.
NAMES = [
    "admin",
    "O'Brien",
    "a.b@example.org",
    "jürgen",
    "用户🔑",
    '"; DROP TABLE account; --',
    "%",
    "_",
    "\\",
    "x" * 100,
]


async def summary(database: Database) -> dict[str, tuple[str, ...]]:
    return {account.name: account.roles for account in await users.listing(database)}


async def test_at_first_there_is_nobody(database: Database) -> None:
    assert await users.listing(database) == []
    assert await users.find(database, "admin") is None


@pytest.mark.parametrize("name", NAMES)
async def test_a_user_is_found_by_exactly_its_name(database: Database, name: str) -> None:
    assert await users.add(database, name, "hash", ["_job_write", "_job_read"])
    assert await users.find(database, name) == Account(name, "hash", frozenset({"_job_read", "_job_write"}))
    for other in (name.upper() + "x", name + " ", name[:-1], ""):
        assert await users.find(database, other) is None


async def test_the_list_is_in_the_order_of_names_and_tells_roles_and_age(database: Database) -> None:
    for name, roles in (("b", ["z", "a"]), ("a", []), ("c", ["one"])):
        await users.add(database, name, "hash", roles)
    accounts = await users.listing(database)
    assert [(account.name, account.roles) for account in accounts] == [("a", ()), ("b", ("a", "z")), ("c", ("one",))]
    assert all(abs(datetime.now(UTC) - account.created_at) < timedelta(minutes=5) for account in accounts)


async def test_a_name_is_given_once_and_the_second_changes_nothing(database: Database) -> None:
    assert await users.add(database, "a", "first", ["one"])
    assert not await users.add(database, "a", "second", ["two"])
    assert await users.find(database, "a") == Account("a", "first", frozenset({"one"}))


async def test_of_many_at_once_one_makes_the_user(database: Database) -> None:
    made = await asyncio.gather(*(users.add(database, "a", f"hash {n}", [f"role {n}"]) for n in range(8)))
    assert made.count(True) == 1
    n = made.index(True)
    assert await users.find(database, "a") == Account("a", f"hash {n}", frozenset({f"role {n}"}))


async def test_a_password_is_changed_for_one_user_alone(database: Database) -> None:
    await users.add(database, "a", "hash", ["one"])
    await users.add(database, "b", "hash", [])
    assert await users.set_password(database, "a", "other")
    assert await users.find(database, "a") == Account("a", "other", frozenset({"one"}))
    assert await users.find(database, "b") == Account("b", "hash", frozenset())


async def test_roles_are_granted_and_revoked_once_or_twice(database: Database) -> None:
    await users.add(database, "a", "hash", ["one"])
    await users.add(database, "b", "hash", ["one", "two"])
    for _ in range(2):
        assert await users.grant(database, "a", ["two", "three"])
        assert await summary(database) == {"a": ("one", "three", "two"), "b": ("one", "two")}
    for _ in range(2):
        assert await users.revoke(database, "a", ["one", "two", "never had"])
        assert await summary(database) == {"a": ("three",), "b": ("one", "two")}
    assert await users.grant(database, "a", [])
    assert await users.revoke(database, "a", [])
    assert await summary(database) == {"a": ("three",), "b": ("one", "two")}


async def test_a_role_named_twice_is_granted_once(database: Database) -> None:
    await users.add(database, "a", "hash", [])
    assert await users.grant(database, "a", ["one", "one"])
    assert await summary(database) == {"a": ("one",)}


async def test_who_is_deleted_is_gone_with_all_roles(database: Database) -> None:
    await users.add(database, "a", "hash", ["one"])
    await users.add(database, "b", "hash", ["one"])
    assert await users.delete(database, "a")
    assert await users.find(database, "a") is None
    assert not await users.delete(database, "a")
    assert await users.add(database, "a", "new", [])
    assert await summary(database) == {"a": (), "b": ("one",)}


async def test_nothing_is_changed_of_who_is_not_there(database: Database) -> None:
    assert not await users.set_password(database, "a", "hash")
    assert not await users.grant(database, "a", ["one"])
    assert not await users.revoke(database, "a", ["one"])
    assert not await users.delete(database, "a")
    assert await users.listing(database) == []
