"""Every bug is caught: those of the statements by random histories or by the checker, those of the rules by the explorer.

The histories are those that pass without bugs, so it is the bug that they find.
"""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest

from tests.faults import outbox
from tests.faults.bugs import BROKEN_RULES, BUGS, OUTBOX_BUGS, Bug, written_into
from tests.faults.driver import Differs, history
from tests.faults.explorer import Model, explore
from tests.faults.outbox import Untold
from tests.faults.rules import Bad, Bounds, Rules
from vidijob.errors import VidijobError
from vidijob.store.database import Database

#: So many histories are tried until a bug shows; most show in the first.
HISTORIES = 32
OPERATIONS = 60


def bounds(seed: int) -> Bounds:
    """Return the shape of the jobs of a history."""
    return Bounds(limit=2 + seed % 2, chain=seed % 4 < 2, critical=seed % 3 != 0, join=seed % 4 == 3)


async def test_without_a_bug_every_history_passes(database: Database) -> None:
    for seed in range(12):
        await history(database, bounds(seed), seed, OPERATIONS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.words)
async def test_a_bug_in_a_statement_is_caught(
    database: Database, bug: Bug, record_property: Callable[[str, object], None]
) -> None:
    caught = None
    with written_into(bug):
        for seed in range(HISTORIES):
            try:
                await history(database, bounds(seed), seed, OPERATIONS)
            except (Differs, Bad, asyncpg.PostgresError, VidijobError, KeyError, StopIteration) as found:
                caught = found
                break
    record_property("caught by", f"{type(caught).__name__}: {caught}")
    assert caught is not None, f"not caught in {HISTORIES} histories: {bug.words}"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few events are several pages."""
    monkeypatch.setattr("vidijob.engine.notifier._PAGE", 3)


@pytest.mark.usefixtures("small_pages")
async def test_without_a_bug_everything_is_told(database: Database) -> None:
    for seed in range(12):
        await outbox.history(database, seed, OPERATIONS)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("bug", OUTBOX_BUGS, ids=lambda bug: bug.words)
async def test_a_bug_in_the_outbox_is_caught_by_what_was_told(database: Database, bug: Bug) -> None:
    with written_into(bug), pytest.raises(Untold):
        for seed in range(12):
            await outbox.history(database, seed, OPERATIONS)


@pytest.mark.parametrize(("rules", "within"), BROKEN_RULES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_bug_in_the_rules_is_found_by_the_explorer(rules: type[Rules], within: Bounds) -> None:
    broken = type(rules.__name__, (Model, rules), {})
    # The bug goes before the rule that it breaks, and behind what only the explorer has.
    assert broken.__mro__.index(rules) < broken.__mro__.index(Rules)
    found = explore(broken(within))
    assert found.bad is not None
