"""Other job queues on Postgres, as they are when nothing is set but how many jobs a worker takes at once. They come with the
dependency group ``peers``.

``python -m tests.faults.peers TITLE URL JOURNAL`` is a worker; it writes what ``child`` writes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.faults.child import LASTING, appended, ends_of
from tests.faults.systems import SLOTS, Peer

if TYPE_CHECKING:
    from asyncpg import Connection, Record


class PgQueuer(Peer):
    """PgQueuer."""

    title = "PgQueuer"
    head = "SELECT FROM pgqueuer WHERE status = 'queued' ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    channels = ("ch_pgqueuer",)
    reading = (
        "SELECT count(*) FROM pgqueuer_log a JOIN pgqueuer_log b USING (job_id) JOIN pgqueuer_log c USING (job_id)"
    )

    async def _prepare(self) -> None:
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        connection = await asyncpg.connect(self.cluster.url)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()

    async def _put(self, connection: Connection[Record], number: int) -> None:
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        await Queries(AsyncpgDriver(connection)).enqueue("rest", str(number).encode(), 0)


class Procrastinate(Peer):
    """Procrastinate."""

    title = "Procrastinate"
    head = (
        "SELECT FROM procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    channels = ("procrastinate_any_queue_v1", "procrastinate_queue_v1#cells")
    reading = (
        "SELECT count(*) FROM procrastinate_jobs j JOIN procrastinate_events a ON a.job_id = j.id"
        " JOIN procrastinate_events b ON b.job_id = j.id"
    )

    async def _prepare(self) -> None:
        async with _procrastinate(self.cluster.url).open_async() as app:
            await app.schema_manager.apply_schema_async()

    async def _put(self, connection: Connection[Record], number: int) -> None:
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
            " VALUES ('cells', 'rest', jsonb_build_object('number', $1::integer))",
            number,
        )


PEERS: tuple[type[Peer], ...] = (PgQueuer, Procrastinate)


def _procrastinate(url: str) -> Any:
    import procrastinate

    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=f"{url}?application_name=peer"))


async def work(title: str, url: str, journal: Path) -> None:
    """Be a worker."""
    begun, ends = (appended(path) for path in (journal, ends_of(journal)))

    async def rest(number: int) -> None:
        os.write(begun, f"{number} 0 0 {os.getpid()} {time.time():.3f}\n".encode())
        await asyncio.sleep(LASTING)
        os.write(ends, f"{number} {time.time():.3f}\n".encode())

    if title == PgQueuer.title:
        from pgqueuer import PgQueuer as Queue
        from pgqueuer.db import AsyncpgDriver

        queue = Queue(AsyncpgDriver(await asyncpg.connect(url, server_settings={"application_name": "peer"})))

        async def carry_out(job: Any) -> None:
            await rest(int(job.payload))

        queue.entrypoint("rest")(carry_out)
        await queue.run(batch_size=10, max_concurrent_tasks=SLOTS)
    else:
        async with _procrastinate(url).open_async() as app:
            app.task(queue="cells", name="rest")(rest)
            await app.run_worker_async(queues=["cells"], concurrency=SLOTS, install_signal_handlers=False)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
