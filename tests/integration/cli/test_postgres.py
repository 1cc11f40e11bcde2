"""``vidijob postgres`` on a database that is named; on the embedded one it is tried by the help page of backups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: A program of Postgres that only tells what it was given.
PROGRAM = '#!/bin/sh\necho "$PGUSER $PGDATABASE $1 $2"\nexit 7\n'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "psql").write_text(PROGRAM)
    (folder / "psql").chmod(0o755)
    return folder


def call(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "vidijob", "postgres", "--database-url", "postgresql://ann:secret@db/jobs"]
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=50, check=False
    )


def test_a_program_finds_the_database_and_its_exit_code_counts(programs: Path) -> None:
    ended = call(programs, "psql", "--command", "SELECT 'a b'")
    assert (ended.returncode, ended.stdout) == (7, "ann jobs --command SELECT 'a b'\n")


@pytest.mark.parametrize("name", ["pg_nothing", "/bin/sh"])
def test_a_program_that_is_not_there_is_named(programs: Path, name: str) -> None:
    ended = call(programs, name)
    assert ended.returncode == 1
    assert f"There is no program {name} of Postgres on PATH" in " ".join(ended.stderr.split())
