"""The files of the migrations: names, order, and what the second line says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vidijob import resources
from vidijob.errors import SetupError
from vidijob.store.migrate import load

FILES = sorted((resources.sql() / "migrations").iterdir())
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write migrations of these names, all of the same text."""

    def write(*names: str, text: str = "-- Words.\n-- breaking: no\nSELECT 1;\n") -> Path:
        for name in names:
            (tmp_path / name).write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_migration_is_named_and_says_what_it_does_and_whether_it_breaks(file: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z0-9]+(_[a-z0-9]+)*\.sql", file.name)
    first, second, *_ = file.read_text("utf-8").splitlines()
    assert re.fullmatch(r"-- [A-Z].*\.", first)
    assert second in ("-- breaking: yes", "-- breaking: no")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_migration_leaves_the_transaction_to_the_migrator(file: Path) -> None:
    assert not re.search(r"^\s*(BEGIN|COMMIT|ROLLBACK|VACUUM)\b", file.read_text("utf-8"), re.MULTILINE | re.IGNORECASE)
    assert "CONCURRENTLY" not in file.read_text("utf-8").upper()


def test_they_are_numbered_from_one() -> None:
    assert [int(file.name[:4]) for file in FILES] == list(range(1, len(FILES) + 1))
    assert [migration.version for migration in load()] == list(range(1, len(FILES) + 1))
    assert [f"{migration.version:04}_{migration.name}.sql" for migration in load()] == [file.name for file in FILES]


def test_they_are_read(write: Write) -> None:
    write("0001_first.sql", text="-- Words.\n-- breaking: yes\nSELECT 1;\n")
    folder = write("0002_more_2.sql")
    first, second = load(folder)
    assert (first.version, first.name, first.breaking) == (1, "first", True)
    assert (second.version, second.name, second.breaking) == (2, "more_2", False)
    assert second.sql.endswith("SELECT 1;\n")


def test_a_folder_without_any_is_an_empty_schema(tmp_path: Path) -> None:
    assert load(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["first.sql", "1_first.sql", "00001_first.sql", "0001-first.sql", "0001_First.sql", "0001_.sql", "0001.sql"]
)
def test_a_name_that_is_none_is_refused(name: str, write: Write) -> None:
    with pytest.raises(SetupError, match=re.escape(name)):
        load(write(name))


@pytest.mark.parametrize(
    "text",
    ["SELECT 1;", "-- breaking: maybe\n", "-- breaking:yes\n", "-- BREAKING: yes\n", "SELECT 1; -- breaking: yes\n"],
)
def test_one_that_does_not_say_whether_it_breaks_is_refused(text: str, write: Write) -> None:
    with pytest.raises(SetupError, match="breaking: yes"):
        load(write("0001_first.sql", text=text))


@pytest.mark.parametrize(
    "names",
    [
        ["0002_second.sql"],
        ["0001_first.sql", "0003_third.sql"],
        ["0001_first.sql", "0001_other.sql"],
        ["0000_zero.sql", "0001_first.sql"],
    ],
)
def test_a_gap_or_a_number_used_twice_is_refused(names: list[str], write: Write) -> None:
    with pytest.raises(SetupError, match="numbered"):
        load(write(*names))
