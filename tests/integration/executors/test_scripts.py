"""Scripts, in their real child process: the objects that they find, what they decide, and what they cannot do."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.executors.steps import Step
from vidijob.executors.base import Done, Fail, Outcome, Retry, Wait
from vidijob.executors.script.executor import Access, ScriptExecutor, Task


async def nothing(job: str, step: int) -> Task | None:
    return None


async def no_door(user: str) -> Access | None:
    return None


SCRIPTS = ScriptExecutor(nothing, no_door)


async def run(
    source: str, data: Mapping[str, list[str]] | None = None, metadata: Mapping[str, str] | None = None
) -> tuple[Outcome, Step]:
    step = Step("run", data or {}, script=source, metadata=metadata or {}, step=540)
    return await SCRIPTS.run(step), step


async def test_every_word_of_the_job_object() -> None:
    outcome, step = await run(
        """
        job.log("of " + job.getUser());
        job.setData("id", job.getId());
        job.setData("step", job.getStepId() + 1);
        job.setData("list", [1, "b", true]);
        job.setData("first", job.getData("a"));
        job.setData("all", job.getData("many"));
        job.setData("none", job.getData("nowhere") === null);
        job.setData("else", job.getDataOrDefault("nowhere", "d") + job.getDataOrDefault("a", "d"));
        job.setData("has", job.containsKey("a") && !job.containsKey("nowhere"));
        job.deleteData("a");
        job.setData("keys", job.getKeys().filter(function (key) { return key.length > 3; }).sort());
        job.setData("check", checkProblem);
        return;
        job.fail("not reached");
        """,
        {"a": ["1"], "many": ["x", "y"]},
    )
    assert outcome == Done(
        {
            "id": ["VX-1"], "step": ["541"], "list": ["1,b,true"], "first": ["1"], "all": ["x,y"], "none": ["true"],
            "else": ["d1"], "has": ["true"], "a": None, "keys": ["else,first,list,many,none,step"], "check": ["false"],
        }
    )  # fmt: skip
    assert step.notes == ["of admin"]


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("job.setData('a', 1); job.fail('once more');", Retry("once more", {"a": ["1"]})),
        ("job.fatalFail('never'); job.fail('again');", Fail("never")),
        ("job.wait('for rain'); job.setData('n', 2)", Wait("SCRIPT_WAIT", {"job": "VX-1", "step": "540"}, "for rain", {"n": ["2"]})),
        ("job.wait('one'); job.fail('two')", Retry("two")),
        ("job.fail()", Retry("The script called job.fail.")),
        ("", Done()),
        ("// only words", Done()),
        ("async function f() { job.setData('later', 1) } f().then(() => job.setData('last', 2))", Done({"later": ["1"], "last": ["2"]})),
        ("job = null; try { job.getId = 3 } catch (e) {} job.setData('id', job.getId())", Done({"id": ["VX-1"]})),
    ],
)  # fmt: skip
async def test_what_a_script_decides(source: str, outcome: Outcome) -> None:
    assert (await run(source))[0] == outcome


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("\n\nnothing.here()", "ReferenceError: nothing is not defined\n    at <anonymous> (<input>:3:1)"),
        ("throw new Error('boo')", "Error: boo"),
        ("function f() { f() } f()", "RangeError"),
        ("this is no script", "SyntaxError"),
        ("var a = []; for (;;) a.push('x'.repeat(100000) + a.length)", "out of memory"),
        ("new Uint8Array(3e8)", "out of memory"),
    ],
)
async def test_an_error_of_a_script_is_a_failed_attempt(source: str, words: str) -> None:
    outcome, _ = await run(source)
    assert isinstance(outcome, Retry)
    assert words in outcome.reason


@pytest.mark.parametrize(
    "source",
    [
        "for (;;) {}",
        "/(a+)+$/.test('a'.repeat(60) + 'b')",
        "new Array(1e9).join('x')",
        "(async () => { for (;;) await 0 })()",
    ],
)
async def test_a_script_that_does_not_end_is_ended(source: str) -> None:
    outcome, _ = await run(source, metadata={"timeout": "0.5"})
    assert outcome == Retry("The script was ended: it ran for longer than 0.5 s.")


async def test_an_abort_ends_the_child() -> None:
    before = set(_children(os.getpid()))
    task = asyncio.create_task(run("job.log(1); for (;;) {}"))
    async with asyncio.timeout(20):
        while not (children := set(_children(os.getpid())) - before):
            await asyncio.sleep(0.02)
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 2
    assert not children & set(_children(os.getpid()))


@pytest.mark.parametrize(
    "name",
    ["require", "process", "std", "os", "fetch", "XMLHttpRequest", "java", "Packages", "load", "print", "__host"],
)
async def test_a_script_finds_nothing_of_the_machine(name: str) -> None:
    outcome, _ = await run(f"job.setData('kind', typeof {name})")
    assert outcome == Done({"kind": ["undefined"]})


async def test_a_script_cannot_import_files(tmp_path: Path) -> None:
    file = tmp_path / "evil.mjs"
    file.write_text("export const secret = 1")
    outcome, _ = await run(
        f"import({json.dumps(str(file))}).then(m => job.setData('got', m.secret), e => job.setData('no', 1))"
    )
    assert outcome == Done({"no": ["1"]})


async def test_a_large_value_arrives_whole() -> None:
    outcome, _ = await run("job.setData('copy', job.getData('large') + '\\u2028€')", {"large": ["ü" * 1_000_000]})
    assert outcome == Done({"copy": ["ü" * 1_000_000 + "\u2028€"]})


async def test_the_logger_writes_to_the_log_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="vidijob.executors.script"):
        await run("logger.warn('careful', 1); logger.info([1, 2])")
    said = [(record.levelname, record.message) for record in caplog.records]
    assert said == [("WARNING", "step 540 of job VX-1: careful 1"), ("INFO", "step 540 of job VX-1: 1,2")]


async def test_the_child_has_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDIJOB_ADMIN_PASSWORD", "secret")
    began = asyncio.create_task(run("for (;;) {}", metadata={"timeout": "2"}))
    environments = list[bytes]()
    # From when it is there until it is ended.
    while not began.done():
        for pid in _children(os.getpid()):
            with suppress(FileNotFoundError, ProcessLookupError):
                environments.append(Path(f"/proc/{pid}/environ").read_bytes())
        await asyncio.sleep(0.05)
    await began
    assert any(environments) and not any(b"secret" in environment for environment in environments)


def _children(pid: int) -> list[str]:
    return [
        number for task in Path(f"/proc/{pid}/task").iterdir() for number in (task / "children").read_text().split()
    ]


async def test_whether_a_wait_is_over_is_asked_of_the_script() -> None:
    waiting = {"until": ["3"], "now": ["1"]}

    async def recall(job: str, step: int) -> Task | None:
        assert (job, step) == ("VX-1", 540)
        source = "if (!checkProblem) job.fatalFail('not asked like that'); if (job.getData('now') < job.getData('until')) job.wait('more')"
        return Task(source, job, step, "admin", waiting, {})

    scripts = ScriptExecutor(recall, no_door)
    problem = {"job": "VX-1", "step": "540"}
    assert not await scripts.is_gone("SCRIPT_WAIT", problem)
    waiting["now"] = ["3"]
    assert await scripts.is_gone("SCRIPT_WAIT", problem)
    assert await SCRIPTS.is_gone("SCRIPT_WAIT", problem)
