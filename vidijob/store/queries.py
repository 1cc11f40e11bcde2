"""Loads ``sql/queries/*.sql``. A query begins with ``-- name: claim(worker, limit) :many`` and a sentence about it; its
parameters are ``$1 … $n`` in that order. This file does not know how queries are run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from vidijob import resources
from vidijob.errors import SetupError

Shape = Literal["many", "one_or_none", "value", "value_or_none", "none"]

_HEAD = re.compile(r"^-- name: (?P<name>\w+)\((?P<parameters>[\w, ]*)\) :(?P<shape>\w+)$", re.MULTILINE)
_SHAPES = frozenset({"many", "one_or_none", "value", "value_or_none", "none"})


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement."""

    #: ``file.name``: ``step.claim``.
    name: str
    parameters: tuple[str, ...]
    #: What it answers.
    shape: Shape
    #: What it is for, in a sentence.
    about: str
    sql: str


def parse(noun: str, text: str) -> list[Query]:
    """Read the queries of one file; refuses one whose parameters are not those of its name line."""
    heads = list(_HEAD.finditer(text))
    queries = []
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        name = f"{noun}.{head['name']}"
        body = text[head.end() : following.start() if following else len(text)].strip()
        comment = [line.removeprefix("--").strip() for line in body.splitlines()]
        about = " ".join(line for line, raw in zip(comment, body.splitlines(), strict=True) if raw.startswith("--"))
        parameters = tuple(part.strip() for part in head["parameters"].split(",") if part.strip())
        used = {int(number) for number in re.findall(r"\$(\d+)", body)}
        if used != set(range(1, len(parameters) + 1)):
            raise SetupError(f"The query {name} declares {len(parameters)} parameters and uses {sorted(used)}.")
        if head["shape"] not in _SHAPES:
            raise SetupError(f"The query {name} has the unknown shape {head['shape']}.")
        if not about:
            raise SetupError(f"The query {name} does not say what it is for.")
        queries.append(Query(name, parameters, cast("Shape", head["shape"]), about, body))
    return queries


def load(folder: Path) -> dict[str, Query]:
    """Read all queries of a folder by name."""
    queries = [query for file in sorted(folder.glob("*.sql")) for query in parse(file.stem, file.read_text("utf-8"))]
    by_name = {query.name: query for query in queries}
    if len(by_name) != len(queries):
        raise SetupError(f"Two queries in {folder} have the same name.")
    return by_name


@cache
def parts(name: str) -> dict[str, str]:
    """Read the parts of ``sql/parts/<name>.sql``, which a statement is put together from, by name."""
    text = (resources.sql() / "parts" / f"{name}.sql").read_text("utf-8")
    pieces = re.split(r"^-- part: (\w+)$", text, flags=re.MULTILINE)
    return {part: body.strip() for part, body in zip(pieces[1::2], pieces[2::2], strict=True)}


@cache
def _all() -> dict[str, Query]:
    return load(resources.sql() / "queries")


def query(name: str) -> Query:
    """Return the query called ``file.name``."""
    try:
        return _all()[name]
    except KeyError:
        raise SetupError(f"There is no query {name} in sql/queries.") from None
