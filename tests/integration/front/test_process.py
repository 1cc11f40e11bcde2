"""A front as a process: what it is told by flags, how it begins and ends."""

from __future__ import annotations

import asyncio
import re
import signal
import sys

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from tests.integration.front.stand_in import serving
from vidijob.cli import commands
from vidijob.errors import SetupError
from vidijob.front.settings import FrontSettings
from vidijob.settings.sources import read


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "A front needs its sites"),
        (["--site", "VX"], "VX is no site"),
        (["--site", "VX=ftp://a"], "VX=ftp://a is no site"),
        (["--site", "VX=http://user:secret@a"], "is no site"),
        (["--site", "V-X=http://a"], "is no site"),
        (["--site", "VX=http://a", "--site", "VX=http://b"], "a site is named twice"),
        (["--site", "VX=http://a", "--patience", "0"], "patience"),
    ],
)
def test_what_cannot_be_is_refused(flags: list[str], words: str) -> None:
    ended = CliRunner().invoke(commands, ["front", "--port", "0", *flags])
    assert ended.exit_code == 1 and words in ended.output


def test_settings_come_from_variables_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDIJOB_FRONT_SITE", "VX=http://a:1/,VY=https://b/jobs")
    chosen = read(FrontSettings, {"port": 7})
    assert (chosen.urls, chosen.port) == ({"VX": "http://a:1", "VY": "https://b/jobs"}, 7)
    monkeypatch.setenv("VIDIJOB_FRONT_PATIENCE", "long")
    with pytest.raises(SetupError, match=r"VIDIJOB_FRONT_\*, vidijob-front.toml"):
        read(FrontSettings, {})


async def test_it_ends_when_it_is_told_to_and_answers_what_has_begun() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.Response(text="late")

    async with serving(answer) as site, aiohttp.ClientSession() as session:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vidijob", "front", "--site", f"VX={site}", "--port", "0", "--log-format", "plain",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        found = re.search(r"front of VX at (http://\S+)/API", line)
        assert found is not None, line
        waiting = asyncio.create_task(session.get(f"{found[1]}/API/job/VX-1"))
        await asyncio.wait_for(asked.wait(), 10)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientConnectionError):
            # Soon nobody gets in any more.
            for _ in range(1000):
                async with aiohttp.ClientSession() as other, other.get(f"{found[1]}/health"):
                    await asyncio.sleep(0.01)
        go_on.set()
        async with await waiting as late:
            assert await late.text() == "late"
        assert await asyncio.wait_for(process.wait(), 10) == 0
