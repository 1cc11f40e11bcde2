"""Which of several servers is asked."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from vidijob.store.hosts import Hosts, split

ONE, TWO = "postgresql://u@one:1/n", "postgresql://u@two:2/n"
BOTH = "postgresql://u@one:1,two:2/n"


class Server:
    """A connection to a server, and whether it was let go."""

    def __init__(self, timeline: int | None) -> None:
        self.timeline = timeline
        self.closed = False

    async def fetchval(self, _: str) -> int | None:
        await asyncio.sleep(0)
        return self.timeline

    def terminate(self) -> None:
        self.closed = True


class Servers:
    """Those that are there: their timelines, ``None`` for a standby."""

    def __init__(self, **timelines: int | Exception | None) -> None:
        self.timelines = timelines
        self.asked: list[str] = []
        self.made: list[Server] = []
        self.hosts = Hosts(lambda: BOTH)

    async def connect(self) -> str:
        """Connect, and return to which; every other connection must have been let go."""
        self.made.clear()
        connection = cast(Any, await self.hosts.connect(cast(Any, self._connect)))
        assert [one for one in self.made if not one.closed] == [connection]
        return self.asked[self.made.index(connection) - len(self.made)]

    async def _connect(self, address: str) -> Server:
        self.asked.append(address)
        there = self.timelines.get("one" if "one" in address else "two", OSError("refused"))
        made = Server(None if isinstance(there, Exception) else there)
        self.made.append(made)
        if isinstance(there, Exception):
            made.closed = True
            raise there
        return made


def test_an_address_of_several() -> None:
    assert split("postgresql://u:p%2Cw@one,two:5433/n?sslmode=require") == [
        "postgresql://u:p%2Cw@one/n?sslmode=require",
        "postgresql://u:p%2Cw@two:5433/n?sslmode=require",
    ]
    assert split("postgresql://[::1]:1,[::2]:2/n") == ["postgresql://[::1]:1/n", "postgresql://[::2]:2/n"]
    assert split(ONE) == [ONE]


async def test_the_primary_is_followed() -> None:
    servers = Servers(one=1, two=None)
    assert await servers.connect() == ONE
    assert await servers.connect() == ONE
    # It dies, and the other is promoted; then it comes back and believes to be one.
    servers.timelines |= {"one": OSError("refused"), "two": 2}
    assert await servers.connect() == TWO
    servers.timelines["one"] = 1
    assert await servers.connect() == TWO
    # Also when the other one is away just now.
    servers.timelines["two"] = OSError("refused")
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        await servers.connect()
    assert all(one.closed for one in servers.made)


async def test_a_primary_that_was_given_up_and_is_back_before_anybody_looked_is_passed_over() -> None:
    servers = Servers(one=1, two=None)
    assert await servers.connect() == ONE
    servers.timelines["two"] = 2
    assert await servers.connect() == TWO


async def test_a_server_that_says_nothing_does_not_hold_up_who_knows_the_primary() -> None:
    servers, made = Hosts(lambda: BOTH), [Server(1), Server(1)]
    silent = False

    async def connect(address: str) -> Server:
        if "two" in address:
            if silent:
                await asyncio.sleep(60)
            raise OSError("refused")
        return made[silent]

    assert cast(Any, await servers.connect(cast(Any, connect))) is made[0]
    silent = True
    async with asyncio.timeout(2):
        assert cast(Any, await servers.connect(cast(Any, connect))) is made[1]
    await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if "_look" in repr(task)]


async def test_of_two_primaries_the_younger_counts_from_the_first_on() -> None:
    assert await Servers(one=1, two=2).connect() == TWO
    assert await Servers(one=3, two=2).connect() == ONE


@pytest.mark.parametrize(
    ("timelines", "error"),
    [
        ({"one": None, "two": None}, asyncpg.TargetServerAttributeNotMatched),
        ({"one": OSError("refused"), "two": None}, asyncpg.TargetServerAttributeNotMatched),
        ({}, OSError),
        ({"one": asyncpg.InvalidPasswordError("no")}, asyncpg.InvalidPasswordError),
    ],
)
async def test_what_is_said_where_there_is_none(timelines: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await Servers(**timelines).connect()


async def test_who_does_not_want_to_wait_leaves_nothing_open() -> None:
    made = Server(1)

    async def connect(address: str) -> Server:
        if "two" in address:
            await asyncio.sleep(60)
        return made

    task = asyncio.create_task(Hosts(lambda: BOTH).connect(cast(Any, connect)))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert task.cancelled() and made.closed
