"""The pages beside the jobs, as a browser without scripts sees them: who may see what, and what forms do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from tests.integration.console.conftest import Browser
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from tests.integration.serving import PASSWORD, served
from tests.receiver import Receiver, receiving
from vidijob import help
from vidijob.access import ROLES
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.console.problems import NEEDS
from vidijob.console.registry import ROOMS
from vidijob.engine.accounts import Accounts
from vidijob.engine.configuration import Configuration
from vidijob.engine.problems import Problems
from vidijob.engine.trials import Trials
from vidijob.executors.base import Done, Outcome, StepContext, Wait
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.states import JobState
from vidijob.store.database import Database
from vidijob.web.outbound import Outbound
from vidijob.web.webhooks import Webhooks

#: What nobody writes by chance.
HOSTILE = "<script>alert(1)</script>&\"'"


class Shelf:
    """Where tapes are, of which jobs need one each."""

    def __init__(self) -> None:
        self.there: set[str] = set()

    async def need(self, step: StepContext) -> Outcome:
        """Wait for the tape that the job's data names; clean-up needs none."""
        tape = step.data.get("tape", [""])[0]
        if step.step == 100 and tape not in self.there:
            return Wait("TEST", {"tape": tape}, f"The tape {tape} is away.")
        return Done()


async def waiting(engine: Engine, shelf: Shelf, *tapes: str) -> list[str]:
    """Let jobs wait for tapes."""
    engine.worker(ScriptedExecutor(work=shelf.need))
    engine.scheduler()
    jobs = [await engine.submit(tape=tape) for tape in tapes]
    for job in jobs:
        await engine.until(job, JobState.WAITING)
    return jobs


PATHS = [
    route.path.format(name="TRANSCODE", topic="backup")
    for room in ROOMS
    for route in room.routes
    if route.method == "GET" and route.path not in ("/", "/login", "/live") and "{id}" not in route.path
]


@pytest.mark.parametrize("user", ["admin", "operator", "lister", "nobody"])
async def test_each_sees_the_pages_of_his_roles_and_no_others(browser: Browser, user: str) -> None:
    await browser.log_in(user)
    home = await browser.get("/help")
    for room in ROOMS:
        if room.entry is None:
            continue
        offered = f'href="/console{room.entry.path}"' in home.text
        shown = await browser.get(room.entry.path)
        assert shown.status == (200 if offered else 403), room.entry.path
        if user == "admin":
            assert offered
    for path in PATHS:
        shown = await browser.get(path)
        assert shown.status in ((200, 404) if user == "admin" else (200, 403, 404)), (path, shown.words)


async def test_whoever_may_only_read_is_offered_nothing_and_refused_everything(
    engine: Engine, browser: Browser
) -> None:
    await waiting(engine, Shelf(), "a")
    (problem,) = await Problems(engine.database, engine.bell, "VX").listing()
    await browser.log_in("lister")
    shown = await browser.get("/problems")
    assert "The tape a is away." in shown.words and f"/problems/{problem.id}/" not in shown.text
    for room in ROOMS:
        for route in room.routes:
            path = re.sub(r"\{\w+\}", str(problem.id), route.path)
            if route.method != "POST" or path in ("/login", "/logout", "/theme"):
                continue
            refused = await browser.send(path, [], "/help")
            assert refused.status == 403, path
    assert (await engine.insights.job("VX-1")).state is JobState.WAITING


