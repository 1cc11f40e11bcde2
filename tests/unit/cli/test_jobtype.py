"""The pages of the job types, as the command line shows them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vidijob.cli import commands
from vidijob.jobs.catalogue import PAGES


def run(*arguments: str, width: int = 400) -> str:
    ended = CliRunner().invoke(commands, ["jobtype", *arguments], env={"COLUMNS": str(width)})
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_the_list_has_every_type_with_its_summary() -> None:
    shown = run("list")
    assert all(name in shown and page.summary in shown for name, page in PAGES.items())
    assert list(json.loads(run("list", "--json"))) == list(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_everything_that_is_said_of_a_type(name: str) -> None:
    page, shown = PAGES[name], run("show", name.lower())
    facts = json.loads(run("show", name, "--json"))
    assert page.summary in shown and facts["summary"] == page.summary
    for key, text in (*page.takes.items(), *page.gives.items()):
        assert key in shown and text in shown
    for task in page.kind.tasks:
        assert task.description in shown and f"{task.executor} {task.method}" in shown
    assert [(step["step"], step["bean"]) for step in facts["steps"]] == [
        (task.step, task.executor) for task in page.kind.tasks
    ]
    assert page.example in shown


def test_an_example_is_printed_as_it_is_however_narrow_the_terminal() -> None:
    assert PAGES["COPY_FILE"].example in run("show", "COPY_FILE", width=40)


def test_an_unknown_type_is_said_to_be_so() -> None:
    ended = CliRunner().invoke(commands, ["jobtype", "show", "NOPE"])
    assert ended.exit_code == 1 and "There is no JobType NOPE." in ended.output
