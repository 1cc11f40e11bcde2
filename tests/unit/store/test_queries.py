"""The loader of the queries: what it reads, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidijob.errors import SetupError
from vidijob.store import queries
from vidijob.store.queries import Query

GOOD = """-- Words about the file, before any query.

-- name: claim(worker, limit) :many
-- Take the next ones,
-- the highest first.
WITH taken AS (
  -- A comment inside.
  SELECT $2::integer AS two, $1::uuid AS one
)
SELECT * FROM taken WHERE $1 = one;

-- name: alive() :value
-- Whether it answers.
SELECT 1;
"""


def test_a_file_is_read() -> None:
    claim, alive = queries.parse("step", GOOD)
    assert (claim.name, claim.parameters, claim.shape) == ("step.claim", ("worker", "limit"), "many")
    assert claim.about.startswith("Take the next ones, the highest first.")
    assert claim.sql.endswith("SELECT * FROM taken WHERE $1 = one;") and "alive" not in claim.sql
    assert alive == Query("step.alive", (), "value", "Whether it answers.", "-- Whether it answers.\nSELECT 1;")


@pytest.mark.parametrize("shape", ["many", "one_or_none", "value", "value_or_none", "none"])
def test_the_shapes(shape: str) -> None:
    assert queries.parse("step", f"-- name: q() :{shape}\n-- Words.\nSELECT 1;")[0].shape == shape


@pytest.mark.parametrize(
    ("head", "sql", "words"),
    [
        ("q() :many", "SELECT $1", r"declares 0 parameters and uses \[1\]"),
        ("q(a) :many", "SELECT 1", r"declares 1 parameters and uses \[\]"),
        ("q(a, b) :many", "SELECT $1", r"declares 2 parameters and uses \[1\]"),
        ("q(a) :many", "SELECT $1, $2", r"declares 1 parameters and uses \[1, 2\]"),
        ("q(a, b) :many", "SELECT $1, $3", r"declares 2 parameters and uses \[1, 3\]"),
        ("q(a) :many", "SELECT $0, $1", r"declares 1 parameters and uses \[0, 1\]"),
        ("q(a) :many", "SELECT $10", r"declares 1 parameters and uses \[10\]"),
        ("q() :few", "SELECT 1", "unknown shape few"),
        ("q() :MANY", "SELECT 1", "unknown shape MANY"),
    ],
)
def test_a_query_that_is_not_what_its_name_line_says_is_refused(head: str, sql: str, words: str) -> None:
    with pytest.raises(SetupError, match=rf"The query step\.q .*{words}"):
        queries.parse("step", f"-- name: {head}\n-- Words.\n{sql};\n")


def test_a_query_that_says_nothing_about_itself_is_refused() -> None:
    with pytest.raises(SetupError, match=r"step\.q does not say what it is for"):
        queries.parse("step", "-- name: q() :many\nSELECT 1;\n")


def test_a_folder_is_read_by_file_and_name(tmp_path: Path) -> None:
    (tmp_path / "job.sql").write_text("-- name: get() :many\n-- Words.\nSELECT 1;\n")
    (tmp_path / "step.sql").write_text("-- name: get() :many\n-- Words.\nSELECT 2;\n")
    (tmp_path / "notes.txt").write_text("-- name: nothing\n")
    found = queries.load(tmp_path)
    assert {name: query.sql[-9:] for name, query in found.items()} == {"job.get": "SELECT 1;", "step.get": "SELECT 2;"}


def test_a_name_used_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.sql").write_text("-- name: get() :many\n-- Words.\nSELECT 1;\n" * 2)
    with pytest.raises(SetupError, match="same name"):
        queries.load(tmp_path)


def test_the_queries_of_this_program_are_found_by_name() -> None:
    assert queries.query("worker.alive").shape == "value"
    assert queries.query("step.claim").parameters[0] == "worker"


@pytest.mark.parametrize("name", ["step.nothing", "claim", "", "step.claim "])
def test_a_query_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(SetupError, match=f"There is no query {name}"):
        queries.query(name)
