"""From the event log to the outbox and out of it: nothing is missed, nothing is there twice, and the order is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.engine import commands, sender
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.notifications import Notifications
from vidijob.engine.notifier import Notifier
from vidijob.engine.sender import LEASE, Sender
from vidijob.errors import TransitionRefused, Unavailable
from vidijob.jobs.deliveries import DeliveryState, LaneHold, Letter, Reply
from vidijob.jobs.model import Job, JobId, Priority
from vidijob.jobs.notifications import (
    Change,
    Definition,
    HttpAction,
    Notification,
    NotificationRequest,
    Place,
    Scope,
    Trigger,
)
from vidijob.store import deliveries
from vidijob.store.database import Database

ANY = Place(Scope.JOBS)
#: What is told when three things happen to a job.
IN_ORDER = ["1 STARTED", "2 STARTED", "3 STARTED"]
Answer = Callable[[Letter], Awaitable[Reply]]


def compose(
    notification: Notification, change: Change, job: Job, request: NotificationRequest, sequence: int
) -> Sequence[tuple[str, str]]:
    """Tell what a test wants to know."""
    step = job.current_step
    return [
        ("job", str(job.id)),
        ("event", str(sequence)),
        ("what", f"{change.step or 'job'} {change.new}"),
        ("state", job.state.value),
        ("at", "" if step is None else f"{step.number} {step.state.value}"),
        *((key, value) for key, values in request.data.items() for value in values),
    ]


def define_as(trigger: Trigger, url: str = "http://receiver.example/a", **action: Any) -> Definition:
    return Definition(HttpAction(url, **action), trigger)


@pytest.fixture
def notifications(engine: Engine) -> Notifications:
    return Notifications(engine.database, engine.bell, ExternalIds(engine.database, "VX"), "VX")


@pytest.fixture
def notifier(engine: Engine) -> Notifier:
    """A reader that reads when the test says so."""
    return Notifier(engine.database, engine.bell, compose)


@pytest.fixture
async def outside(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection of the test's own."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def read(notifier: Notifier) -> None:
    """Let it read all that is there; it pauses between two looks."""
    await asyncio.sleep(0.03)
    await notifier.tick()


async def outbox(engine: Engine) -> list[dict[str, str]]:
    """Return what is to be told, in the order of sending."""
    async with engine.database.session() as session:
        rows = await session._connection.fetch("SELECT payload FROM delivery ORDER BY id")
    return [dict(row["payload"]) for row in rows]


async def run_a_job(engine: Engine) -> str:
    if not engine.parts:
        engine.worker(ScriptedExecutor())
        engine.scheduler()
    job = await engine.submit()
    await engine.until(job)
    return job


async def happen(connection: asyncpg.Connection[Any], job: int, step: int = 1) -> None:
    """Write a line of the event log, as the engine does."""
    await connection.execute(
        "INSERT INTO event (job_id, step, old_state, new_state, actor) VALUES ($1, $2, 'READY', 'STARTED', 'test')",
        job,
        step,
    )


async def test_each_trigger_once_in_order_and_as_it_was_right_then(
    engine: Engine, notifications: Notifications, notifier: Notifier
) -> None:
    before = await run_a_job(engine)
    for trigger in Trigger:
        await notifications.define(ADMIN, ANY, define_as(trigger), "http://here/API/")
    job = await run_a_job(engine)
    # Long after the end: every line is told as of its own moment.
    await read(notifier)
    told = await outbox(engine)
    assert {one["job"] for one in told} == {job.removeprefix("VX-")} != {before.removeprefix("VX-")}
    async with engine.database.session() as session:
        rows = await session._connection.fetch("SELECT trigger, payload FROM delivery ORDER BY id")
    by = {trigger: [dict(row["payload"]) for row in rows if row["trigger"] == trigger.value] for trigger in Trigger}
    for trigger in (Trigger.STOP, Trigger.FINISHED):
        assert [(one["what"], one["state"]) for one in by[trigger]] == [("job FINISHED", "FINISHED")]
    assert by[Trigger.FAIL] == []
    assert [(one["what"], one["state"], one["at"]) for one in by[Trigger.CREATE]] == [("job READY", "READY", "")]
    updates = [(one["what"], one["state"], one["at"]) for one in by[Trigger.UPDATE]]
    assert updates[0] == ("job STARTED", "STARTED", "")
    assert ("100 STARTED_ASYNCHRONOUS", "STARTED", "1 STARTED_ASYNCHRONOUS") in updates and (
        "200 FINISHED",
        "STARTED",
        "2 FINISHED",
    ) in updates
    assert updates[-1] == ("job FINISHED", "FINISHED", "3 FINISHED")
    events = [event for event in await engine.events() if f"VX-{event[0]}" == job]
    assert len(updates) == len(events) - 1
    assert [int(one["event"]) for one in told] == sorted(int(one["event"]) for one in told)
    # Nothing is told again.
    await read(notifier)
    assert len(await outbox(engine)) == len(told)


async def test_a_reader_stops_before_a_transaction_that_is_open(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any], url: str
) -> None:
    job = int((await engine.submit()).removeprefix("VX-"))
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    other = await asyncpg.connect(url)
    try:
        first, second = outside.transaction(), other.transaction()
        # The first has the smaller transaction number and the larger event number, or the other way round.
        await first.start()
        await second.start()
        await outside.execute("SELECT pg_current_xact_id()")
        await happen(other, job, 1)
        await happen(outside, job, 2)
        await first.commit()
        await read(notifier)
        told_early = [one["what"] for one in await outbox(engine)]
        assert told_early in ([], ["2 STARTED"]), "what is certain by its transaction's number"
        await second.commit()
        await read(notifier)
        assert sorted(one["what"] for one in await outbox(engine)) == ["1 STARTED", "2 STARTED"]
    finally:
        await other.close()


async def test_what_happened_to_one_job_stays_in_order_whatever_its_transactions_numbers_are(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any], url: str
) -> None:
    job = int((await engine.submit()).removeprefix("VX-"))
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    other = await asyncpg.connect(url)
    try:
        late = outside.transaction()
        await late.start()
        await outside.execute("SELECT pg_current_xact_id()")
        # A younger transaction changes the job and is done before the older one does.
        await happen(other, job, 1)
        await happen(outside, job, 2)
        await happen(other, job, 3)
        await read(notifier)
        assert await outbox(engine) == []
        await late.commit()
        await read(notifier)
        assert [one["what"] for one in await outbox(engine)] == IN_ORDER
    finally:
        await other.close()


async def test_a_transaction_of_another_database_holds_up_nobody(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any], empty_url: str
) -> None:
    job = int((await engine.submit()).removeprefix("VX-"))
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    stranger = await asyncpg.connect(empty_url)
    try:
        async with stranger.transaction():
            await stranger.execute("SELECT pg_current_xact_id()")
            await happen(outside, job)
            await read(notifier)
            assert [one["what"] for one in await outbox(engine)] == ["1 STARTED"]
    finally:
        await stranger.close()


async def test_many_readers_and_many_events(
    engine: Engine, notifications: Notifications, outside: asyncpg.Connection[Any]
) -> None:
    job = int((await engine.submit()).removeprefix("VX-"))
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    await outside.execute(
        "INSERT INTO event (job_id, step, old_state, new_state, actor)"
        " SELECT $1, n, 'READY', 'STARTED', 'test' FROM generate_series(1, 450) n",
        job,
    )
    readers = [Notifier(engine.database, engine.bell, compose) for _ in range(4)]
    async with asyncio.timeout(20):
        while len(await outbox(engine)) < 450:
            await asyncio.gather(*map(read, readers))
    assert [one["what"] for one in await outbox(engine)] == [f"{n} STARTED" for n in range(1, 451)]


async def test_while_jobs_run_nothing_is_missed_and_nothing_is_there_twice(
    engine: Engine, notifications: Notifications, outside: asyncpg.Connection[Any]
) -> None:
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    await notifications.define(ADMIN, ANY, define_as(Trigger.CREATE), "")
    engine.concurrent_jobs = 10
    for _ in range(2):
        engine.worker(ScriptedExecutor(), slots=8)
        reader = Notifier(engine.database, engine.bell, compose)
        engine.parts.append(reader)
        reader.start()
    engine.scheduler()
    jobs = await asyncio.gather(*(engine.submit() for _ in range(25)))
    for job in jobs:
        await engine.until(job, seconds=40)
    wanted = [row["id"] for row in await outside.fetch("SELECT id FROM happened ORDER BY job_id, id")]
    assert len(wanted) > 25 * 10
    async with asyncio.timeout(15):
        while await outside.fetchval("SELECT count(*) FROM delivery") < len(wanted):
            await asyncio.sleep(0.05)
    told = [row["event_id"] for row in await outside.fetch("SELECT event_id FROM delivery ORDER BY job_id, id")]
    assert told == wanted


async def test_a_reader_that_is_killed_leaves_nothing_half_done(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    job = int((await engine.submit()).removeprefix("VX-"))
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    await happen(outside, job)
    with pytest.raises(ZeroDivisionError):
        # Killed when all is written and nothing is certain.
        async with engine.database.transaction() as session:
            assert await deliveries.hold(session)
            stretch = await deliveries.advance(session)
            assert stretch is not None
            assert len(await deliveries.events(session, stretch, 10)) == 1
            await deliveries.looked(session, stretch.after, done=True)
            raise ZeroDivisionError
    await read(notifier)
    assert len(await outbox(engine)) == 1


async def test_what_happened_while_nobody_listened_is_passed_over(
    engine: Engine, notifications: Notifications, notifier: Notifier
) -> None:
    await run_a_job(engine)
    await read(notifier)
    assert not (await deliveries.news(engine.database)).wanted
    await notifications.define(ADMIN, ANY, define_as(Trigger.STOP), "")
    job = await run_a_job(engine)
    await read(notifier)
    assert [one["job"] for one in await outbox(engine)] == [job.removeprefix("VX-")]


async def test_a_database_that_came_from_a_server_with_larger_numbers(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    job = int((await engine.submit()).removeprefix("VX-"))
    await happen(outside, job, 1)
    await read(notifier)
    # Dumped with one line not looked at; the next is written here.
    await happen(outside, job, 2)
    await outside.execute("UPDATE event_cursor SET tx = (tx::text::bigint + 1000000000)::text::xid8")
    await outside.execute("UPDATE event SET tx = (tx::text::bigint + 1000000000)::text::xid8")
    await happen(outside, job, 3)
    # What was looked at, and has a number that this server will come to.
    present = await outside.fetchval("SELECT pg_current_xact_id()::text::bigint")
    await outside.execute("UPDATE event SET tx = $1::bigint::text::xid8 WHERE step = 1", present + 40)
    async with asyncio.timeout(10):
        while len(await outbox(engine)) < 3:
            await read(notifier)
    for _ in range(60):
        await outside.execute("SELECT pg_current_xact_id()")
    await happen(outside, job, 4)
    await read(notifier)
    assert [one["what"] for one in await outbox(engine)] == [*IN_ORDER, "4 STARTED"]
    assert await outside.fetchval("SELECT tx::text FROM happened WHERE step = 1") == "3"


async def test_named_ones_and_those_of_one_job(
    engine: Engine, notifications: Notifications, notifier: Notifier
) -> None:
    named = await notifications.define(ADMIN, Place(Scope.PLACEHOLDER), define_as(Trigger.CREATE), "")
    request = NotificationRequest(named, {"extra": ["mine"]})
    plain = await engine.submit()
    asked = await engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, {}, request)
    place = Place(Scope.JOB, JobId(int(plain.removeprefix("VX-"))))
    await notifications.define(ADMIN, place, define_as(Trigger.STOP), "")
    await read(notifier)
    (told,) = await outbox(engine)
    assert (told["job"], told["extra"]) == (str(asked.id), "mine")
    await run_a_job(engine)
    await engine.until(plain)
    await read(notifier)
    assert [one["job"] for one in await outbox(engine)] == [str(asked.id), plain.removeprefix("VX-")]


async def test_a_job_is_deleted_when_all_is_read_and_its_own_notifications_are_still_sent(
    engine: Engine, notifications: Notifications, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_UNTOLD_WAIT", 0.1)
    job = await engine.submit()
    place = Place(Scope.JOB, JobId(int(job.removeprefix("VX-"))))
    await notifications.define(ADMIN, place, define_as(Trigger.STOP), "")
    await engine.commands.abort(ADMIN, job, reason=None, cleanup=False)
    with pytest.raises(Unavailable):
        await engine.commands.delete(ADMIN, [job])
    await read(notifier)
    await engine.commands.delete(ADMIN, [job])
    assert [one["what"] for one in await outbox(engine)] == ["job ABORTED"]


class Receivers:
    """Receivers that answer as the test says; they remember what came, in order."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str]] = []
        self.keys: list[str] = []
        self.answers: dict[str, Answer] = {}

    async def __call__(self, letter: Letter) -> Reply:
        what = dict(letter.fields)["what"]
        self.came.append((letter.call.url.removeprefix("http://"), what))
        self.keys.append(f"{letter.key} {letter.attempt}")
        answer = self.answers.get(letter.call.url.removeprefix("http://"))
        return Reply(200) if answer is None else await answer(letter)

    def at(self, url: str) -> list[str]:
        """Return what came to a receiver."""
        return [what for place, what in self.came if place == url]


