"""Things that are said in two places say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from lxml import etree

from tests.house.source import PACKAGE, ROOT, strings
from vidijob import access, help, resources
from vidijob.api.vidispine.routes import TABLE
from vidijob.cli import commands
from vidijob.cli.exits import MEANING
from vidijob.front.settings import FrontSettings
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState, StepState
from vidijob.settings import Settings
from vidijob.store import queries
from vidijob.web.routing import Needed, Open, Own

LEDGER = (PACKAGE / "api" / "vidispine" / "README.md").read_text("utf-8")
FACE_TESTS = ROOT / "tests" / "integration" / "api" / "vidispine"
XSD = "{http://www.w3.org/2001/XMLSchema}"


def table(text: str, first: str) -> list[list[str]]:
    """Return the rows, cell by cell, whose first cell matches."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]
    return [row for row in rows if re.fullmatch(first, row[0])]


def in_sql(name: str) -> list[str]:
    """Return the values of an enumeration in schema.sql."""
    text = (resources.sql() / "schema.sql").read_text("utf-8")
    found = re.search(rf"CREATE TYPE {name} AS ENUM \(([^)]*)\)", text)
    assert found is not None
    return re.findall(r"'(\w+)'", found[1])


def in_xsd(name: str) -> list[str]:
    """Return the values of an enumeration in the XSD."""
    root = etree.parse(resources.schemas() / "vidispine.xsd").getroot()
    (kind,) = (element for element in root.iter(f"{XSD}simpleType") if element.get("name") == name)
    return [element.get("value") or "" for element in kind.iter(f"{XSD}enumeration")]


@pytest.mark.parametrize(
    ("members", "sql", "xsd"), [(JobState, "job_state", "JobStateType"), (StepState, "step_state", "StepStateType")]
)
def test_states_agree_in_python_sql_and_xsd(members: Iterable[JobState | StepState], sql: str, xsd: str) -> None:
    names = sorted(member.value for member in members)
    assert names == sorted(in_sql(sql)) == sorted(in_xsd(xsd))
    assert all(member.name == member.value for member in members)


def test_priorities_agree_in_python_sql_and_xsd_in_their_order() -> None:
    # Their order is their meaning.
    assert [priority.value for priority in Priority] == in_sql("job_priority") == in_xsd("JobPriorityType")


QUERIES = queries.load(resources.sql() / "queries")
NOUNS = {name.split(".")[0] for name in QUERIES}
USED = {
    text: file
    for text, file in strings()
    # Templates are named like queries, and are none.
    if re.fullmatch(r"[a-z_]+\.(?!html$)[a-z_]+", text) and text.split(".")[0] in NOUNS
}


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_used(name: str) -> None:
    assert name in USED


def test_every_query_that_is_asked_for_exists_and_only_the_store_asks() -> None:
    assert set(USED) - set(QUERIES) == set()
    assert {file.split("/")[1] for file in USED.values()} == {"store"}


PARTS = sorted((resources.sql() / "parts").glob("*.sql"))


@pytest.mark.parametrize("file", PARTS, ids=lambda file: file.stem)
def test_every_part_that_a_statement_is_put_together_from_is_used(file: Path) -> None:
    asked = {text for text, place in strings() if place.startswith("vidijob/store/")}
    assert file.stem in asked
    assert set(queries.parts(file.stem)) <= asked
    assert all(queries.parts(file.stem).values())


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_is_described_in_a_sentence(query: queries.Query) -> None:
    assert query.about[0].isupper()
    assert ". " in query.about + " "


def flags(command: str) -> list[str]:
    """Return the flags that a command's help names, in order."""
    shown = CliRunner().invoke(commands, [command, "--help"], terminal_width=200)
    assert shown.exit_code == 0
    return re.findall(r"^  (?:-\w, )?--([a-z-]+)", shown.output, re.MULTILINE)


SETTINGS = [name.replace("_", "-") for name in Settings.model_fields]


def test_every_setting_is_a_flag_of_serve() -> None:
    assert [flag for flag in flags("serve") if flag not in ("role", "help")] == SETTINGS


def test_every_flag_of_a_worker_is_a_setting() -> None:
    assert set(flags("worker")) - {"help"} <= set(SETTINGS)


