"""Faults at the places where the engine sends a statement. ``sites`` reads these places from the source; a ``FaultyDatabase``
is an ordinary ``Database`` that goes wrong at one of them when it is told to.
"""

from __future__ import annotations

import ast
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vidijob
from vidijob.errors import Unavailable
from vidijob.store import queries
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record

_PACKAGE = Path(vidijob.__file__).parent
#: The parts of the engine that jobs go through, and those that have to do with others besides: their statements are meant.
ENGINE = (
    "arrivals",
    "bell",
    "choices",
    "commands",
    "heads",
    "offers",
    "plans",
    "problems",
    "reports",
    "rescuer",
    "scheduler",
    "seats",
    "submissions",
    "telling",
    "worker",
)
AROUND = ("cleaner", "counter", "notifier", "remote_calls", "sender", "sweeper", "vacancies")
#: Function and statement: ``("steps.end", "problem.join")``. The end of a transaction is the statement ``commit``.
Site = tuple[str, str]


class Kind(Enum):
    """What goes wrong."""

    #: The statement is refused.
    ERROR = "error"
    #: It takes its time.
    DELAY = "delay"
    #: The connection is lost before the statement reached the database.
    CUT = "cut"
    #: The statement (or the commit) was carried out; the connection is lost before the answer.
    LOST = "lost"


@cache
def sites(parts: tuple[str, ...] = ENGINE) -> frozenset[Site]:
    """Return every place from which parts of the engine send a statement, found in the source."""
    functions = {
        (file.stem, node.name): node
        for file in (_PACKAGE / "store").glob("*.py")
        if file.stem != "database"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found: set[Site] = set()
    waiting, seen = [], set()
    for part in parts:
        tree = ast.parse((_PACKAGE / "engine" / f"{part}.py").read_text("utf-8"))
        waiting += [*_named(tree)]
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef) and _commits(node):
                found.add((f"{part}.{node.name}", "commit"))
    while waiting:
        place = waiting.pop()
        if place in seen or place not in functions:
            continue
        seen.add(place)
        node, name = functions[place], ".".join(place)
        waiting += [*_named(node)]
        waiting += [
            (place[0], n.func.id) for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        ]
        known = queries._all()
        found |= {(name, n.value) for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value in known}
        if _commits(node):
            found.add((name, "commit"))
    return frozenset(found)


def _named(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what a piece of source says as ``module.function``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr


def _commits(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "transaction" for node in ast.walk(tree))


class Faults:
    """What goes wrong where, and what came by."""

    def __init__(self) -> None:
        #: How often each place was passed.
        self.passed: Counter[Site] = Counter()
        #: Where something went wrong.
        self.hit: Counter[Site] = Counter()
        self._kind: Kind | None = None
        self._only: Site | None = None
        self._calls: tuple[int, ...] = ()

    def arm(self, kind: Kind, *, only: Site | None = None, calls: tuple[int, ...] = (1,)) -> None:
        """Let something go wrong at these calls of one place, or of all."""
        self._kind, self._only, self._calls = kind, only, calls

    def disarm(self) -> None:
        """Let nothing go wrong any more."""
        self._kind = None

    def ask(self, statement: str) -> Kind | None:
        """Count a call from the function that is running, and tell what is to go wrong with it."""
        site = (_caller(), statement)
        self.passed[site] += 1
        if self._kind is None or self._only not in (None, site) or self.passed[site] not in self._calls:
            return None
        self.hit[site] += 1
        return self._kind


def _caller() -> str:
    """Return the function of the store, or of the engine, that is nearest on the stack."""
    frame = sys._getframe(2)
    while True:
        file = Path(frame.f_code.co_filename)
        if file.parent in (_PACKAGE / "store", _PACKAGE / "engine") and file.stem != "database":
            return f"{file.stem}.{frame.f_code.co_name}"
        if frame.f_back is None:
            return "?"
        frame = frame.f_back


def _lost() -> Unavailable:
    return Unavailable("The database", "a fault of the test")


class _FaultySession(Session):
    def __init__(self, connection: Any, faults: Faults) -> None:
        super().__init__(connection)
        self._faults = faults

    async def run(self, query: queries.Query, *arguments: object) -> list[Record]:
        """Run a query, or what the faults make of it."""
        match self._faults.ask(query.name):
            case Kind.ERROR:
                raise _lost()
            case Kind.DELAY:
                await asyncio.sleep(0.1)
            case Kind.CUT:
                self._connection.terminate()
            case Kind.LOST:
                await super().run(query, *arguments)
                self._connection.terminate()
                raise _lost()
            case None:
                pass
        return await super().run(query, *arguments)


class FaultyDatabase(Database):
    """A pool whose statements go wrong when they are told to."""

    def __init__(self, url: str, faults: Faults) -> None:
        super().__init__(lambda: url, connections=8)
        self._faults = faults

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Borrow a connection."""
        async with super().session() as session:
            yield _FaultySession(session._connection, self._faults)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Borrow a connection and a transaction, whose end is a statement like others."""
        fault = None
        async with super().transaction() as session:
            yield session
            fault = self._faults.ask("commit")
            if fault is Kind.ERROR:
                raise _lost()
            if fault is Kind.DELAY:
                await asyncio.sleep(0.1)
            if fault is Kind.CUT:
                session._connection.terminate()
        if fault is Kind.LOST:
            raise _lost()