async def test_problems_are_shown_and_decided(engine: Engine, browser: Browser) -> None:
    shelf = Shelf()
    first, second, third, fourth = await waiting(engine, shelf, "a", "a", HOSTILE, "b")
    await browser.log_in("operator")
    shown = await browser.get("/problems")
    assert "4 jobs wait for 3 problems" in shown.words and HOSTILE not in shown.text
    assert all(f"/console/jobs/{job}" in shown.text for job in (first, second, third, fourth))
    by_tape = {one.data["tape"]: one.id for one in await Problems(engine.database, engine.bell, "VX").listing()}
    failed = await browser.send(f"/problems/{by_tape['b']}/fail", [], "/problems")
    assert "fail as soon as their turn comes" in failed.words
    assert (await engine.until(fourth)).state is JobState.FAILED_TOTAL
    await browser.send(f"/problems/{by_tape['a']}/abort", [("reason", "nobody wants it")], "/problems")
    for job in (first, second):
        ended = await engine.until(job)
        assert ended.state is JobState.ABORTED and ended.data["abortReason"] == ["nobody wants it"]
    shelf.there.add(HOSTILE)
    await browser.send(f"/problems/{by_tape[HOSTILE]}/retry", [], "/problems")
    assert (await engine.until(third)).state is JobState.FINISHED
    assert "No job waits for anything" in (await browser.get("/problems")).words
    assert (await browser.send("/problems/99/retry", [], "/problems")).status == 404
    assert (await browser.send("/problems/x/abort", [], "/problems")).status == 404


def test_the_problems_that_the_help_page_explains_are_explained_here() -> None:
    text = help.page("problems").text
    assert all(f"| `{type}` |" in text for type in NEEDS) and text.count("| `") == len(NEEDS)


async def test_workers_are_drained_and_resumed(engine: Engine, browser: Browser) -> None:
    await browser.log_in("admin")
    assert "No worker is there" in (await browser.get("/workers")).words
    going = asyncio.Event()

    async def hold(step: StepContext) -> Outcome:
        await going.wait()
        return Done()

    worker = engine.worker(ScriptedExecutor(work=hold))
    engine.scheduler()
    job = await engine.submit()
    await engine.until(job, JobState.STARTED)
    async with asyncio.timeout(10):
        while f'id="run-{job[3:]}-100"' not in (shown := await browser.get("/workers")).text:
            await asyncio.sleep(0.05)
    assert "1 of 4 slots" in shown.words and "Working" in shown.words
    drained = await browser.send(f"/workers/{worker.id}/drain", [], "/workers")
    assert "Draining" in drained.words and "takes no more" in drained.words
    assert "Working" in (await browser.send(f"/workers/{worker.id}/resume", [], "/workers")).words
    assert (await browser.send("/workers/x/drain", [], "/workers")).status == 404
    going.set()
    await engine.until(job)


async def test_the_queue_is_paused_and_its_limits_set(engine: Engine, browser: Browser) -> None:
    await engine.submit()
    await browser.log_in("admin")
    for span in ("hour", "day", "week"):
        shown = await browser.get(f"/queue?span={span}")
        assert shown.text.count('class="plot"') == 2
    assert (await browser.get("/queue?span=year")).status == 400
    assert "All admission is paused" in (await browser.send("/queue/pause", [("paused", "true")], "/queue")).words
    assert "All admission" not in (await browser.send("/queue/pause", [("paused", "false")], "/queue")).words
    set_to = await browser.send("/queue/limits", [("concurrent", "7"), ("pool-HIGH", "2"), ("pool-LOW", "0")], "/queue")
    assert "0 of 7 jobs run" in set_to.words and "2 of these places are kept for High and above" in set_to.words
    refused = await browser.send("/queue/limits", [("concurrent", "1"), ("pool-HIGH", "2")], "/queue")
    assert refused.status == 400 and "1 may run at once" in refused.words
    pools = await Configuration(engine.database, engine.bell).job_pools()
    assert (pools.concurrent_jobs, [pool.size for pool in pools.pools]) == (7, [2])
    assert (await browser.send("/queue/group", [("group", "nobody")], "/queue")).status == 404


@pytest.mark.parametrize("name", ["TRANSCODE", "WORK", "IMPORT"])
async def test_a_job_type_has_a_page_with_its_graph(browser: Browser, name: str) -> None:
    await browser.log_in("admin")
    listed = await browser.get("/types")
    assert f"/console/types/{name}" in listed.text
    shown = await browser.get(f"/types/{name}")
    assert shown.status == 200 and "<style" not in shown.text
    assert (shown.text.count("<svg ") > 0 and "The steps, and which waits for which" in shown.text) is (
        name != "IMPORT"
    )
    for key in () if name == "WORK" else (*_page(name),):
        assert key in shown.words


def _page(name: str) -> list[str]:
    from vidijob.jobs.catalogue import PAGES

    return [*PAGES[name].takes, *PAGES[name].gives]


