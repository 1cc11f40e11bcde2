"""A process that uses the embedded Postgres of a folder: it says ``started``, answers each line of SQL with its rows as
JSON, and lets go at the end of its input. With ``--no-reaper`` it is first a parent that never reaps what it inherits.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path

import asyncpg

from vidijob.errors import VidijobError
from vidijob.store.embedded import EmbeddedPostgres

PR_SET_CHILD_SUBREAPER = 36


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def serve(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    began = time.monotonic()
    try:
        await server.start()
    except VidijobError as error:
        say(f"{type(error).__name__}: {error}")
        return
    say(f"started {time.monotonic() - began:.3f}")
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            connection = await asyncpg.connect(server.url, timeout=10)
            rows = await connection.fetch(line)
            await connection.close()
            say(json.dumps([list(row.values()) for row in rows]))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            say(json.dumps(f"{type(error).__name__}: {error}"))
    await server.stop()
    say("stopped")


if __name__ == "__main__":
    if sys.argv[1] == "--no-reaper":
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
        child = subprocess.Popen([sys.executable, __file__, sys.argv[2]])
        say(child.pid)
        time.sleep(300)
    asyncio.run(serve(Path(sys.argv[1])))
