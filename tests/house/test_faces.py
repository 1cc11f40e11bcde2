"""The faces beside Vidispine's: small, and their ledgers say what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.source import PACKAGE
from vidijob.api.alibaba.routes import ACTIONS

FACES = sorted(
    folder for folder in (PACKAGE / "api").iterdir() if (folder / "routes.py").is_file() and folder.name != "vidispine"
)
#: What is no face's own belongs into a room below them.
MOST = 1000
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def lines_of_code(file: Path) -> int:
    """Count the lines of a file without docstrings, comments, and those that are empty."""
    text = file.read_text("utf-8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in docstrings)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_face_is_small(face: Path) -> None:
    assert (face / "README.md").is_file()
    assert 100 < sum(map(lines_of_code, face.rglob("*.py"))) < MOST


LEDGER = (PACKAGE / "api" / "alibaba" / "README.md").read_text("utf-8")
TESTS = PACKAGE.parent / "tests" / "integration" / "api" / "alibaba"


def test_the_ledger_of_mps_has_every_action_with_its_role() -> None:
    rows = re.findall(r"^\| (\w+) \| `(_\w+)` \| `", LEDGER, re.MULTILINE)
    assert rows == [(action, role) for action, (_, role) in ACTIONS.items()]


def test_the_ledger_of_mps_names_tests_that_are_there() -> None:
    files = dict(re.findall(r"`(\w)` = `(test_\w+\.py)`", LEDGER))
    named = re.findall(r"`(\w)::(test_\w+)(…?)`", LEDGER)
    assert len(named) > 15
    for letter, test, more in named:
        written = re.findall(r"^async def (test_\w+)", (TESTS / files[letter]).read_text("utf-8"), re.MULTILINE)
        assert [other for other in written if other == test or (more and other.startswith(test))], test


@pytest.mark.parametrize("face", ["arcgis", "azure"])
def test_a_ledger_names_tests_that_are_there(face: str) -> None:
    ledger = (PACKAGE / "api" / face / "README.md").read_text("utf-8")
    files = dict(re.findall(r"`(\w)` = `(test_\w+\.py)`", ledger))
    named = re.findall(r"`(\w)::(test_\w+)`", ledger)
    assert len(named) > 10
    for letter, test in named:
        written = (TESTS.parent / face / files[letter]).read_text("utf-8")
        assert f"def {test}(" in written, test
