"""Operations that hypothesis chooses, on a real Postgres and on the rules of the explorer; when they differ, it looks for the
shortest way there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.faults.driver import Driver
from tests.faults.rules import Bounds
from vidijob.store.database import Database

_EXAMPLES = int(os.environ.get("VIDIJOB_TEST_EXAMPLES", "30"))
pick = st.integers(0, 63)


class Store(RuleBasedStateMachine):
    """The store's functions, in any order, with any of what is there."""

    runner: asyncio.Runner
    database: Database

    def do(self, operation: Coroutine[Any, Any, None]) -> None:
        """Carry out an operation and compare."""
        self.runner.run(operation)
        self.runner.run(self.driver.same())

    @initialize(limit=st.integers(1, 2), chain=st.booleans(), critical=st.booleans(), join=st.booleans())
    def start(self, limit: int, chain: bool, critical: bool, join: bool) -> None:
        """Begin with one job."""
        self.driver = Driver(self.database, Bounds(limit=limit, chain=chain, critical=critical, join=join))
        self.runner.run(self.driver.start())
        self.runner.run(self.driver.submit(1))
        self.runner.run(self.driver.admit(0, 1))

    @rule(a=pick)
    def submit(self, a: int) -> None:
        """A job is submitted."""
        self.do(self.driver.submit(a))

    @rule(a=pick)
    def campaign(self, a: int) -> None:
        """A scheduler stands for election."""
        self.do(self.driver.campaign(a))

    @rule()
    def end_term(self) -> None:
        """The leadership runs out."""
        self.do(self.driver.end_term())

    @rule(a=pick, b=pick)
    def admit(self, a: int, b: int) -> None:
        """A scheduler admits a job."""
        self.do(self.driver.admit(a, b))

    @rule(a=pick, b=pick)
    def arrive(self, a: int, b: int) -> None:
        """A job is started as it is submitted."""
        self.do(self.driver.arrive(a, b))

    @rule(a=pick, b=pick)
    def claim(self, a: int, b: int) -> None:
        """A worker claims."""
        self.do(self.driver.claim(a, b))

    @rule(a=pick)
    def extend(self, a: int) -> None:
        """A worker keeps a lease."""
        self.do(self.driver.extend(a))

    @rule(a=pick, b=pick)
    def end(self, a: int, b: int) -> None:
        """A worker reports."""
        self.do(self.driver.end(a, b))

    @rule(a=pick, b=pick)
    def end_another(self, a: int, b: int) -> None:
        """A worker reports; twice as often, so that jobs get on."""
        self.do(self.driver.end(a, b))

    @rule(a=pick)
    def hand_back(self, a: int) -> None:
        """A worker hands a step back."""
        self.do(self.driver.hand_back(a))

    @rule(a=pick, b=pick)
    def expire(self, a: int, b: int) -> None:
        """A lease runs out."""
        self.do(self.driver.expire(a, b))

    @rule(a=pick, b=pick)
    def rescue(self, a: int, b: int) -> None:
        """The rescuer comes."""
        self.do(self.driver.rescue(a, b))

    @rule(a=pick, b=pick)
    def abort(self, a: int, b: int) -> None:
        """A job is aborted."""
        self.do(self.driver.abort(a, b))

    @rule(a=pick, b=pick)
    def prioritise(self, a: int, b: int) -> None:
        """A job gets another priority."""
        self.do(self.driver.prioritise(a, b))

    @rule(a=pick, b=pick)
    def resolve(self, a: int, b: int) -> None:
        """A problem is gone, or its job is let fail."""
        self.do(self.driver.resolve(a, b))

    def teardown(self) -> None:
        """Everything is brought to its end, and the log is read."""
        if hasattr(self, "driver"):
            self.runner.run(self.driver.drain())
            self.runner.run(self.driver.check())


@pytest.fixture
def machine(url: str) -> Iterator[type[Store]]:
    """The machine, with a loop and a database."""
    with asyncio.Runner() as runner:
        database = Database(lambda: url, connections=3)
        runner.run(database.open())
        yield type("Store", (Store,), {"runner": runner, "database": database})
        runner.run(database.close())


@pytest.mark.timeout(600)
def test_the_store_does_what_the_rules_say(machine: type[Store]) -> None:
    bounded = settings(
        max_examples=_EXAMPLES,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounded)
