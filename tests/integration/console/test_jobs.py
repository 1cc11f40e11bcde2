"""The table of jobs, one job, and what is done to them, as a browser without scripts sees it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from lxml import etree
from PIL import Image

from tests.integration.console.conftest import Browser, Shown
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from tests.integration.serving import served
from vidijob import resources
from vidijob.engine.uploads import Uploads
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.executors.storage import Storage
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState
from vidijob.store.database import Database


def listed(shown: Shown) -> list[str]:
    """Return the ids of the jobs in the table, in order."""
    return re.findall(r'<tr id="(VX-\d+)">', shown.text)


def facet(shown: Shown, name: str) -> dict[str, int]:
    """Return the counts of a facet by what people read."""
    part = shown.text.partition(f'id="facet-{name}"')[2].partition("</section>")[0]
    found = re.findall(r'class="clip"[^>]*>([^<]+)</span>\s*<span class="count">([\d,]+)<', part)
    return {words: int(count.replace(",", "")) for words, count in found}


async def test_jobs_are_listed_found_counted_and_paged(browser: Browser, engine: Engine) -> None:
    await browser.log_in("reader")
    empty = await browser.get("/jobs")
    assert "No jobs yet" in empty.words
    ids = [await engine.submit(title=f"clip {n}", sourceUri=f"file:///media/clip%20{n}.mov") for n in range(3)]
    ids.append(await engine.submit("COPY_FILE", Priority.HIGH, title="<b>&news</b>"))
    await engine.commands.abort(ADMIN, ids[0], reason="", cleanup=False)
    shown = await browser.get("/jobs")
    assert listed(shown) == list(reversed(ids))
    assert "4 jobs" in shown.words
    assert "&lt;b&gt;&amp;news&lt;/b&gt;" in shown.text
    assert facet(shown, "state")["Queued"] == 3
    assert facet(shown, "type") == {"WORK": 3, "COPY_FILE": 1}
    # A facet counts what there would be without its own values.
    queued = await browser.get("/jobs?state=READY&type=WORK")
    assert listed(queued) == [ids[2], ids[1]]
    assert facet(queued, "state")["Aborted"] == 1
    assert facet(queued, "type") == {"WORK": 2, "COPY_FILE": 1}
    assert listed(await browser.get("/jobs?priority=HIGH&user=admin")) == [ids[3]]
    assert listed(await browser.get("/jobs?q=title%3Dclip*")) == ids[2::-1]
    assert listed(await browser.get('/jobs?q=title%3D"clip 1"')) == [ids[1]]
    assert listed(await browser.get("/jobs?q=clip%20202.mov")) == [ids[2]]
    assert listed(await browser.get("/jobs?since=2020-01-01T00:00&until=2099-01-01T00:00")) == list(reversed(ids))
    assert listed(await browser.get("/jobs?sort=-id&size=2&page=2")) == ids[2:]
    assert listed(await browser.get("/jobs?sort=priority"))[0] == ids[3]
    assert "No job is like that" in (await browser.get("/jobs?since=2099-01-01T00:00")).words


@pytest.mark.parametrize("text", ["VX-1", "vx-1", "1", "JOB-VX-1"])
async def test_an_id_leads_to_the_job(browser: Browser, engine: Engine, text: str) -> None:
    await browser.log_in("lister")
    await engine.submit()
    assert (await browser.get(f"/jobs?q={text}", follow=False)).headers["Location"] == "/console/jobs/VX-1"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("state=NONSENSE", "The parameter state is one of"),
        ("sort=colour", "Jobs can be sorted by"),
        ('q="open', "A quotation mark has no counterpart"),
        ("q=%3Dx", "Before the = stands a key"),
        ("since=yesterday", "A time is written like"),
        ("page=0", "whole number from 1"),
        ("size=100000", "whole number from 1 to 200"),
    ],
)
async def test_what_cannot_be_searched_says_why_in_the_page(browser: Browser, query: str, words: str) -> None:
    await browser.log_in("reader")
    shown = await browser.get(f"/jobs?{query}")
    assert shown.status == 400
    assert words in shown.words
    assert 'role="search"' in shown.text


async def test_without_the_role_to_search_nothing_is_counted_but_all_is_listed(
    browser: Browser, engine: Engine
) -> None:
    await browser.log_in("lister")
    ids = [await engine.submit() for _ in range(2)]
    shown = await browser.get("/jobs?state=READY")
    assert listed(shown) == ids[::-1]
    assert 'class="count"' not in shown.text
    assert 'name="do"' not in shown.text


async def test_many_are_aborted_after_a_question_and_each_tells_what_came_of_it(
    browser: Browser, engine: Engine
) -> None:
    await browser.log_in("operator")
    ids = [await engine.submit() for _ in range(3)]
    await engine.commands.abort(ADMIN, ids[0], reason=None, cleanup=False)
    chosen = [("id", id) for id in [*ids, "VX-999"]]
    sure = await browser.send("/jobs/selected", [("do", "abort"), *chosen], "/jobs")
    assert "Abort 2 jobs?" in sure.words
    assert f"Left out: {ids[0]} (aborted)" in sure.words
    assert "No longer there: VX-999." in sure.words
    done = await browser.send(
        "/jobs/selected", [("do", "abort"), ("sure", "yes"), ("reason", "wrong <tape>"), *chosen], "/jobs"
    )
    assert "2 of 4 jobs aborted" in done.words
    assert f"{ids[0]} The job {ids[0]} has ended (ABORTED): it cannot be aborted." in done.words
    assert "VX-999 There is no Job VX-999." in done.words
    job = await engine.until(ids[2], JobState.ABORTED)
    assert job.data["abortReason"] == ["wrong <tape>"]
    assert "wrong &lt;tape&gt;" in (await browser.get(f"/jobs/{ids[2]}")).text


async def test_priority_rerun_release_and_delete(browser: Browser, engine: Engine) -> None:
    await browser.log_in("operator")
    id = await engine.submit(title="one")

    async def do(deed: str, *more: tuple[str, str]) -> Shown:
        return await browser.send("/jobs/selected", [("do", deed), ("sure", "yes"), ("id", id), *more], "/jobs")

    assert "has another priority" in (await do("priority", ("priority", "HIGHEST"))).words
    assert (await engine.insights.job(id)).priority is Priority.HIGHEST
    assert "lacks the role _super_access_user" in (await do("priority", ("priority", "IMMEDIATE"))).words
    assert (await do("priority")).status == 400
    again = await do("rerun", ("hold", "yes"))
    assert "This is the new job" in again.words
    assert f"Re-run of {id}" in again.words
    copy = await engine.insights.job("VX-2")
    assert (copy.user, copy.state, copy.priority) == ("operator", JobState.HOLD, Priority.HIGHEST)
    assert "its state" not in again.words and 'value="release"' in again.text
    refused = await do("release")
    assert "only one in HOLD can be released" in refused.words
    assert "0 of 1 job released" in refused.words
    await browser.send("/jobs/selected", [("do", "release"), ("sure", "yes"), ("id", "VX-2")], "/jobs")
    assert (await engine.insights.job("VX-2")).state is JobState.READY
    assert "abort it first" in (await do("delete")).words
    await do("abort")
    assert "The job is deleted." in (await do("delete")).words
    assert (await browser.get(f"/jobs/{id}")).status == 404
    assert (await do("nonsense")).status == 400
    nothing = await browser.send("/jobs/selected", [("do", "abort")], "/jobs")
    assert "No job is selected" in nothing.words


async def test_what_a_role_does_not_allow_is_not_offered_and_refused(browser: Browser, engine: Engine) -> None:
    await browser.log_in("reader")
    id = await engine.submit()
    for page in ("/jobs", f"/jobs/{id}"):
        assert 'name="do"' not in (await browser.get(page)).text
    tried = await browser.send("/jobs/selected", [("do", "abort"), ("sure", "yes"), ("id", id)], "/jobs")
    assert tried.status == 403
    assert "The user reader lacks the role _job_write." in tried.words
    assert (await engine.insights.job(id)).state is JobState.READY


async def test_a_job_that_failed_says_so_first(browser: Browser, engine: Engine) -> None:
    async def fail(step: StepContext) -> Outcome:
        if step.step == 200:
            return Fail("The tape <1> is torn.")
        if executor.calls.count((step.job, 100)) == 1:
            return Retry("Not yet.")
        step.progress(1, 4, "percent")
        return Done({"mediaInfo": ['{"streams": [{"kind": "video", "codec": "h264", "width": 320, "height": 180}]}']})

    await browser.log_in("reader")
    executor = ScriptedExecutor(work=fail)
    engine.worker(executor)
    engine.scheduler()
    id = await engine.submit(
        title="torn", destinationUri="", sourceUri="ftp://fred:secret@host/x", note="\u202e\x7f\x01"
    )
    await engine.until(id)
    shown = await browser.get(f"/jobs/{id}")
    main = shown.text.partition("<main")[2]
    assert main.index("Step 200 failed") < main.index('id="steps"')
    assert "The tape &lt;1&gt; is torn." in main
    assert "ftp://fred:***@host/x" in main and "secret" not in main
    assert "2 tries" in shown.words
    assert "video · h264 · 320\N{MULTIPLICATION SIGN}180" in shown.words
    assert main.count('<svg xmlns="http://www.w3.org/2000/svg" class="graph"') == 1
    lanes = re.findall(r'aria-label="([^"]+)">', main.partition('id="timeline"')[2].partition("</section>")[0])
    assert lanes[0].startswith("Queue: Queued,")
    assert re.match(r"Step 100: Failed, tried again, .*; Finished, ", lanes[1])
    assert lanes[2].startswith("Step 200: Failed, ")
    etree.HTML(shown.text)


async def test_how_long_it_takes_is_not_guessed_from_next_to_nothing(browser: Browser, engine: Engine) -> None:
    release = asyncio.Event()

    async def crawl(step: StepContext) -> Outcome:
        step.progress(1e-300, 1, "percent")
        await release.wait()
        return Done()

    await browser.log_in("reader")
    engine.worker(ScriptedExecutor(work=crawl))
    engine.scheduler()
    id = await engine.submit()
    async with asyncio.timeout(10):
        while not (log := (await engine.insights.job(id)).log) or log[0].progress is None:
            await asyncio.sleep(0.05)
    shown = await browser.get(f"/jobs/{id}")
    assert (shown.status, "left" in shown.words) == (200, False)
    release.set()


async def test_it_can_be_had_as_it_is(browser: Browser, engine: Engine) -> None:
    await browser.log_in("lister")
    id = await engine.submit(title="raw")
    schema = etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd"))
    schema.assertValid(etree.fromstring((await browser.get(f"/jobs/{id}/raw/xml")).text.encode()))
    document = json.loads((await browser.get(f"/jobs/{id}/raw/json")).text)
    assert (document["jobId"], document["data"]) == (id, [{"key": "title", "value": "raw"}])
    assert (await browser.get(f"/jobs/{id}/raw/pdf")).status == 404
    for nothing in ("VX-99", "YY-1", "nonsense", "VX-1%2f..", "%00"):
        assert (await browser.get(f"/jobs/{nothing}")).status in (400, 404), nothing


async def test_pictures_that_a_job_made_are_shown_and_nothing_else_is(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.png"
    root.mkdir()
    Image.new("RGB", (16, 9), "red").save(root / "a still.jpg")
    Image.new("RGB", (16, 9), "blue").save(outside)
    (root / "no picture.png").write_bytes(b"<svg onload=alert(1)>")
    (root / "link.png").symlink_to(outside)
    wanted = [root / "a still.jpg", root / "no picture.png", root / "link.png", outside, root / "gone.jpg"]
    await engine.write_types()
    job = await engine.commands.submit(
        ADMIN, "WORK", Priority.LOW, {"posterUri": [path.as_uri() for path in wanted], "fileUri": ["file:///x.mp4"]}
    )
    uploads = Uploads(database, Storage([root]))
    async with served(engine, {"reader": ["_job_read"]}, uploads=uploads) as client:
        browser = Browser(client)
        await browser.log_in("reader")
        assert 'alt="a still.jpg"' in (await browser.get(f"/jobs/VX-{job.id}")).text
        async with browser.session.get(f"{browser.base}/jobs/VX-{job.id}/picture/0") as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert await answer.read() == (root / "a still.jpg").read_bytes()
        for place in (1, 2, 3, 4, 5, -1, "x"):
            assert (await browser.get(f"/jobs/VX-{job.id}/picture/{place}")).status == 404, place
        await browser.session.close()
