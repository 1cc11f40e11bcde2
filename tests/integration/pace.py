"""Whether a loop stays free, on a machine that others keep busy: it is compared with a process that does nothing meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Sleeps for moments until its input ends; says then for how many seconds it was held up at most.
_SLEEPER = """
import select, time
longest = 0.0
print(flush=True)
while True:
    began = time.monotonic()
    over = select.select([0], [], [], 0.001)[0]
    longest = max(longest, time.monotonic() - began)
    if over:
        break
print(longest)
"""


@asynccontextmanager
async def free(seconds: float) -> AsyncIterator[None]:
    """See to it that this loop is never held up for so much longer than a process is that only sleeps."""
    sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", _SLEEPER, stdin=PIPE, stdout=PIPE)
    assert sleeper.stdout is not None
    await sleeper.stdout.readline()
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            try:
                await asyncio.sleep(0.001)
            finally:
                longest = max(longest, time.monotonic() - began)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        said, _ = await sleeper.communicate(b"")
    assert longest < seconds + float(said), (
        f"held up for {longest:.3f} s; a process that sleeps for {float(said):.3f} s"
    )
