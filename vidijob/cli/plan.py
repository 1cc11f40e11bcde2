"""``vidijob bench plan``: what a farm needs, by what jobs cost on this machine."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import fields
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from vidijob import settings
from vidijob.bench import costs
from vidijob.bench.costs import FEW, MANY, Cost, Line
from vidijob.bench.machine import machine
from vidijob.bench.peers import quiet
from vidijob.bench.plan import Plan, Wish, plan
from vidijob.bench.searching import second_database
from vidijob.cli import loops
from vidijob.cli.options import setting
from vidijob.opening import open_database
from vidijob.store.migrate import migrate

#: A prediction that is further off than this is none.
_TOLERATED = 0.25
#: What is told of a job, and not predicted: how many share a transaction depends on how many come at the same moment, and no plan
#: reckons with it.
_BY_CHANCE = "commits"
#: What is measured again with --check: numbers of steps between those of the line, and beyond.
_CHECKED = (3, 10)
_UNITS = {
    "engine": ("processor time of the server", "ms", 1000.0),
    "database": ("processor time of Postgres", "ms", 1000.0),
    "log": ("write-ahead log", "kB", 1 / 1000),
    "disk": ("disk", "kB", 1 / 1000),
    "commits": ("transactions", "", 1.0),
    "time": ("time, when nothing else is done", "ms", 1000.0),
}


@click.command(name="plan")
@click.option("--jobs-per-day", type=click.FloatRange(1), default=100_000, show_default=True, help="Jobs in a day.")
@click.option("--steps", type=click.IntRange(1, 200), default=4, show_default=True, help="Steps of a job.")
@click.option("--step-seconds", type=click.FloatRange(0), default=10, show_default=True, help="How long a step takes.")
@click.option("--keep-days", type=click.FloatRange(0), default=90, show_default=True, help="How long jobs are kept.")
@click.option("--reads", type=click.FloatRange(0), default=20, show_default=True, help="Requests for jobs in a second.")
@click.option(
    "--peak", type=click.FloatRange(1), default=3, show_default=True, help="The busiest hour, by the average."
)
@click.option("--jobs", type=click.IntRange(50), default=2000, show_default=True, help="Jobs that are measured.")
@click.option(
    "--check", is_flag=True, help="Measure two more numbers of steps, and compare: exit code 1 if 25 % are exceeded."
)
@setting("database_url", "data_dir")
def plan_a_farm(jobs: int, check: bool, **given: Any) -> None:
    """Processes, places of workers, disk and log for so many jobs a day, by what jobs cost on this machine.

    It takes half a minute, in a second database on the same server.
    """
    names = {field.name for field in fields(Wish)}
    wish = Wish(**{name: value for name, value in given.items() if name in names})
    flags = {name: value for name, value in given.items() if name not in names}
    loops.run("auto", _plan(settings.load(flags), wish, jobs, check))


async def _plan(chosen: settings.Settings, wish: Wish, jobs: int, check: bool) -> None:
    out = Console()
    out.width = max(out.width, 100)
    async with AsyncExitStack() as stack:
        database = await open_database(stack, chosen)
        second = await stack.enter_async_context(second_database(database))
        async with quiet():
            with out.status("measuring"):
                await migrate(second)
                requests = await costs.requests(second, 2)
                line = await costs.line(second, jobs)
                found = {steps: await costs.measured(second, max(jobs // 2, 1), steps) for steps in _CHECKED if check}
    out.print(_costs(line))
    out.print(
        f"A request takes {1000 * requests.read:.2f} ms of a processor for one job, {1000 * requests.submission:.2f} ms for a "
        f"submission. {machine()}."
    )
    out.print(_needs(wish, plan(wish, line.at(wish.steps), requests)))
    if found:
        table, within = _compared(line, found)
        out.print(table)
        if not within:
            raise SystemExit(1)


def _costs(line: Line) -> Table:
    table = Table("what a job costs", f"{FEW} step", f"{MANY} steps", "", box=None)
    for name, (words, unit, factor) in _UNITS.items():
        table.add_row(words, *(f"{getattr(one, name) * factor:,.2f}" for one in (line.few, line.many)), unit)
    return table


def _needs(wish: Wish, made: Plan) -> Table:
    table = Table(f"{wish.jobs_per_day:,.0f} jobs a day of {wish.steps} steps", "", box=None)
    for words, value in (
        ("jobs a second, in the busiest hour", f"{made.jobs_per_second:,.2f}"),
        ("processes with the API", f"{made.api}"),
        ("processors for the engine", f"{made.engine:.3f}"),
        ("processors for Postgres", f"{made.database:.3f}"),
        ("places of workers", f"{made.slots:,}"),
        ("sites", f"{made.sites}"),
        (f"disk for {wish.keep_days:g} days", f"{made.disk / 1e9:,.1f} GB"),
        ("write-ahead log a day", f"{made.log / 1e9:,.2f} GB"),
        ("a job waits for a place, half of them", f"{made.waits[0]:.1f} s"),
        ("95 of a hundred", f"{made.waits[1]:.1f} s"),
    ):
        table.add_row(words, value)
    return table


def _compared(line: Line, found: dict[int, Cost]) -> tuple[Table, bool]:
    table = Table("predicted and measured", "steps", "predicted", "measured", "", "off by", box=None)
    within = True
    for steps, cost in found.items():
        for name, (words, unit, factor) in _UNITS.items():
            predicted, measured = getattr(line.at(steps), name), getattr(cost, name)
            if not measured or name == _BY_CHANCE:
                continue
            off = predicted / measured - 1
            within = within and abs(off) <= _TOLERATED
            table.add_row(
                words, str(steps), f"{predicted * factor:,.2f}", f"{measured * factor:,.2f}", unit, f"{off:+.0%}"
            )
    return table, within
