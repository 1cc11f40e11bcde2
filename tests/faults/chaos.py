"""Jobs are submitted to a fleet while at random its processes are killed or stopped, its connections cut and its Postgres
crashed. Then everything is left alone until all jobs have ended and a receiver was told of each, and the log is read.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg

from tests.faults import checker, telling
from tests.faults.fleet import PASSWORD, Fleet, Member
from tests.faults.telling import Told
from tests.receiver import Receiver, receiving
from vidijob.jobs.states import ENDED

#: What may happen, and how often of all.
FAULTS = {
    "a worker is killed": 4, "a server is killed": 2, "a worker is stopped for a while": 3,
    "a server is stopped for a while": 1, "all connections are cut": 2, "some connections are cut": 3,
    "Postgres crashes": 1,
}  # fmt: skip
#: Twice as long as planned, and ten minutes, it may take.
_LONGEST = 2.0
_NOW_AND_THEN = 15.0
_ENDED = [state.value for state in ENDED]
#: Where the receiver is told of every end.
_STOPPED = "/stopped"


@dataclass
class Report:
    """What a run came to."""

    seed: int
    acknowledged: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    #: What the checker found.
    breaches: list[str] = field(default_factory=list)
    #: Processes that ended by themselves.
    exits: list[str] = field(default_factory=list)
    #: Jobs that had not ended when the patience was over.
    stuck: int = 0
    #: Calls that told it something again, under the same name.
    told_again: int = 0
    steps: int = 0
    #: Steps that were begun more than once, and those of them during which there was no fault.
    again: int = 0
    again_without_fault: int = 0
    #: What the submitters were told besides yes: nothing of it was acknowledged.
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.breaches or self.exits or self.stuck or self.again_without_fault)

    def lines(self) -> list[str]:
        """Return it for people."""

        def count(*words: str) -> int:
            return sum(any(word in breach for word in words) for breach in self.breaches)

        return [
            f"seed {self.seed}: {self.acknowledged} jobs acknowledged, {self.steps} steps, {self.faults.total()} faults, {self.seconds:.0f} s",
            *(f"  {number:5} x {fault}" for fault, number in sorted(self.faults.items())),
            f"lost                          {count('is lost')}",
            f"stale results accepted        {count('the result of lease', 'carried out twice')}",
            f"ended twice, or never         {count('ends')}",
            f"stuck                         {self.stuck}",
            f"steps begun more than once    {self.again}",
            f"  of them not during a fault  {self.again_without_fault}",
            f"processes that ended          {len(self.exits)}  {'; '.join(self.exits)}",
            f"answers other than yes        {dict(self.refusals)}",
            f"ends never told               {count('never told')}",
            f"ends told under two names     {count('names')}",
            f"ends told again               {self.told_again}",
            f"broken promises in all        {len(self.breaches)}",
            *(f"  {breach}" for breach in self.breaches[:20]),
            "GOOD" if self.good else "BAD",
        ]


class Storm:
    """One run."""

    def __init__(
        self,
        folder: Path,
        *,
        jobs: int,
        faults: int,
        seed: int,
        seconds: float,
        lease: float,
        say: Callable[[str], None] = lambda _: None,
        fleet: Fleet | None = None,
    ) -> None:
        """``say`` is told now and then how far it is."""
        self._say = say
        self._fleet = fleet or Fleet(folder, limit=32, lease=lease)
        self._jobs, self._faults, self._seconds = jobs, faults, seconds
        self._chance = random.Random(seed)
        self._acknowledged: set[int] = set()
        #: When each fault began and ended, in the clock of the database.
        self._times: list[tuple[float, float]] = []
        self.report = Report(seed)

    async def go(self) -> Report:
        """Start the fleet, let it all happen, read the log. It ends, whatever does not."""
        began = time.monotonic()
        longest = _LONGEST * self._seconds + 600
        telling = asyncio.create_task(self._tell(began))
        await self._fleet.start()
        try:
            try:
                async with asyncio.timeout(longest):
                    await self._live()
            except TimeoutError:
                self.report.breaches.append(f"it was not over after {longest:.0f} s")
            await self._read()
        finally:
            telling.cancel()
            await self._fleet.stop()
        self.report.exits = self._fleet.exits
        self.report.seconds = time.monotonic() - began
        return self.report

    async def _live(self) -> None:
        async with (
            receiving() as receiver,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        ):
            await self._until_ready(session)
            await self._notify(session, receiver)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hurt())
                for number in range(8):
                    share = self._jobs // 8 + (number < self._jobs % 8)
                    group.create_task(self._submit(session, share, number))
            self._say("all are submitted; waiting for their ends")
            await self._until_over()
            self._say("waiting until the receiver was told of them")
            await self._until_told(receiver)

    async def _tell(self, began: float) -> None:
        """Say now and then how far it is."""
        while True:
            await asyncio.sleep(_NOW_AND_THEN)
            self._say(
                f"{time.monotonic() - began:5.0f} s: {len(self._acknowledged)} of {self._jobs} jobs acknowledged, "
                f"{self.report.faults.total()} of {self._faults} faults, {len(self._fleet.exits)} processes ended by themselves"
            )

    async def _until_ready(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(60):
            for member in self._fleet.servers:
                while True:
                    with suppress(aiohttp.ClientError):
                        async with session.get(member.api.replace("/API", "/ready")) as answer:
                            if answer.status == 200:
                                break
                    await asyncio.sleep(0.1)

    async def _notify(self, session: aiohttp.ClientSession, receiver: Receiver) -> None:
        """Have the receiver told of the end of every job; nothing is hurt yet."""
        action = {"url": receiver.url(_STOPPED), "timeout": "5", "synchronous": "false"}
        document = {"action": {"http": action}, "trigger": {"job": {"stop": ""}}}
        login = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)}
        url = f"{self._fleet.servers[0].api}/job/notification"
        async with session.post(url, json=document, headers=login) as answer:
            answer.raise_for_status()

    async def _submit(self, session: aiohttp.ClientSession, jobs: int, number: int) -> None:
        """Submit so many jobs, spread over the run; what is not answered is asked again, at another server."""
        headers = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD), "Accept": "application/json"}
        pause = self._seconds / max(jobs, 1)
        for done in range(jobs):
            next_one = time.monotonic() + pause
            tries = 0
            while True:
                member = self._fleet.servers[(number + done + tries) % len(self._fleet.servers)]
                tries += 1
                try:
                    async with session.post(f"{member.api}/job?type=FAULT", headers=headers) as answer:
                        body = await answer.read()
                        if answer.status == 200:
                            self._acknowledged.add(int(json.loads(body)["jobId"].removeprefix("VX-")))
                            break
                        self.report.refusals[str(answer.status)] += 1
                        if answer.status == 500:
                            self.report.breaches.append(f"a server answered 500: {body[:200]!r}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.report.refusals[type(error).__name__] += 1
                await asyncio.sleep(0.05)
            await asyncio.sleep(max(next_one - time.monotonic(), 0))

    async def _hurt(self) -> None:
        """Let something happen at random moments, and look after what ended by itself."""
        moments = sorted(self._chance.uniform(0, self._seconds) for _ in range(self._faults))
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for moment in moments:
                await asyncio.sleep(max(began + moment - time.monotonic(), 0))
                self._fleet.look()
                (fault,) = self._chance.choices(list(FAULTS), weights=list(FAULTS.values()))
                self.report.faults[fault] += 1
                start = time.time()
                match fault:
                    case "a worker is killed":
                        self._fleet.kill(self._chance.choice(self._fleet.workers))
                    case "a server is killed":
                        self._fleet.kill(self._chance.choice(self._fleet.servers))
                    case "a worker is stopped for a while":
                        group.create_task(self._pause(self._chance.choice(self._fleet.workers)))
                        continue
                    case "a server is stopped for a while":
                        group.create_task(self._pause(self._chance.choice(self._fleet.servers)))
                        continue
                    case "all connections are cut":
                        await self._fleet.cut()
                    case "some connections are cut":
                        await self._fleet.cut(self._chance.uniform(0.1, 0.6))
                    case _:
                        await self._fleet.cluster.crash()
                self._times.append((start, time.time()))

    async def _pause(self, member: Member) -> None:
        start = time.time()
        await self._fleet.pause(member, self._chance.uniform(0.3, 2.0) * self._fleet.lease)
        self._times.append((start, time.time()))

    async def _until_over(self) -> None:
        """Wait until all jobs have ended, as long as some still do."""
        left, since = -1, time.monotonic()
        while time.monotonic() - since < 4 * self._fleet.lease + 20:
            self._fleet.look()
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self._fleet.cluster.url)
                try:
                    now = await connection.fetchval("SELECT count(*) FROM job WHERE state <> ALL ($1)", _ENDED)
                finally:
                    await connection.close()
                if now == 0:
                    return
                if now != left:
                    left, since = now, time.monotonic()
            await asyncio.sleep(0.2)
        self.report.stuck = left

    async def _until_told(self, receiver: Receiver) -> None:
        """Wait until the receiver was told of every end, as long as it is told of some."""
        connection = await asyncpg.connect(self._fleet.cluster.url)
        try:
            ended = {
                f"VX-{row['id']}"
                for row in await connection.fetch(
                    "SELECT id FROM job WHERE state = ANY ($1::text[]::job_state[])", _ENDED
                )
            }
        finally:
            await connection.close()
        told: list[Told] = []
        since = time.monotonic()
        while telling.never_told(ended, told) and time.monotonic() - since < 4 * self._fleet.lease + 20:
            self._fleet.look()
            await asyncio.sleep(0.2)
            for call in receiver.received[len(told) :]:
                since = time.monotonic()
                told.append(Told(call.fields["jobId"], call.delivery))
        self.report.told_again = len(told) - len(set(told))
        self.report.breaches += telling.breaches(ended, told)

    async def _read(self) -> None:
        journal = [checker.Begun(one.job, one.step, one.lease) for one in self._fleet.begun()]
        connection = await asyncpg.connect(self._fleet.cluster.url)
        try:
            for kind in ("json", "jsonb"):
                await connection.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
            log = await checker.read(connection)
            moves = await connection.fetch(
                "SELECT job_id, step, new_state, extract(epoch FROM at)::float8 AS at FROM happened WHERE step IS NOT NULL ORDER BY id"
            )
        finally:
            await connection.close()
        report = self.report
        report.acknowledged, report.steps = len(self._acknowledged), len(log.steps)
        report.breaches += checker.breaches(
            log, limit=self._fleet.limit, acknowledged=self._acknowledged, journal=journal, over=not report.stuck
        )
        begun = Counter((one.job, one.step) for one in journal)
        report.again = sum(number > 1 for number in begun.values())
        started: defaultdict[tuple[int, int], float] = defaultdict(float)
        for job, step, state, at in moves:
            if state == "STARTED_ASYNCHRONOUS":
                started[job, step] = at
            elif state == "DISAPPEARED" and not any(
                start <= at and end + 1 >= started[job, step] for start, end in self._times
            ):
                report.again_without_fault += 1
