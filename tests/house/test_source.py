"""House rules for the text of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidijob
from tests.house.source import PACKAGE, ROOT, files, name, strings, tree

FILES = pytest.mark.parametrize("file", files(), ids=name)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(body: list[ast.stmt]) -> Iterator[Definition]:
    """Yield the public definitions of a module, and those inside its public classes."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def undocumented(module: ast.Module) -> list[str]:
    """Return what lacks a docstring of at least a few words that ends like a sentence."""
    if not module.body:
        return []
    found = [] if ast.get_docstring(module) else ["the module"]
    for node in public(module.body):
        words = (ast.get_docstring(node) or "").split("\n\n")[0].strip()
        if len(words.split()) < 2 or words[-1] not in ".:…":
            found.append(f"{node.name} (line {node.lineno})")
    return found


@FILES
def test_everything_public_says_what_it_is(file: Path) -> None:
    assert undocumented(tree(file)) == []


def test_what_says_nothing_is_found() -> None:
    text = '''
class Job:
    def run(self):
        "Run."
    def _walk(self): ...
class _Hidden:
    def show(self): ...
async def submit(): ...
def _private(): ...
def fine():
    """Do it well.

    More words
    """
    def inner(): ...
'''
    lacking = undocumented(ast.parse(text))
    assert [words.split(" (")[0] for words in lacking] == ["the module", "Job", "run", "submit"]
    assert undocumented(ast.parse("")) == []


@FILES
def test_no_file_is_longer_than_350_lines(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= 350


def test_no_file_is_named_for_nothing() -> None:
    words = {"util", "utils", "common", "helper", "helpers", "misc", "base_classes", "manager"}
    assert [name(path) for path in PACKAGE.rglob("*") if path.stem.lower() in words] == []


@pytest.mark.parametrize("folder", ["vidijob", "sql", "schemas"])
def test_nothing_is_left_for_later(folder: str) -> None:
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    text = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sql", ".xsd", ".toml", ".md")]
    assert len(text) >= 1
    assert [name(path) for path in text if mark.search(path.read_text("utf-8"))] == []


@FILES
def test_no_error_is_swallowed_whatever_it_is(file: Path) -> None:
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        assert node.type is not None, f"line {node.lineno}: a bare except"
        everything = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
        assert not everything or not all(isinstance(line, ast.Pass) for line in node.body), f"line {node.lineno}"


def test_sql_lives_in_its_own_folder() -> None:
    statement = re.compile(
        r"\s*(SELECT|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|WITH\s+\w+\s+AS|LISTEN|NOTIFY)\b"
    )
    assert [(file, text[:60]) for text, file in strings() if statement.match(text)] == []


def test_the_map_of_the_floors_names_every_room() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    named = set(re.findall(r"\w+", vidijob.__doc__ or ""))
    assert rooms - {"__init__", "__main__"} <= named
