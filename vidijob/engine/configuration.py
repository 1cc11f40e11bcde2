"""What administrators configure while the server runs. What is stored wins over the settings of a process; each process
sees a change within two seconds. It knows no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vidijob.engine import origins
from vidijob.engine.accounts import TokenLimits
from vidijob.engine.bell import Bell
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.model import Priority
from vidijob.jobs.pools import Pool
from vidijob.store import configuration as store
from vidijob.store.configuration import Property
from vidijob.store.database import Database, Session

CONCURRENT_JOBS = "concurrentJobs"
PAUSE_JOBS = "pauseJobs"
_TOKEN_DEFAULT = "userTokenDefaultInterval"
_TOKEN_MOST = "userTokenMaxInterval"
#: Whole numbers from, to, for the properties that mean something here; any other is kept and given back.
_NUMBERS: Mapping[str, tuple[int, int]] = {
    CONCURRENT_JOBS: (1, 10_000),
    _TOKEN_DEFAULT: (1, 2**31 - 1),
    _TOKEN_MOST: (1, 2**31 - 1),
}
_CORS = "cors"
_PURGING = "purging"
_OLDEST = 36_500
_REMEMBERED = 1.5
_MOST_POOLS_TYPES = 10_000


@dataclass(frozen=True, slots=True)
class JobPools:
    """How many jobs run at once, and for whom places among them are kept."""

    concurrent_jobs: int
    pools: Sequence[Pool]


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    properties: Mapping[str, str]
    type_priorities: Mapping[str, Priority]
    cors: Sequence[origins.Entry]


class Configuration:
    """The configuration of this server."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        *,
        concurrent_jobs: int = 3,
        cors_origins: Sequence[str] = (),
        keep_jobs: timedelta | None = None,
    ) -> None:
        self._database = database
        self._bell = bell
        self._concurrent_jobs = concurrent_jobs
        self._keep_jobs = keep_jobs
        self._cors_of_setting = origins.of_setting(cors_origins)
        self._known: _Known | None = None
        self._changes = 0
        self._reading = asyncio.Lock()

    async def properties(self) -> list[Property]:
        """Return all properties, by key; ``concurrentJobs`` also where nobody set it."""
        found = {one.key: one for one in await store.properties(self._database)}
        found.setdefault(CONCURRENT_JOBS, Property(CONCURRENT_JOBS, str(self._concurrent_jobs), None))
        return [found[key] for key in sorted(found)]

    async def property(self, key: str) -> Property:
        """Return one property; raises ``NotFound``."""
        for one in await self.properties():
            if one.key == key:
                return one
        raise NotFound("ConfigurationProperty", key)

    async def set_properties(self, values: Mapping[str, str]) -> None:
        """Give properties values, all or none; raises ``Invalid``."""
        async with self._database.transaction() as session:
            await store.lock(session)
            for key, value in values.items():
                await store.set_property(session, key, _checked(key, value))
            await self._check_pools(session)
        self._forget()

    async def delete_property(self, key: str) -> None:
        """Take the value from a property; raises ``NotFound``."""
        async with self._database.transaction() as session:
            await store.lock(session)
            if not await store.delete_property(session, key):
                raise NotFound("ConfigurationProperty", key)
            await self._check_pools(session)
        self._forget()

    async def job_pools(self) -> JobPools:
        """Return how many jobs run at once, and the pools."""
        async with self._database.snapshot() as session:
            return JobPools(await self._limit(session), await store.pools(session))

    async def set_job_pools(self, concurrent_jobs: int | None, pools: Sequence[Pool], *, replace: bool) -> None:
        """Say how many jobs run at once, where that is given, and which pools there are.

        With ``replace`` those that are not given go. Raises ``Invalid`` when the pools want more than there is.
        """
        thresholds = [pool.threshold for pool in pools]
        if len(set(thresholds)) != len(thresholds):
            raise Invalid("priorityThreshold", "Two pools have the same threshold.")
        for pool in pools:
            if pool.threshold is Priority.IMMEDIATE:
                raise Invalid("priorityThreshold", "IMMEDIATE jobs need no pool: they take no place at all.")
            if not 1 <= pool.size <= _NUMBERS[CONCURRENT_JOBS][1]:
                raise Invalid("size", "The size of a pool is a whole number from 1.", value=str(pool.size))
        async with self._database.transaction() as session:
            await store.lock(session)
            if concurrent_jobs is not None:
                await store.set_property(session, CONCURRENT_JOBS, _checked(CONCURRENT_JOBS, str(concurrent_jobs)))
            if replace:
                await store.delete_pools(session)
            for pool in pools:
                await store.set_pool(session, pool)
            await self._check_pools(session)
        self._forget()

    async def delete_job_pools(self) -> None:
        """Take all pools out; how many jobs run at once stays."""
        async with self._database.transaction() as session:
            await store.lock(session)
            await store.delete_pools(session)
        self._forget()

    async def delete_job_pool(self, threshold: Priority) -> None:
        """Take one pool out; raises ``NotFound``."""
        async with self._database.transaction() as session:
            await store.lock(session)
            if not await store.delete_pool(session, threshold):
                raise NotFound("JobPool", threshold.value)
        self._forget()

    async def default_priority(self, type: str) -> Priority:
        """Return the priority of a job of this type that says none."""
        return (await self._current()).type_priorities.get(type, Priority.MEDIUM)

    async def type_priorities(self) -> Mapping[str, Priority]:
        """Return the default priorities of job types that have one of their own."""
        return await store.type_priorities(self._database)

    async def set_type_priorities(self, priorities: Mapping[str, Priority | None]) -> None:
        """Give job types default priorities; ``None``: the usual one. Types that are not given keep theirs."""
        if len(priorities) > _MOST_POOLS_TYPES:
            raise Invalid("job", f"At most {_MOST_POOLS_TYPES} job types can be given at once.")
        for type, priority in priorities.items():
            if not type or len(type) > 200 or "\x00" in type:
                raise Invalid("type", "The name of a job type is 1 to 200 characters.")
            if priority is Priority.IMMEDIATE:
                # Else whoever may submit could start jobs beyond the limit without the role for it.
                raise Invalid("value", "IMMEDIATE cannot be a default: it needs a role of its own.", value="IMMEDIATE")
        async with self._database.transaction() as session:
            await store.lock(session)
            for type, priority in priorities.items():
                await store.set_type_priority(session, type, priority)
        self._forget()

    async def delete_type_priorities(self) -> None:
        """Let the jobs of all types have the usual default priority."""
        await store.delete_type_priorities(self._database)
        self._forget()

    async def token_limits(self) -> TokenLimits:
        """Return how long tokens last."""
        properties = (await self._current()).properties
        usual = TokenLimits()
        most = int(properties.get(_TOKEN_MOST, usual.most))
        return TokenLimits(min(int(properties.get(_TOKEN_DEFAULT, usual.default)), most), most)

    async def cors(self) -> Sequence[origins.Entry]:
        """Return what is said to pages of other origins: what is configured, then the setting."""
        return (await self._current()).cors

    async def stored_cors(self) -> Sequence[origins.Entry]:
        """Return what is configured of it, without the setting."""
        return origins.from_plain(await store.document(self._database, _CORS) or [])

    async def set_cors(self, entries: Sequence[origins.Entry]) -> None:
        """Configure what is said to pages of other origins; raises ``Invalid``."""
        origins.check(entries)
        await store.set_document(self._database, _CORS, origins.to_plain(entries))
        self._forget()

    async def delete_cors(self) -> None:
        """Say to pages of other origins only what the setting says."""
        await store.delete_document(self._database, _CORS)
        self._forget()

    async def keep_jobs(self) -> timedelta | None:
        """Return for how long ended jobs are kept; ``None``: for ever."""
        return await kept_for(self._database, self._keep_jobs)

    async def set_keep_jobs(self, days: int | None) -> None:
        """Say for how many days ended jobs are kept; ``None``: for ever. Raises ``Invalid``."""
        if days is not None and not 1 <= days <= _OLDEST:
            raise Invalid("age", f"It is a whole number of days from 1 to {_OLDEST}.", value=str(days))
        await store.set_document(self._database, _PURGING, {"days": days})

    async def delete_keep_jobs(self) -> None:
        """Let the setting say again for how long ended jobs are kept."""
        await store.delete_document(self._database, _PURGING)

    async def _current(self) -> _Known:
        known = self._known
        if known is not None and known.until > time.monotonic():
            return known
        async with self._reading:
            known = self._known
            if known is not None and known.until > time.monotonic():
                return known
            # What changes while it is read is not taken for known.
            changes = self._changes
            until = time.monotonic() + _REMEMBERED
            async with self._database.snapshot() as session:
                known = _Known(
                    until,
                    {one.key: one.value for one in await store.properties(session)},
                    await store.type_priorities(session),
                    [*origins.from_plain(await store.document(session, _CORS) or []), *self._cors_of_setting],
                )
            if changes == self._changes:
                self._known = known
            return known

    def _forget(self) -> None:
        self._known = None
        self._changes += 1
        # The scheduler looks at the limits anew.
        self._bell.ring("vidijob_job")

    async def _limit(self, session: Session) -> int:
        stored = await store.concurrent_jobs(session)
        return self._concurrent_jobs if stored is None else stored

    async def _check_pools(self, session: Session) -> None:
        limit = await self._limit(session)
        wanted = sum(pool.size for pool in await store.pools(session))
        if wanted > limit:
            raise Invalid(
                "job-pool",
                f"The pools would keep {wanted} places for some jobs, and {limit} may run at once (concurrentJobs).",
                value=str(wanted),
            )


async def kept_for(database: Database, setting: timedelta | None) -> timedelta | None:
    """Return for how long ended jobs are kept: as is configured, else as the setting says; ``None``: for ever."""
    stored = await store.document(database, _PURGING)
    if stored is None:
        return setting
    return timedelta(days=stored["days"]) if stored["days"] is not None else None


def _checked(key: str, value: str) -> str:
    if not 1 <= len(key) <= 255 or "\x00" in key:
        raise Invalid("key", "The key of a property is 1 to 255 characters.", value=key[:100])
    if len(value) > 100_000 or "\x00" in value:
        raise Invalid("value", f"The value of {key} is at most 100000 characters.")
    if key == PAUSE_JOBS:
        if value.strip().lower() not in ("true", "false"):
            raise Invalid("value", f"{key} is true or false.", value=value[:100])
        return value.strip().lower()
    if key not in _NUMBERS:
        return value
    least, most = _NUMBERS[key]
    digits = value.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 12 and least <= int(digits) <= most):
        raise Invalid("value", f"{key} is a whole number from {least} to {most}.", value=value[:100])
    return str(int(digits))
