"""What the README and the help pages say is there: commands, flags, variables, operations, files."""

from __future__ import annotations

import re
import shlex
import struct
from collections.abc import Iterator

import click
import pytest
import yaml
from click.testing import CliRunner

from tests.house.source import PACKAGE, ROOT
from vidijob import help
from vidijob.api.vidispine.routes import TABLE
from vidijob.cli import commands
from vidijob.cli.profiles import VARIABLES
from vidijob.front.settings import FrontSettings
from vidijob.settings import Settings

README = (ROOT / "README.md").read_text("utf-8")
TEXTS = {"README": README, **{page.topic: page.text for page in help.pages()}}
EACH = pytest.mark.parametrize("name", TEXTS)
#: The variables of a front, and what they begin with.
OF_FRONTS = {"front", *(f"front_{name}" for name in FrontSettings.model_fields)}


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the fenced blocks, each with what stands behind its fence."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code(text: str) -> Iterator[str]:
    """Yield what is set as code: lines of blocks, those that go on as one, and spans of one line or more."""
    for _, block in blocks(text):
        yield from block.replace("\\\n", " ").splitlines()
    for span in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield " ".join(span.split())


def calls(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of our program; of alternatives, ``list|drain``, each."""
    for line in code(text):
        found = re.search(r"(?:^|[ /])vidijob ([a-z].*)", line)
        if found is None or re.match(r"(?:image|build|docker)\b|.*\bdocker (?:build|run)", line.strip()):
            continue
        words = shlex.split(re.split(r" (?:&|&&|;|\|\||>)(?: |$)", found[1])[0], comments=True)
        for alternative in words[min(1, len(words) - 1)].split("|"):
            yield [words[0], alternative, *words[2:]] if len(words) > 1 else words


def refuse_unknown(arguments: list[str]) -> None:
    """Raise ``click.UsageError`` for a command that is not there, or a flag that it does not have."""
    command: click.Command = commands
    context = click.Context(commands)
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        inner = command.get_command(context, arguments[0])
        if inner is None:
            raise click.UsageError(f"no command {arguments[0]}")
        command, arguments = inner, arguments[1:]
        context = click.Context(command, parent=context, **command.context_settings)
    command.make_parser(context).parse_args(list(arguments))


def test_each_page_is_listed_and_says_what_it_is_about() -> None:
    assert sorted(help.TOPICS) == sorted(path.stem for path in (PACKAGE / "help").glob("*.md"))
    for page in help.pages():
        assert page.text.startswith("# ") and page.text.endswith("\n")
        assert page.summary.endswith(".") and 20 < len(page.summary) < 160, page.topic


@EACH
def test_the_commands_and_flags_that_it_names_are_there(name: str) -> None:
    for arguments in calls(TEXTS[name]):
        refuse_unknown(arguments)


def test_commands_and_flags_that_are_not_there_are_found() -> None:
    text = "```sh\nA=1 vidijob serve --port 1 &\n```\n`vidijob worker list|steal` `vidijob serve --prot 1`"
    found = list(calls(text))
    assert found == [["serve", "--port", "1"], ["worker", "list"], ["worker", "steal"], ["serve", "--prot", "1"]]
    for arguments in found[:2]:
        refuse_unknown(arguments)
    for arguments in found[2:]:
        with pytest.raises(click.UsageError):
            refuse_unknown(arguments)
    assert sum(len(list(calls(text))) for text in TEXTS.values()) > 30


def flags(command: click.Command) -> Iterator[str]:
    """Yield the flags of a command and of those in it."""
    for parameter in command.params:
        yield from parameter.opts
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from flags(inner)


@EACH
def test_each_flag_and_variable_in_a_sentence_is_one_of_ours(name: str) -> None:
    known = set(flags(commands))
    for span in code(TEXTS[name]):
        if re.fullmatch(r"--[a-z-]+( .*)?", span):
            assert span.split()[0] in known, span
    for variable in re.findall(r"VIDIJOB_([A-Z_]*[A-Z])", TEXTS[name]):
        assert variable.lower() in {*Settings.model_fields, *VARIABLES, *OF_FRONTS}, variable


@EACH
def test_each_link_leads_to_a_file(name: str) -> None:
    folder = ROOT if name == "README" else PACKAGE / "help"
    for target in re.findall(r"\]\(([^)#]+)\)", TEXTS[name]):
        if not target.startswith("https://"):
            assert (folder / target).exists(), target


@EACH
def test_what_it_names_of_the_package_is_there(name: str) -> None:
    for span in code(TEXTS[name]):
        if re.fullmatch(r"vidijob/[\w./]+", span):
            assert (ROOT / span).exists(), span


def test_the_readme_is_short_and_names_every_page() -> None:
    assert len(README.splitlines()) <= 200
    assert set(re.findall(r"\]\(vidijob/help/(\w+)\.md\)", README)) == set(help.TOPICS)


def test_the_picture_of_the_readme_is_small_and_there() -> None:
    (target,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    picture = (ROOT / target).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and len(picture) < 200_000
    wide, high = struct.unpack(">II", picture[16:24])
    assert (wide, high) == (1280, 800)


def test_the_table_of_the_api_names_operations_that_are_there() -> None:
    part = README.partition("## The API")[2].partition("\n## ")[0]
    rows = [line for line in part.splitlines() if re.match(r"\| [A-Z]+ `", line)]
    named = [operation for row in rows for operation in re.findall(r"([A-Z]{3,6}) `(/[^`]*)`", row.split("|")[1])]
    assert len(named) > 20
    assert set(named) <= {(route.method, route.path) for route in TABLE.routes}


def test_the_compose_file_fits_the_program() -> None:
    ((_, text),) = [block for block in blocks(help.page("containers").text) if block[0] == "yaml"]
    document = yaml.safe_load(text)
    services = document["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(document["volumes"]), name
        if service["image"] == "vidijob":
            refuse_unknown(service["command"])
            given = {key.removeprefix("VIDIJOB_").lower(): "x" for key in service["environment"]}
            assert set(given) <= set(Settings.model_fields)
    image = (ROOT / "Dockerfile").read_text("utf-8")
    assert "useradd --create-home --uid 10001 vidijob" in image and "10001" in help.page("containers").text
    assert float(services["worker"]["command"][2]) < float(services["worker"]["stop_grace_period"].rstrip("s"))


def test_help_shows_pages_commands_and_what_there_is() -> None:
    run = CliRunner()
    listed = run.invoke(commands, ["help"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines() if re.match(r"[a-z]+  ", line)] == list(help.TOPICS)
    shown = run.invoke(commands, ["help", "backup"])
    assert (shown.exit_code, shown.output) == (0, help.page("backup").text)
    assert "--role" in run.invoke(commands, ["help", "serve"]).output
    unknown = run.invoke(commands, ["help", "bakcup"])
    assert unknown.exit_code == 2 and "There is no help page 'bakcup'" in unknown.output
    assert all(topic in unknown.output for topic in help.TOPICS)
