"""Several processes behind nginx, as the help page configures it: what one of them has taken, all know; and a restart of each, one
after the other, under load, loses no request.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.acceptance.conftest import PASSWORD
from vidijob.bench.balancing import Load, farm, find_nginx

#: The long form, ``vidijob bench balance``, has four.
PROCESSES = 2
JSON = {"Accept": "application/json"}
_ENDLESS = aiohttp.ClientTimeout(total=None)

pytestmark = pytest.mark.skipif(find_nginx() is None, reason="nginx is not installed here, and .ci/run could not do it")


async def call(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> tuple[int, Any]:
    """Send a request; returns status and document."""
    options["headers"] = JSON | options.get("headers", {})
    async with session.request(method, url, **options) as answer:
        body = await answer.read()
        return answer.status, json.loads(body) if body.startswith((b"{", b"[")) else body.decode()


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_processes_behind_nginx(url: str) -> None:
    admin = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)}
    async with farm(url, PROCESSES, admin_password=PASSWORD) as made, aiohttp.ClientSession() as session:
        first, second = (process.address for process in made.processes)

        # A login that one of them gave is known to the other.
        status, token = await call(session, "GET", f"{first}/API/token", headers=admin | {"Accept": "text/plain"})
        assert status == 200, token
        holder = {"Authorization": f"token {token}"}
        for address in (first, second, made.address):
            assert (await call(session, "GET", f"{address}/API/job?number=0", headers=holder))[0] == 200

        # So is a key under which a job was submitted, at the same moment as well.
        keyed = holder | {"Idempotency-Key": "one job"}
        both = await asyncio.gather(
            *(
                call(session, "POST", f"{one}/API/job?type=THUMBNAIL&holdJob=true", headers=keyed)
                for one in (first, second)
            )
        )
        assert [status for status, _ in both] == [200, 200]
        assert len({document["jobId"] for _, document in both}) == 1

        # What one does, a live page of the other is told, through nginx as well.
        for page in (second, made.address):
            assert await is_told(session, page, f"{first}/API/job?type=THUMBNAIL", holder, token)
        apart = {f"VX-{id}" for id in await jobs(url)}

        # A job that one process waits for is changed in the other.
        waited_for = next(iter(apart))
        news = asyncio.create_task(call(session, "GET", f"{second}/API/job/{waited_for}?wait=50", headers=holder))
        for priority in ("HIGHEST", "HIGH", "LOW", "LOWEST"):
            # Where the one change comes before that process has read the job, the next is news.
            await call(session, "PUT", f"{first}/API/job/{waited_for}?priority={priority}", headers=holder)
            if (await asyncio.wait({news}, timeout=8))[0]:
                break
        status, document = await asyncio.wait_for(news, 0)
        assert (status, document["priority"]) == (200, priority)
        # One that is waited for through nginx while that process stops is answered as well.
        patient = asyncio.create_task(
            call(session, "GET", f"{made.address}/API/job/{waited_for}?wait=50", headers=holder)
        )

        # Somebody follows all the while, and comes back to whichever process there is.
        follower = Follower(session, f"{made.address}/API/job/events?type=THUMBNAIL", admin)
        following = asyncio.create_task(follower.run())
        await asyncio.wait_for(follower.begun.wait(), 20)

        # Each is restarted while clients submit, on new connections all the time.
        load = Load(f"{made.address}/API/job?type=THUMBNAIL&holdJob=true", admin | JSON)
        running = asyncio.create_task(load.run(4))
        before = {process.child.pid for process in made.processes if process.child is not None}
        await made.restart_all()
        load.stop()
        await running
        assert not before & {process.child.pid for process in made.processes if process.child is not None}
        assert load.answers["200"] > 50 and load.failed == 0, load.answers
        # Each job that was acknowledged is there once, and there is no other.
        assert sorted({f"VX-{id}" for id in await jobs(url)} - apart) == sorted(load.jobs)
        assert (await asyncio.wait_for(patient, 20))[0] == 200
        # And was told of once, although the stream broke off with each process.
        async with asyncio.timeout(20):
            while len(follower.heard) < len(load.jobs):
                await asyncio.sleep(0.1)
        following.cancel()
        assert sorted(follower.heard) == sorted(load.jobs) and follower.opened >= 2


class Follower:
    """Follows what happens as a browser does: it comes back with where it was."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers
        #: The jobs that it was told of as submitted.
        self.heard: list[str] = []
        self.opened = 0
        self.begun = asyncio.Event()

    async def run(self) -> None:
        """Follow until it is cancelled."""
        place = ""
        while True:
            headers = self._headers | ({"Last-Event-ID": place} if place else {})
            with suppress(aiohttp.ClientError):
                async with self._session.get(self._url, headers=headers, timeout=_ENDLESS) as answer:
                    self.opened += answer.status == 200
                    # What was read of an event that did not come whole does not count.
                    coming, data = place, ""
                    async for line in answer.content:
                        key, _, value = line.decode().strip().partition(": ")
                        coming = value if key == "id" else coming
                        data = value if key == "data" else data
                        if not key:
                            place = coming
                            self.begun.set()
                            if data and json.loads(data)["status"] == "HOLD":
                                self.heard.append(json.loads(data)["jobId"])
                            data = ""
            await asyncio.sleep(0.05)


async def is_told(session: aiohttp.ClientSession, page: str, order: str, holder: dict[str, str], token: str) -> bool:
    """Tell whether a live page is told of jobs that are submitted meanwhile; what came right before it opened it may not be."""
    async with session.get(f"{page}/console/live", headers={"Cookie": f"vidijob_session={token}"}) as events:
        assert events.status == 200, await events.read()
        ours: set[str] = set()

        async def hear() -> bool:
            async for line in events.content:
                if any(f'"{id}"' in line.decode() for id in ours):
                    return True
            return False

        heard = asyncio.create_task(hear())
        async with asyncio.timeout(20):
            while not heard.done():
                ours.add((await call(session, "POST", order, headers=holder))[1]["jobId"])
                await asyncio.wait({heard}, timeout=0.5)
        return heard.result()


async def jobs(url: str) -> list[int]:
    """Return the jobs that there are."""
    connection = await asyncpg.connect(url)
    try:
        return [row["id"] for row in await connection.fetch("SELECT id FROM job")]
    finally:
        await connection.close()
