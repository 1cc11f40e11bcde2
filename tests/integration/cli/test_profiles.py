"""Which server is meant, whose secrets go there, and what a shell is offered."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests.integration.cli.conftest import Place
from tests.integration.serving import PASSWORD
from vidijob.cli import commands, profiles
from vidijob.cli.exits import MEANING, Exit
from vidijob.jobs.catalogue import PAGES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "vidijob").mkdir()
    return tmp_path / "vidijob"


def write(folder: Path, text: str, mode: int = 0o600) -> None:
    (folder / "profiles.toml").write_text(text)
    (folder / "profiles.toml").chmod(mode)


async def test_a_profile_is_a_server_and_a_login(vidijob: Place, folder: Path) -> None:
    text = f'default = "farm"\n[profile.farm]\nurl = "{vidijob.url}/API/"\nuser = "admin"\npassword = "{PASSWORD}"\n'
    write(folder, text)
    nothing = dict.fromkeys(vidijob.variables, None)
    for arguments in ((), ("--profile", "farm")):
        ended = await vidijob("job", "list", *arguments, set=nothing)
        assert (ended.code, ended.err) == (Exit.DONE, "")
    assert (await vidijob("job", "list", set={**nothing, "VIDIJOB_PROFILE": "farm"})).code == Exit.DONE
    # A token is taken as well.
    (folder / "token").write_text(await token(vidijob))
    ended = await vidijob(
        "job", "list", set={**nothing, "VIDIJOB_URL": vidijob.url, "VIDIJOB_TOKEN": (folder / "token").read_text()}
    )
    assert ended.code == Exit.DONE
    write(folder, text, 0o644)
    ended = await vidijob("job", "list", set=nothing)
    assert ended.code == Exit.DONE and "others can read the secrets in" in ended.err and "chmod 600" in ended.err


async def token(vidijob: Place) -> str:
    account = await asyncio.to_thread(lambda: profiles.Server(vidijob.url, "admin", PASSWORD))
    from vidijob.cli.remote import talk

    reply = await talk(account, lambda remote: remote.call("GET", "/token", accept="text/plain"))
    return reply.body.decode()


def test_secrets_go_nowhere_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, '[profile.farm]\nurl = "https://farm:8443/x/"\nuser = "ann"\npassword = "hers"\n')
    monkeypatch.setenv("VIDIJOB_USER", "bob")
    monkeypatch.setenv("VIDIJOB_PASSWORD", "his")
    farm = profiles.required(profile="farm")
    assert (farm.url, farm.user, farm.password) == ("https://farm:8443/x", "ann", "hers")
    # Another user does not log in with her password, nor does a variable of another server go there.
    assert profiles.required(profile="farm", login="eve").password is None
    assert profiles.required(url="https://else").password == "his"
    given = profiles.required(url="http://eve:p%40ss@else/API")
    assert (given.url, given.user, given.password) == ("http://else", "bob", "his")
    monkeypatch.delenv("VIDIJOB_USER")
    monkeypatch.delenv("VIDIJOB_PASSWORD")
    given = profiles.required(url="http://eve:p%40ss@else/API")
    assert (given.url, given.user, given.password) == ("http://else", "eve", "p@ss")
    assert "hers" not in repr(farm) and "p@ss" not in repr(given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profile.farm", "cannot be read"),
        ('[profile.farm]\nuser = "x"', "url is missing"),
        ('[profile.farm]\nurl = "http://x"\npasswd = "y"', "wrong passwd"),
        ('[profile.farm]\nurl = "http://x"\nuser = 4', "wrong user"),
        ('[profile.other]\nurl = "http://x"', "there is: other"),
    ],
)
def test_a_file_that_cannot_be_taken(folder: Path, text: str, words: str) -> None:
    write(folder, text)
    ended = CliRunner().invoke(commands, ["job", "list", "--profile", "farm"])
    assert ended.exit_code == Exit.USAGE and words in ended.output


def offers(*arguments: str) -> dict[str, str | None]:
    *before, incomplete = arguments
    shell = ShellComplete(commands, {}, "vidijob", "_VIDIJOB_COMPLETE")
    return {one.value: one.help for one in shell.get_completions(list(before), incomplete)}


async def test_a_shell_is_offered_types_and_ids(vidijob: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    id = await vidijob.engine.submit()
    assert offers("jo") == {"job": None, "jobtype": None}
    # Without a server, what this program knows.
    assert set(await asyncio.to_thread(offers, "job", "submit", "TRANS")) == {"TRANSCODE", "TRANSCODE_RANGE"}
    assert await asyncio.to_thread(offers, "job", "show", "VX") == {}
    assert (
        set(offers("job", "submit", "COPY_FILE", "so"))
        == {"sourceUri="}
        <= {f"{key}=" for key in PAGES["COPY_FILE"].takes}
    )
    for name, value in vidijob.variables.items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(offers, "job", "show", "VX") == {id: "WORK READY"}
    assert set(await asyncio.to_thread(offers, "job", "submit", "WO")) == {"WORK"}
    await vidijob.close()
    assert await asyncio.to_thread(offers, "job", "show", "VX") == {}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    ended = CliRunner().invoke(commands, ["completion", shell])
    assert ended.exit_code == 0 and f"_VIDIJOB_COMPLETE={shell}_complete" in ended.output
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=ended.output.encode(), check=False).returncode == 0


def test_every_code_is_in_the_help() -> None:
    for command in (["job"], ["job", "watch"], ["job", "submit"], ["job", "rerun"]):
        words = " ".join(CliRunner().invoke(commands, [*command, "--help"], terminal_width=200).output.split())
        for code, meaning in MEANING.items():
            assert f"{code.value} {meaning.replace('`', '')}" in words