async def test_only_types_of_ones_own_are_deleted(engine: Engine, browser: Browser) -> None:
    await engine.job_types.define(ADMIN, "ACME_X", 20001)
    await browser.log_in("admin")
    assert "No steps" in (await browser.get("/types/ACME_X")).words
    assert "is deleted" in (await browser.send("/types/ACME_X/delete", [], "/types")).words
    assert (await browser.get("/types/ACME_X")).status == 404
    assert (await browser.send("/types/TRANSCODE/delete", [], "/types")).status == 400
    assert "TRANSCODE" in JOB_TYPES


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of notifications."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def calling(engine: Engine, database: Database, server: object) -> AsyncIterator[Browser]:
    """A browser of a server that calls receivers."""

    async def secret() -> str:
        return "not really secret"

    composer, outbound = Composer("VX"), Outbound(secret, [ip_network("127.0.0.0/8")])
    trials = Trials(composer.compose, Webhooks(composer.write, outbound).deliver)
    async with served(engine, trials=trials) as client:
        browser = Browser(client)
        yield browser
        await browser.session.close()
    await outbound.close()


async def test_a_notification_from_its_definition_to_its_end(calling: Browser, receiver: Receiver) -> None:
    await calling.log_in("admin")
    url = receiver.url("/jobs").replace("://", "://ann:hush@")
    form = [("url", url), ("trigger", "stop"), ("types", "TRANSCODE, WORK"), ("form", "application/json")]
    defined = await calling.send("/notifications", form, "/notifications")
    assert "VX-1" in defined.words and "of TRANSCODE, WORK" in defined.words and "none yet" in defined.words
    assert "hush" not in defined.text
    tried = await calling.send("/notifications/VX-1/test", [], "/notifications")
    assert "The receiver has taken it: it answered 200." in tried.words and "hush" not in tried.text
    (call,) = receiver.received
    told = {one["key"]: one["value"] for one in json.loads(call.body)["field"]}
    assert (told["type"], told["status"], told["vidijobTest"]) == ("TRANSCODE", "FINISHED", "true")

    async def refuse() -> int:
        return 500

    receiver.behaviours["/jobs"] = refuse
    assert "The answer was 500." in (await calling.send("/notifications/VX-1/test", [], "/notifications")).words
    assert (await calling.get("/notifications/VX-1?state=failed")).status == 200
    assert (await calling.send("/notifications/VX-1/deliveries/x/resend", [], "/notifications")).status == 404
    for bad in ([("url", "ftp://x/"), ("form", "text/plain")], [("url", url), ("form", "text/html")]):
        assert (await calling.send("/notifications", bad, "/notifications")).status == 400
    assert "Nobody is told" in (await calling.send("/notifications/VX-1/forget", [], "/notifications")).words
    assert (await calling.get("/notifications/VX-1")).status == 404


async def test_who_reads_some_notifications_does_not_see_others(
    engine: Engine, browser: Browser, database: Database
) -> None:
    accounts = Accounts(database)
    await accounts.add("namer", PASSWORD, ["_placeholder_notification_read"])
    await browser.log_in("admin")
    form = [("url", "https://receiver.example/"), ("trigger", "fail"), ("form", "text/plain")]
    await browser.send("/notifications", form, "/notifications")
    await browser.get("/logout")
    await browser.send("/logout", [], "/help")
    await browser.log_in("namer")
    assert "receiver.example" not in (await browser.get("/notifications")).text
    refused = await browser.get("/notifications/VX-1")
    assert refused.status == 403 and "_job_notification_read" in refused.words


