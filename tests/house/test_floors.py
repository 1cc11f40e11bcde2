"""The floors are kept, and whoever breaks them is told so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT

LINTER = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> tuple[int, str]:
    """Check the imports of the package in a folder; returns the exit code and the words, on one line."""
    ended = subprocess.run(
        [str(LINTER), "--no-logo", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return ended.returncode, " ".join((ended.stdout + ended.stderr).split())


def test_the_floors_are_kept() -> None:
    code, words = lint(ROOT)
    assert code == 0, words
    assert "0 broken" in words


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, to break."""
    shutil.copytree(PACKAGE, tmp_path / "vidijob", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_copy_that_nobody_broke_passes(copy: Path) -> None:
    assert lint(copy)[0] == 0


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        ("store/jobs.py", "import vidijob.web.auth", "vidijob.store is not allowed to import vidijob.web"),
        (
            "engine/commands.py",
            "import vidijob.api.vidispine.call",
            "vidijob.engine is not allowed to import vidijob.api",
        ),
        ("web/auth.py", "import vidijob.app", "vidijob.web is not allowed to import vidijob.app"),
        ("errors.py", "import vidijob.settings", "vidijob.errors is not allowed to import vidijob.settings"),
        # Rooms beside each other.
        ("jobs/model.py", "import vidijob.binding.xml", "vidijob.jobs is not allowed to import vidijob.binding"),
        (
            "executors/files/executor.py",
            "import vidijob.store.jobs",
            "vidijob.executors is not allowed to import vidijob.store",
        ),
        # What only one room may know.
        ("engine/commands.py", "import asyncpg", "vidijob.engine is not allowed to import asyncpg"),
        ("web/routing.py", "import lxml.etree", "vidijob.web is not allowed to import lxml"),
        ("engine/worker.py", "from aiohttp import web", "vidijob.engine is not allowed to import aiohttp"),
        # A new room needs a floor first.
        ("utils.py", '"""Things."""', "The following modules are not listed as layers: - vidijob.utils"),
        ("common/__init__.py", '"""Things."""', "The following modules are not listed as layers: - vidijob.common"),
    ],
)
def test_a_breach_is_found(copy: Path, file: str, line: str, words: str) -> None:
    place = copy / "vidijob" / file
    place.parent.mkdir(exist_ok=True)
    with place.open("a", encoding="utf-8") as out:
        out.write(f"\n{line}\n")
    code, said = lint(copy)
    assert code == 1
    assert words in said
