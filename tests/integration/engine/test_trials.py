"""A receiver is tried out, and what is said of its notification; workers and problems as operators see them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from ipaddress import ip_network

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from tests.receiver import receiving
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.notifications import Notifications
from vidijob.engine.problems import Problems
from vidijob.engine.sender import Sender
from vidijob.engine.staff import Staff
from vidijob.engine.trials import MARK, Trials
from vidijob.errors import NotImplementedHere
from vidijob.executors.base import Done, Outcome, StepContext, Wait
from vidijob.jobs.deliveries import DeliveryState
from vidijob.jobs.notifications import Definition, HttpAction, Place, Scope, Trigger
from vidijob.jobs.states import JobState
from vidijob.store import steps
from vidijob.web.outbound import Outbound
from vidijob.web.webhooks import Webhooks

SECRET = "not really secret"


async def secret() -> str:
    return SECRET


async def test_a_receiver_is_called_at_once_and_nothing_is_kept(engine: Engine) -> None:
    notifications = Notifications(engine.database, engine.bell, ExternalIds(engine.database, "VX"), "VX")
    composer = Composer("VX")
    outbound = Outbound(secret, [ip_network("127.0.0.0/8")])
    trials = Trials(composer.compose, Webhooks(composer.write, outbound).deliver)
    async with receiving() as receiver:
        action = HttpAction(url=receiver.url("/jobs"))
        place = Place(Scope.JOBS)
        id = await notifications.define(ADMIN, place, Definition(action, Trigger.FAIL), "http://here/API")
        found = await notifications.known(f"VX-{id}")
        outcome = await trials.call(ADMIN, found)
        assert outcome.reply.received and timedelta() < outcome.lasted < timedelta(seconds=10)
        (call,) = receiver.received
        assert call.signed_with(SECRET)
        assert call.fields["status"] == "FAILED_TOTAL" and call.fields["action"] == "FAIL"
        assert call.fields["jobId"] == "VX-0" and call.fields[MARK[0]] == MARK[1]

        async def away() -> int:
            return 503

        receiver.behaviours["/jobs"] = away
        outcome = await trials.call(ADMIN, found)
        assert (outcome.reply.status, outcome.reply.received) == (503, False)
    outcome = await trials.call(ADMIN, found)
    assert outcome.reply.status is None and outcome.reply.error
    await outbound.close()
    (standing,) = await notifications.standing(10)
    assert (standing.pending, standing.last, standing.notification.id) == (0, None, id)
    with pytest.raises(NotImplementedHere):
        await Trials(None, None).call(ADMIN, found)


async def test_how_deliveries_stand(engine: Engine) -> None:
    notifications = Notifications(engine.database, engine.bell, ExternalIds(engine.database, "VX"), "VX")
    composer = Composer("VX")
    outbound = Outbound(secret, [ip_network("127.0.0.0/8")])
    async with receiving() as receiver:
        refused = HttpAction(url=receiver.url("/refused"), retry=0)

        async def no() -> int:
            return 404

        receiver.behaviours["/refused"] = no
        for action in (HttpAction(url=receiver.url("/taken")), refused):
            await notifications.define(ADMIN, Place(Scope.JOBS), Definition(action, Trigger.CREATE), "http://here/API")
        engine.notifier()
        sender = Sender(engine.database, engine.bell, Webhooks(composer.write, outbound).deliver)
        engine.parts.append(sender)
        sender.start()
        await engine.submit()
        async with asyncio.timeout(10):
            while any(one.last is None or one.pending for one in await notifications.standing(10)):
                await asyncio.sleep(0.05)
        # The newest first.
        second, first = await notifications.standing(10)
        assert (first.last, first.status) == (DeliveryState.DELIVERED, 200)
        assert (second.last, second.status) == (DeliveryState.FAILED, 404) and second.error
        assert [one.notification.id for one in await notifications.standing(1)] == [second.notification.id]
    await outbound.close()


async def test_the_jobs_of_a_problem_and_who_works(engine: Engine) -> None:
    going = asyncio.Event()

    async def wait(step: StepContext) -> Outcome:
        if "away" in step.data:
            return Wait("TEST", {"what": "tape"}, "The tape is away.")
        step.progress(1, 4, "percent")
        await going.wait()
        return Done()

    worker = engine.worker(ScriptedExecutor(work=wait))
    engine.scheduler()
    first, second = await engine.submit(away="1"), await engine.submit(away="1")
    for job in (first, second):
        await engine.until(job, JobState.WAITING)
    problems = Problems(engine.database, engine.bell, "VX")
    (problem,) = await problems.listing()
    assert await problems.one(str(problem.id)) == problem
    waiting = await problems.waiting(problem, 10)
    assert {f"VX-{one.job}" for one in waiting} == {first, second}
    assert [one.since for one in waiting] == sorted(one.since for one in waiting)
    assert {(one.type, one.user, one.step, one.description) for one in waiting} == {("WORK", "admin", 100, "Step 100")}
    assert len(await problems.waiting(problem, 1)) == 1
    running = await engine.submit()
    await engine.until(running, JobState.STARTED)
    staff = Staff(engine.database, engine.bell)
    async with asyncio.timeout(10):
        while not (holdings := (await staff.listing())[0].holdings) or holdings[0].progress is None:
            await asyncio.sleep(0.05)
    (member,) = await staff.listing()
    assert f"VX-{member.holdings[0].job}" == running
    assert not member.lost and member.worker.silent < timedelta(seconds=60)
    # It is gone without a word, and its step was taken from it.
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE worker SET seen_at = now() - interval '2 minutes'")
    assert [one.lost for one in await staff.listing()] == [True]
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE worker SET seen_at = now() - interval '20 seconds'")
    assert [one.lost for one in await staff.listing()] == [False]
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE lease SET expires_at = '-infinity'")
    assert await steps.give_back(engine.database, [late.held for late in await steps.overdue(engine.database)], None)
    assert [one.lost for one in await staff.listing()] == [True]
    going.set()
    assert worker.id == member.worker.id