async def test_users_are_made_changed_and_taken_out(browser: Browser) -> None:
    await browser.log_in("admin")
    form = [("name", "ann"), ("real", f"Ann {HOSTILE}"), ("password", "a long enough one"), ("role", "_job_read")]
    made = await browser.send("/users", form, "/users")
    assert "ann" in made.words and HOSTILE not in made.text
    assert (await browser.send("/users", form, "/users")).status == 400
    long = [("name", "bob"), ("real", "x" * 1001), ("password", "a long enough one")]
    assert (await browser.send("/users", long, "/users")).status == 400
    assert (await browser.get("/users/bob")).status == 404
    odd = [("name", "b%6fb?#"), ("real", ""), ("password", "a long enough one")]
    assert "b%6fb?#" in (await browser.send("/users", odd, "/users")).words
    changed = await browser.send(
        "/users/ann", [("role", "_job_search"), ("role", "_job_write"), ("real", "")], "/users/ann"
    )
    assert changed.text.count(" checked") == 2
    listed = (await browser.get("/users")).words
    assert "_job_search, _job_write" in listed
    assert (await browser.send("/users/ann", [("role", "_god")], "/users/ann")).status == 400
    different = await browser.send(
        "/users/ann/password", [("password", "one of them"), ("again", "another")], "/users/ann"
    )
    assert different.status == 400
    again = [("password", "another long one"), ("again", "another long one")]
    assert "password is changed" in (await browser.send("/users/ann/password", again, "/users/ann")).words
    assert "Disabled" in (await browser.send("/users/ann/disable", [("disabled", "true")], "/users/ann")).words
    assert "deleted" in (await browser.send("/users/ann/delete", [], "/users")).words
    # The last administrator stays one.
    kept = await browser.send(
        "/users/admin", [("role", role) for role in ROLES if role != "_administrator"], "/users/admin"
    )
    assert kept.status == 409 and "give it to another one first" in kept.words


async def test_everybody_may_look_at_himself(browser: Browser) -> None:
    await browser.log_in("lister")
    shown = await browser.get("/users/lister")
    assert shown.status == 200 and "Save" not in shown.words
    assert (await browser.get("/users/admin")).status == 403
    again = [("password", "another long one"), ("again", "another long one")]
    await browser.send("/users/lister/password", again, "/users/lister")
    assert (await browser.log_in("lister", "another long one")).status == 200
    assert (await browser.send("/users/lister", [("role", "_administrator")], "/users/lister")).status == 403


async def test_the_configuration_is_changed(browser: Browser) -> None:
    await browser.log_in("admin")
    shown = await browser.get("/configuration")
    assert "The database answers." in shown.words and "concurrentJobs" in shown.words
    form = [("key", "acme.note"), ("value", HOSTILE)]
    changed = await browser.send("/configuration/property", form, "/configuration")
    assert "acme.note" in changed.words and HOSTILE not in changed.text
    gone = await browser.send("/configuration/property/delete", [("key", "acme.note")], "/configuration")
    assert "acme.note" not in gone.words
    bad = await browser.send(
        "/configuration/property", [("key", "concurrentJobs"), ("value", "many")], "/configuration"
    )
    assert bad.status == 400 and "whole number" in bad.words
    assert "30 days" in (await browser.send("/configuration/keep", [("days", "30")], "/configuration")).words
    assert "For ever" in (await browser.send("/configuration/keep", [("days", "0")], "/configuration")).words


async def test_who_may_only_read_the_configuration_sees_no_secret(browser: Browser, database: Database) -> None:
    await Accounts(database).add("auditor", PASSWORD, ["_configuration_read"])
    await browser.log_in("auditor")
    shown = await browser.get("/configuration")
    assert shown.status == 200 and "secret of webhooks" not in shown.words and "<button>Set" not in shown.text
    assert (await browser.get("/workers")).status == 200


async def test_every_help_page_is_shown_with_all_its_words(browser: Browser) -> None:
    await browser.log_in("nobody")
    listed = await browser.get("/help")
    for page in help.pages():
        assert page.title in listed.words
        shown = await browser.get(f"/help/{page.topic}")
        assert shown.status == 200 and page.title in shown.words
        # The last words of a page are there: nothing broke off.
        last = page.text.replace("`", "").replace("*", "").replace("|", " ").split()[-2:]
        assert " ".join(word for word in last if word.isalpha()) in shown.words
    assert 'href="/console/help/webhooks"' in (await browser.get("/help/hardening")).text
    assert 'href="/console/help/dask"' in (await browser.get("/help/settings")).text
    assert (await browser.get("/help/../../etc/passwd")).status == 404
    assert (await browser.get("/help/nothing")).status == 404
