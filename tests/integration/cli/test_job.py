"""``vidijob job …`` against a server: what it prints, how it ends, and that it outlives a server."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys

import pytest
from lxml import etree

from tests.integration.cli.conftest import Place
from tests.integration.engine.conftest import ADMIN, ScriptedExecutor
from tests.integration.serving import PASSWORD
from vidijob.cli.exits import Exit
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.jobs.states import JobState
from vidijob.observability import metrics


async def act(step: StepContext) -> Outcome:
    """Do what the job's data say."""
    wanted = step.data.get("do", ["finish"])[0]
    if wanted == "fail" and step.step != 5000:
        return Fail("The tape is torn.\nAgain\x1b[31m.")
    step.progress(50, 100, "percent")
    return Done()


def run_jobs(vidijob: Place) -> None:
    vidijob.engine.worker(ScriptedExecutor(work=act))
    vidijob.engine.scheduler()


async def test_submit_and_watch_end_with_the_result_of_the_job(vidijob: Place) -> None:
    run_jobs(vidijob)
    ended = await vidijob("job", "submit", "WORK", "a=1", "a=2=3", "--tag", "lowres", "--priority", "HIGH", "--watch")
    assert (ended.code, ended.err) == (Exit.DONE, "")
    id, *lines = ended.out.splitlines()
    assert lines[-1] == f"{id} FINISHED"
    job = await vidijob.engine.insights.job(id)
    assert (job.data["a"], job.data["tag"], job.priority.value) == (["1", "2=3"], ["lowres"], "HIGH")
    ended = await vidijob("job", "submit", "WORK", "do=fail", "--watch")
    assert ended.code == Exit.FAILED
    # Each line of the error, without what would move a cursor.
    failed = ended.out.split()[0]
    assert ended.err.splitlines() == [f"{failed}: The tape is torn.", f"{failed}: Again\N{REPLACEMENT CHARACTER}[31m."]
    # Of several the worst counts, and one that is not there keeps nobody back.
    assert (await vidijob("job", "watch", id, failed)).code == Exit.FAILED
    ended = await vidijob("job", "watch", id, "VX-999")
    assert ended.code == Exit.NOT_FOUND and f"{id} FINISHED" in ended.out and "There is no Job VX-999." in ended.err
    ended = await vidijob("job", "watch", id, "--json")
    assert ended.code == Exit.DONE and json.loads(ended.out)["status"] == "FINISHED"


async def test_a_job_that_is_held_is_released_aborted_run_again_and_deleted(vidijob: Place) -> None:
    first = (await vidijob("job", "submit", "WORK", "--hold")).out.strip()
    ended = await vidijob("job", "watch", first, "--timeout", "0.3")
    assert ended.code == Exit.TOO_LATE and f"Not ended within 0.3 s: {first}." in ended.err
    assert (await vidijob("job", "release", first)).code == Exit.DONE
    assert (await vidijob("job", "priority", first, "low")).out == f"{first} has the priority LOW.\n"
    ended = await vidijob("job", "abort", first, "VX-999", "--reason", "changed", "--no-cleanup")
    assert ended.code == Exit.NOT_FOUND and ended.out == f"{first} is being aborted.\n"
    ended = await vidijob("job", "watch", first)
    assert ended.code == Exit.ABORTED and ended.err == f"{first}: changed\n"
    ended = await vidijob("job", "priority", first, "HIGH")
    assert ended.code == Exit.FAULT and "its priority stays" in ended.err
    second = (await vidijob("job", "rerun", first, "--hold")).out.strip()
    assert (await vidijob.engine.insights.job(second)).data["rerunOf"] == [first]
    ended = await vidijob("job", "delete", first, second)
    assert ended.code == Exit.FAULT and f"The job {second} is still running (HOLD): abort it first" in ended.err
    assert (await vidijob("job", "delete", first)).out == f"Deleted: {first}.\n"
    assert (await vidijob("job", "show", first)).code == Exit.NOT_FOUND


def requests() -> int:
    """Return how many questions for a job were answered."""
    samples = (sample for family in metrics.REQUESTS._made.collect() for sample in family.samples)
    return int(sum(sample.value for sample in samples if "/API/job/{id}" in sample.labels.values()))


async def answered(since: int) -> None:
    """Return when a question for a job was answered since there were so many."""
    async with asyncio.timeout(20):
        while requests() == since:
            await asyncio.sleep(0.02)


async def test_a_job_without_news_is_hardly_asked_for(vidijob: Place) -> None:
    id = (await vidijob("job", "submit", "WORK", "--hold")).out.strip()
    before = requests()
    watching = asyncio.create_task(vidijob("job", "watch", id))
    await answered(before)
    await asyncio.sleep(1.5)
    assert requests() - before == 1, "one was answered, another waits for news"
    run_jobs(vidijob)
    await vidijob.engine.commands.release(ADMIN, id)
    began = asyncio.get_running_loop().time()
    ended = await asyncio.wait_for(watching, 20)
    assert ended.code == Exit.DONE and asyncio.get_running_loop().time() - began < 8