@asynccontextmanager
async def sending(database: Database, engine: Engine, receivers: Receivers) -> AsyncIterator[Sender]:
    made = Sender(database, engine.bell, receivers)
    made.start()
    try:
        yield made
    finally:
        await made.stop()


async def until(what: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


async def states(engine: Engine) -> list[str]:
    async with engine.database.session() as session:
        return [row["state"] for row in await session._connection.fetch("SELECT state FROM delivery ORDER BY id")]


async def until_states(engine: Engine, *wanted: str) -> None:
    async with asyncio.timeout(10):
        while await states(engine) != list(wanted):
            await asyncio.sleep(0.02)


async def never(letter: Letter) -> Reply:
    """Hang."""
    await asyncio.Event().wait()
    raise AssertionError


def failing(times: int, status: int | None = 500) -> Answer:
    """Refuse some calls, then take them."""
    left = [times]

    async def answer(letter: Letter) -> Reply:
        left[0] -= 1
        return Reply(status, "no") if left[0] >= 0 else Reply(200)

    return answer


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds."""

    def pause(failures: int, chance: object) -> timedelta:
        return timedelta(milliseconds=5)

    monkeypatch.setattr(sender, "pause", pause)


async def three(engine: Engine, connection: asyncpg.Connection[Any]) -> None:
    """Let three things happen to a new job."""
    job = int((await engine.submit()).removeprefix("VX-"))
    for step in (1, 2, 3):
        await happen(connection, job, step)


async def test_a_receiver_that_hangs_holds_up_nobody_else(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    for name in ("dead", "well"):
        await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE, f"http://{name}"), "")
    await three(engine, outside)
    await read(notifier)
    receivers = Receivers()
    receivers.answers["dead"] = never
    async with sending(engine.database, engine, receivers):
        await until(lambda: len(receivers.at("well")) == 3)
        assert receivers.at("well") == IN_ORDER and receivers.at("dead") == ["1 STARTED"]
        await until_states(engine, "sending", "delivered", "pending", "delivered", "pending", "delivered")
    # It was broken off, and another may go on at once.
    assert (await states(engine))[0] == "pending"
    second = Receivers()
    async with sending(engine.database, engine, second):
        await until(lambda: len(second.came) == 3)
    assert second.at("dead") == IN_ORDER
    assert second.keys[0].split()[0] == receivers.keys[[url for url, _ in receivers.came].index("dead")].split()[0]


@pytest.mark.usefixtures("quick")
async def test_order_is_kept_while_a_receiver_fails_and_a_delivery_keeps_its_name(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE, "http://a", retry=3), "")
    await three(engine, outside)
    await read(notifier)
    receivers = Receivers()
    receivers.answers["a"] = failing(2)
    async with sending(engine.database, engine, receivers):
        await until(lambda: len(receivers.came) == 5)
        await until_states(engine, "delivered", "delivered", "delivered")
        # The lane is closed a moment after its last delivery.
        async with engine.database.session() as session, asyncio.timeout(5):
            while await session._connection.fetchval("SELECT count(*) FROM lane"):
                await asyncio.sleep(0.02)
    assert receivers.at("a") == ["1 STARTED", "1 STARTED", *IN_ORDER]
    names = [key.split() for key in receivers.keys]
    assert len({name for name, _ in names[:3]}) == 1 and len({name for name, _ in names}) == 3
    assert [attempt for _, attempt in names] == ["1", "2", "3", "1", "1"]
    async with engine.database.session() as session:
        assert await session._connection.fetchval("SELECT count(*) FROM lane") == 0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [400, 500, None])
async def test_the_next_goes_on_when_the_retries_are_used_up(
    status: int | None,
    engine: Engine,
    notifications: Notifications,
    notifier: Notifier,
    outside: asyncpg.Connection[Any],
) -> None:
    id = await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE, "http://a", retry=1), "")
    await three(engine, outside)
    await read(notifier)
    receivers = Receivers()
    receivers.answers["a"] = failing(2, status)
    async with sending(engine.database, engine, receivers):
        await until_states(engine, "failed", "delivered", "delivered")
        assert receivers.at("a") == ["1 STARTED", *IN_ORDER]
        log = await notifications.deliveries(ANY, f"VX-{id}", None, 10)
        assert [(one.state, one.tries, one.status, one.error) for one in log] == [
            (DeliveryState.DELIVERED, 1, 200, None),
            (DeliveryState.DELIVERED, 1, 200, None),
            (DeliveryState.FAILED, 2, status, "no"),
        ]
        with pytest.raises(TransitionRefused):
            await notifications.resend(ANY, f"VX-{id}", str(log[0].key))
        await notifications.resend(ANY, f"VX-{id}", str(log[2].key))
        await until_states(engine, "delivered", "delivered", "delivered")
    assert receivers.at("a")[-1] == "1 STARTED"
    (again,) = [one for one in await notifications.deliveries(ANY, f"VX-{id}", None, 10) if one.key == log[2].key]
    assert (again.tries, again.status, again.error) == (3, 200, None)


async def test_changed_ones_go_elsewhere_and_forgotten_ones_nowhere(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    ids = [
        await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE, f"http://{name}"), "")
        for name in ("moved", "gone", "all")
    ]
    await three(engine, outside)
    await read(notifier)
    receivers = Receivers()
    receivers.answers["moved"] = never
    receivers.answers["gone"] = never
    async with sending(engine.database, engine, receivers):
        await until(lambda: len(receivers.came) == 5)
        await notifications.change(ANY, f"VX-{ids[0]}", define_as(Trigger.UPDATE, "http://there"))
        await notifications.forget(ANY, f"VX-{ids[1]}")
        await until(lambda: len(receivers.at("there")) == 3)
        assert receivers.at("there") == IN_ORDER
        await until_states(engine, *["delivered"] * 6)
        await notifications.forget_all(ANY)
    assert receivers.at("gone") == ["1 STARTED"]


async def test_synchronous_ones_wait_for_nobody_and_groups_for_each_other(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    for url, more in (
        ("http://a/x", {}),
        ("http://a/x?q", {}),
        ("http://a/x", {"synchronous": True}),
        ("http://b/1", {"group": "one"}),
        ("http://b/2", {"group": "one"}),
    ):
        await notifications.define(ADMIN, ANY, define_as(Trigger.CREATE, url, **more), "")
    await engine.submit()
    await read(notifier)
    receivers = Receivers()
    receivers.answers = {"a/x": never, "b/1": never}
    async with sending(engine.database, engine, receivers):
        await until(lambda: len(receivers.came) == 3)
        await asyncio.sleep(0.1)
    assert sorted(url for url, _ in receivers.came) == ["a/x", "a/x", "b/1"]


async def test_two_senders_share_the_work_and_send_nothing_twice(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    for n in range(20):
        await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE, f"http://h{n}"), "")
    await three(engine, outside)
    await read(notifier)
    receivers = Receivers()
    async with sending(engine.database, engine, receivers), sending(engine.database, engine, receivers):
        await until_states(engine, *["delivered"] * 60)
    assert len(set(receivers.keys)) == len(receivers.keys) == 60
    assert all(receivers.at(f"h{n}") == IN_ORDER for n in range(20))


async def claim(engine: Engine) -> list[LaneHold]:
    return await deliveries.claim(engine.database, full=[], per_host=9, sound=9, troubled=9, lease=LEASE)


async def run_out(engine: Engine) -> None:
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE lane SET ready_at = now() - interval '1 s'")


async def test_a_sender_that_was_thought_dead_changes_nothing(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    await three(engine, outside)
    await read(notifier)
    database = engine.database
    (old,) = await claim(engine)
    begun = await deliveries.begin(database, old, LEASE)
    assert begun is not None and begun[1] is not None
    letter = begun[1]
    assert await claim(engine) == []
    # Its lease runs out: between sending and saying so, it is killed.
    await run_out(engine)
    (new,) = await claim(engine)
    assert new.lane == old.lane and new.lease > old.lease
    again = await deliveries.begin(database, new, LEASE)
    assert again is not None and again[1] is not None
    assert (again[1].key, again[1].attempt) == (letter.key, 2)
    assert await deliveries.beat(database, [old], LEASE) == set()
    assert await deliveries.begin(database, old, LEASE) is None
    await deliveries.delivered(database, old, letter.id, Reply(200))
    await deliveries.failed(database, old, letter.id, Reply(500), final=True, pause=timedelta(0), alive=False)
    await deliveries.release(database, old)
    assert not await deliveries.close(database, old)
    assert await states(engine) == ["sending", "pending", "pending"]
    assert await deliveries.beat(database, [new], LEASE) == {new.lane}
    await deliveries.delivered(database, new, letter.id, Reply(200))
    assert await states(engine) == ["delivered", "pending", "pending"]


async def test_a_lane_that_was_filled_meanwhile_is_not_closed(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    job = int((await engine.submit()).removeprefix("VX-"))
    await happen(outside, job, 1)
    await read(notifier)
    (hold,) = await claim(engine)
    begun = await deliveries.begin(engine.database, hold, LEASE)
    assert begun is not None and begun[1] is not None
    hold = begun[0]
    await deliveries.delivered(engine.database, hold, begun[1].id, Reply(204))
    empty = await deliveries.begin(engine.database, hold, LEASE)
    assert empty is not None and empty[1] is None
    await happen(outside, job, 2)
    await read(notifier)
    assert not await deliveries.close(engine.database, empty[0])
    more = await deliveries.begin(engine.database, empty[0], LEASE)
    assert more is not None and more[1] is not None


async def test_hosts_and_lanes_in_trouble_are_limited(
    engine: Engine, notifications: Notifications, notifier: Notifier
) -> None:
    for n in range(12):
        await notifications.define(
            ADMIN, ANY, define_as(Trigger.CREATE, f"http://{'bad' if n < 9 else 'good'}/{n}"), ""
        )
    await engine.submit()
    await read(notifier)
    database = engine.database
    assert (
        await deliveries.claim(database, full=["bad:80", "good:80"], per_host=9, sound=9, troubled=9, lease=LEASE) == []
    )
    some = await deliveries.claim(database, full=[], per_host=4, sound=20, troubled=20, lease=LEASE)
    assert sorted(hold.host for hold in some) == ["bad:80"] * 4 + ["good:80"] * 3
    async with database.session() as session:
        await session._connection.execute("UPDATE lane SET ready_at = now(), failures = 1 WHERE host = 'bad:80'")
        await session._connection.execute("UPDATE lane SET ready_at = now() WHERE host = 'good:80'")
    few = await deliveries.claim(database, full=[], per_host=9, sound=20, troubled=2, lease=LEASE)
    assert sorted(hold.host for hold in few) == ["bad:80"] * 2 + ["good:80"] * 3


async def test_what_is_old_is_forgotten(
    engine: Engine, notifications: Notifications, notifier: Notifier, outside: asyncpg.Connection[Any]
) -> None:
    await notifications.define(ADMIN, ANY, define_as(Trigger.UPDATE), "")
    await three(engine, outside)
    await read(notifier)
    receivers = Receivers()
    receivers.answers["receiver.example/a"] = failing(0)
    async with sending(engine.database, engine, receivers):
        await until_states(engine, *["delivered"] * 3)
    week, month = timedelta(days=7), timedelta(days=30)
    assert await deliveries.forget(engine.database, week, month, 10) == 0
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE delivery SET ended_at = now() - interval '8 days'")
        await session._connection.execute(
            "UPDATE delivery SET state = 'failed', action = '{}', payload = '[]' WHERE id = (SELECT min(id) FROM delivery)"
        )
    assert await deliveries.forget(engine.database, week, month, 1) in (0, 1)
    await deliveries.forget(engine.database, week, month, 10)
    assert await states(engine) == ["failed"]