def test_the_help_tells_variable_and_default_of_every_setting() -> None:
    shown = " ".join(CliRunner().invoke(commands, ["serve", "--help"], terminal_width=200).output.split())
    for name, field in Settings.model_fields.items():
        assert f"[VIDIJOB_{name.upper()}]" in shown
        if field.default not in (None, ()):
            assert f"Default: {field.default}. [VIDIJOB_{name.upper()}]" in shown


def test_the_help_page_has_every_setting_with_its_default() -> None:
    rows = table(help.page("settings").text, r"`--[a-z-]+`")
    assert [row[0].strip("`-") for row in rows] == SETTINGS
    for row, field in zip(rows, Settings.model_fields.values(), strict=True):
        default = field.default
        if default not in (None, (), 0):
            assert row[1].strip("`") == str(default)


def test_a_front_has_a_flag_for_each_of_its_settings_and_the_help_page_tells_all() -> None:
    names = [name.replace("_", "-") for name in FrontSettings.model_fields]
    assert [flag for flag in flags("front") if flag != "help"] == names
    rows = table(help.page("sites").text, r"`--[a-z-]+`")
    assert [row[0].strip("`-") for row in rows] == names
    for row, field in zip(rows, FrontSettings.model_fields.values(), strict=True):
        assert row[1] == ("\N{EN DASH}" if field.default == () else str(field.default))


def test_the_help_page_has_every_role() -> None:
    assert {row[0].strip("`"): row[1] for row in table(help.page("users").text, r"`_\w+`")} == access.ROLES


def test_the_help_page_has_every_command_for_users() -> None:
    found = re.search(r"`vidijob user ([a-z|]+)`", help.page("users").text)
    assert found is not None
    shown = CliRunner().invoke(commands, ["user", "--help"]).output.partition("Commands:")[2]
    assert set(found[1].split("|")) == set(re.findall(r"^  (\w+)", shown, re.MULTILINE))


@pytest.mark.parametrize("group", ["job", "problem"])
def test_the_help_page_has_every_command_for_a_server(group: str) -> None:
    found = re.search(rf"`vidijob {group} ([a-z|]+)`", help.page("commands").text)
    assert found is not None
    shown = CliRunner().invoke(commands, [group, "--help"]).output.partition("Commands:")[2].partition("\n\n")[0]
    assert set(found[1].split("|")) == set(re.findall(r"^  ([a-z]+)  ", shown, re.MULTILINE))


def test_the_help_page_has_every_exit_code() -> None:
    rows = table(help.page("commands").text, r"\d")
    assert {int(row[0]): row[1] for row in rows} == {code.value: text for code, text in MEANING.items()}


def test_the_help_page_names_presets_and_runnable_job_types() -> None:
    from vidijob.executors.media.presets import Presets
    from vidijob.jobs.catalogue import JOB_TYPES

    text = help.page("jobtypes").text
    found = re.search(r"Presets: `([\w ]+)`", text)
    assert found is not None
    assert set(found[1].split()) == set(Presets.load().tags)
    rows = {row[0] for row in table(text, r"[A-Z_]+")}
    assert {kind.name for kind in JOB_TYPES.values() if kind.runnable} == rows


def needed_in_words(needed: Needed) -> str:
    """Return how the ledger says who may enter a route."""
    match needed:
        case Open():
            return {Open.TO_USERS: "any user", Open.TO_ALL: "everybody"}[needed]
        case Own(role=role):
            return f"`{role}` or the user"
        case str():
            return f"`{needed}`"
        case _:
            return " or ".join(f"`{role}`" for role in sorted(needed))


def test_the_ledger_has_every_route_with_its_role_and_its_forms() -> None:
    rows = [row[:3] for row in table(LEDGER.partition("## Parameters")[0], r"[A-Z]+ `/.*`")]
    assert sorted(rows) == sorted(
        [
            f"{route.method} `{route.path}`",
            needed_in_words(route.role),
            " ".join(form.name if form.name != "TEXT" else "text" for form in route.produces) or "\N{EN DASH}",
        ]
        for route in TABLE.routes
    )


def test_the_ledger_names_tests_that_are_there() -> None:
    files = dict(re.findall(r"`(\w)` = `(test_\w+\.py)`", LEDGER))
    named = re.findall(r"`(\w)::(test_\w+)(…?)`", LEDGER)
    assert files and len(named) > 10
    for letter, test, more in named:
        written = re.findall(
            r"^(?:async )?def (test_\w+)", (FACE_TESTS / files[letter]).read_text("utf-8"), re.MULTILINE
        )
        assert [other for other in written if other == test or (more and other.startswith(test))], test