async def test_lists_are_lines_for_scripts_and_the_documents_of_the_server(vidijob: Place) -> None:
    ids = [(await vidijob("job", "submit", "WORK", f"n={n}", "--hold")).out.strip() for n in range(3)]
    other = (await vidijob("job", "submit", "COPY_FILE", "title=two\nlines\tand\x1b[2J more")).out.strip()
    lines = [line.split("\t") for line in (await vidijob("job", "list")).out.splitlines()]
    assert [line[:5] for line in lines] == [
        [other, "COPY_FILE", "READY", "MEDIUM", "admin"],
        *([id, "WORK", "HOLD", "MEDIUM", "admin"] for id in reversed(ids)),
    ]
    for arguments, found in (
        (("--state", "hold", "--number", "2"), ids[:0:-1]),
        (("--type", "WORK", "--data", "n=1"), ids[1:2]),
        (("--of", "admin", "--type", "COPY_FILE"), [other]),
        (("--of", "reader"), []),
        (("--sort", "jobId", "--first", "2", "--type", "WORK"), ids[1:]),
    ):
        ended = await vidijob("job", "list", *arguments)
        assert [line.split("\t")[0] for line in ended.out.splitlines()] == found, arguments
    document = json.loads((await vidijob("job", "list", "--json", "--number", "0")).out)
    assert document["hits"] == 4
    tree = etree.fromstring((await vidijob("job", "show", other, "--xml")).out.encode())
    assert tree.tag.endswith("JobDocument")
    shown = (await vidijob("job", "show", other)).out
    assert "jobId\t" + other in shown and "data\ttitle\ttwo lines\N{REPLACEMENT CHARACTER}and" in shown
    assert "\x1b" not in shown


async def test_a_server_that_is_started_anew_is_waited_for(vidijob: Place) -> None:
    id = (await vidijob("job", "submit", "WORK", "--hold")).out.strip()
    before = requests()
    watching = asyncio.create_task(vidijob("job", "watch", id))
    await answered(before)
    # It has been told the state, and waits for news.
    await asyncio.sleep(0.4)
    await vidijob.close()
    await asyncio.sleep(1.2)
    assert not watching.done()
    run_jobs(vidijob)
    await vidijob.open()
    # Not by a command: two at once in one process would write into each other's output.
    await vidijob.engine.commands.release(ADMIN, id)
    ended = await asyncio.wait_for(watching, 20)
    assert ended.code == Exit.DONE, ended
    assert ended.out.splitlines()[0] == f"{id} HOLD" and ended.out.splitlines()[-1] == f"{id} FINISHED"
    assert "does not answer" in ended.err and ended.err.endswith("The server answers again.\n")
    await vidijob.close()
    ended = await vidijob("job", "watch", id, "--patience", "0.2")
    assert ended.code == Exit.UNREACHABLE and "Is it running, and the address right?" in ended.err


async def test_an_order_whose_answer_is_lost_is_one_job(vidijob: Place) -> None:
    await vidijob.close()
    submitting = asyncio.create_task(vidijob("job", "submit", "WORK", "--hold", "--key", "mine"))
    await asyncio.sleep(0.5)
    await vidijob.open()
    first = await submitting
    assert first.code == Exit.DONE
    assert (await vidijob("job", "submit", "WORK", "--hold", "--key", "mine")).out == first.out
    assert len((await vidijob("job", "list")).out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "set", "code", "words"),
    [
        (("job", "list"), {"VIDIJOB_PASSWORD": "wrong"}, Exit.DENIED, "does not take the login"),
        (("job", "list"), {"VIDIJOB_URL": None}, Exit.USAGE, "No server is named: give --url"),
        (("job", "list", "--url", "ftp://x"), {}, Exit.USAGE, "is no address of a server"),
        (("job", "list", "--profile", "farm"), {}, Exit.USAGE, "There is no profile farm in"),
        (("job", "abort", "VX-1", "--user", "reader"), {}, Exit.DENIED, "lacks the role _job_write"),
        (("job", "submit", "NOPE"), {}, Exit.FAULT, "NOPE"),
        (("job", "submit", "WORK", "a"), {}, Exit.USAGE, "a is not key=value."),
        (("job", "show", "a/../b"), {}, Exit.NOT_FOUND, "a/../b is no id of a job; they look like VX-80."),
        (("job", "list", "--sort", "colour"), {}, Exit.FAULT, "Jobs can be sorted by"),
    ],
)
async def test_a_refusal_is_a_sentence_and_a_code(
    vidijob: Place, arguments: tuple[str, ...], set: dict[str, str | None], code: Exit, words: str
) -> None:
    ended = await vidijob(*arguments, set=set)
    assert (ended.code, ended.out) == (code, "")
    assert words in " ".join(ended.err.split())


async def test_on_a_terminal_there_are_tables_and_bars(vidijob: Place) -> None:
    run_jobs(vidijob)
    id = await vidijob.engine.submit()
    await vidijob.engine.until(id, JobState.FINISHED)
    for arguments, words in (
        (("list",), (f"{id}", "1 of 1 jobs.", "\x1b[")),
        (("show", id), ("submitted", "ended", "50 %", "\x1b[")),
        (("watch", id), ("FINISHED", "100%", "━")),
    ):
        shown = await asyncio.to_thread(on_a_terminal, vidijob, "job", *arguments)
        assert all(word in shown for word in words), shown


def on_a_terminal(vidijob: Place, *arguments: str) -> str:
    """Run a command as a person would; returns what the terminal got."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **vidijob.variables, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    ended = subprocess.Popen(
        [sys.executable, "-m", "vidijob", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # how Linux says that nobody writes any more
    os.close(ours)
    assert ended.wait(20) == 0, shown
    return shown.decode()


async def test_a_password_is_asked_for(vidijob: Place) -> None:
    ended = await vidijob("job", "list", set={"VIDIJOB_PASSWORD": None}, input=f"{PASSWORD}\n")
    assert ended.code == Exit.DONE and f"Password of admin at {vidijob.url}" in ended.err
