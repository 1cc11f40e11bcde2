"""Hands steps over to a Dask cluster: those of one executor each, whose definitions say ``placement=dask``.

The cluster's workers need vidijob itself, ffmpeg or what else the steps need, and the same storage under the same paths as the
workers of ours; they reach no database. ``resources`` of a definition are handed to Dask: ``gpu=1`` runs on workers that were
started with ``--resources gpu=1``, ``label:studio`` on those with ``label:studio=1`` among them, of which it uses up nothing. The
priority of the job is the task's. The job is VIDINET_JOB from then on.

A scheduler that cannot be reached is waited for, and so are workers that offer what the step needs (``REMOTE_UNAVAILABLE``). A
step whose worker is gone is DISAPPEARED when its lease has run out, and is run again, like one of a worker of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidijob.errors import Unreachable
from vidijob.executors.base import Outcome, StepContext, Wait
from vidijob.executors.dask.cluster import Cluster, Unoffered
from vidijob.executors.dask.words import Order
from vidijob.executors.http import REMOTE_UNAVAILABLE, Callbacks
from vidijob.jobs import resources


class DaskExecutor:
    """Hands over the steps of one executor."""

    short: frozenset[str] = frozenset()

    def __init__(
        self,
        name: str,
        methods: frozenset[str],
        problems: frozenset[str],
        cluster: Cluster,
        calls: Callbacks,
        settings: Mapping[str, Any],
    ) -> None:
        """``name`` is that of the executor which the nodes carry steps out with, ``problems`` what it can look after."""
        self.methods = methods
        self.problems = problems | {REMOTE_UNAVAILABLE}
        self._name = name
        self._cluster = cluster
        self._calls = calls
        self._settings = settings

    async def run(self, step: StepContext) -> Outcome:
        """Hand a step over, and wait for its end."""
        order = Order.of(step, self._name, self._cluster.topic, self._settings)
        needed = resources.needs(step.metadata)
        try:
            # The address is nobody's: what the nodes tell comes by the cluster.
            async with self._calls.open(step) as call:
                return await self._cluster.carry_out(order, step, needed, call.taken_over)
        except Unoffered as error:
            about = {"dask": self._cluster.address, "resources": resources.in_words(needed)}
            return Wait(REMOTE_UNAVAILABLE, about, str(error))
        except Unreachable as error:
            return Wait(REMOTE_UNAVAILABLE, {"dask": self._cluster.address}, str(error))

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether the cluster answers and offers what was missing; other conditions a node looks at."""
        try:
            if type == REMOTE_UNAVAILABLE and "dask" in data:
                needed = resources.parse(data.get("resources", ""))
                return data["dask"] == self._cluster.address and await self._cluster.offers(needed)
            return await self._cluster.look(type, data, self._settings)
        except Unreachable:
            return False
