"""``vidijob bench``: figures of this program on this machine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from vidijob import settings
from vidijob.bench import balanced, http, reading, serving
from vidijob.bench import live as live_pages
from vidijob.bench.figures import Figure, Size
from vidijob.bench.filling import fill as fill_database
from vidijob.bench.machine import machine, sync_milliseconds
from vidijob.bench.peers import quiet
from vidijob.bench.rates import FIGURES
from vidijob.bench.searching import SMALL, figures, second_database
from vidijob.cli import loops
from vidijob.cli.memory import give_back
from vidijob.cli.options import setting
from vidijob.cli.plan import plan_a_farm
from vidijob.opening import open_database
from vidijob.store.bench import server
from vidijob.store.database import Database
from vidijob.store.migrate import migrate

#: A statement of a benchmark may take so long, in seconds: VACUUM is one.
_LONGEST = 4 * 3600.0
#: Of what is printed, also into a file.
_WIDTH = 160


@click.group()
def bench() -> None:
    """Figures of this program on this machine, as ratios; of a database that is there for that."""


@bench.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option(
    "--steps",
    type=click.IntRange(0, 40),
    default=2,
    show_default=True,
    help="Steps of each job, with an attempt and three events each; 0: only the jobs.",
)
@setting("database_url", "data_dir")
def fill(number: int, steps: int, **flags: Any) -> None:
    """Add NUMBER jobs that have ended, of twelve types and fifty users, over three years."""
    asyncio.run(_fill(settings.load(flags), number, steps))


@bench.command()
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="So often each is done.")
@click.option(
    "--small",
    type=click.IntRange(min=1),
    default=SMALL,
    show_default=True,
    help="How many jobs the database has that is filled for comparison.",
)
@setting("database_url", "data_dir")
def search(rounds: int, small: int, **flags: Any) -> None:
    """Hits, facets, first pages, deep pages and data filters of a database that was filled."""
    asyncio.run(_search(settings.load(flags), rounds, small))


@bench.command()
@click.argument("figure", nargs=-1, type=click.Choice(list(FIGURES)))
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="So often each is done.")
@click.option("--jobs", type=click.IntRange(min=20), default=10_000, show_default=True, help="Jobs in a round.")
@setting("database_url", "data_dir")
def run(figure: tuple[str, ...], rounds: int, jobs: int, **flags: Any) -> None:
    """Jobs as they are submitted, picked up and carried out, in a second database on the same server.

    drain: jobs of one step beside PgQueuer and Procrastinate; pickup: how long they wait while there is little to do, beside
    PgQueuer; chain: jobs of three steps beside bare statements and DBOS, where that is installed; submit: submissions that
    share a commit beside others; held: while somebody holds a snapshot; history: the last tenth of all --jobs beside the first, once; counts:
    submissions beside such as are not counted, and the counts beside the jobs. Without a FIGURE all of them.
    """
    loops.run("auto", _run(settings.load(flags), figure or tuple(FIGURES), Size(rounds, jobs)))


@bench.command()
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="So often each is done.")
@setting("database_url", "data_dir")
def read(rounds: int, **flags: Any) -> None:
    """A job that has ended and pages of jobs, as they are read and written, without HTTP."""
    asyncio.run(_read(settings.load(flags), rounds))


@bench.command(name="http")
@click.argument("figure", nargs=-1, type=click.Choice(list(http.FIGURES)))
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="So often each is asked.")
@click.option("--seconds", type=click.FloatRange(0.01), default=2, show_default=True, help="How long, in each round.")
@setting("database_url", "data_dir")
def over_http(figure: tuple[str, ...], rounds: int, seconds: float, **flags: Any) -> None:
    """The API over HTTP, from a database that was filled, by servers of their own that are asked by turns.

    job: one job by its id beside an answer that is always the same; page: a hundred jobs beside a server that writes each
    anew; long: how much memory a list of all jobs takes, of a million at most; commits: submissions while others are woken
    and told, beside none of that; checking: what of a submission is reading its document. Without a FIGURE all of them.
    """
    loops.run("auto", _http(settings.load(flags), figure or tuple(http.FIGURES), rounds, seconds))


@bench.command()
@click.option("--processes", default="1,2,4", show_default=True, help="How many, separated by commas.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="So often each is asked.")
@click.option("--seconds", type=click.FloatRange(0.01), default=2, show_default=True, help="How long, in each round.")
@setting("database_url", "data_dir")
def balance(processes: str, rounds: int, seconds: float, **flags: Any) -> None:
    """Processes with the API behind nginx: answers in a second, and a restart of all, one after the other, under load.

    In a second database on the same server, and with the nginx of this machine.
    """
    try:
        numbers = [int(part) for part in processes.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number <= 64 for number in numbers):
        raise click.BadParameter("It is a list like 1,2,4.", param_hint="--processes")
    loops.run("auto", _balance(settings.load(flags), numbers, rounds, seconds))


bench.add_command(plan_a_farm)


@bench.command()
@click.option("--pages", type=click.IntRange(1, 5000), default=200, show_default=True, help="Pages that are open.")
@click.option("--rate", type=click.FloatRange(0.1), default=10, show_default=True, help="Jobs of three steps a second.")
@click.option("--seconds", type=click.FloatRange(1), default=20, show_default=True, help="How long.")
@setting("database_url", "data_dir")
def live(pages: int, rate: float, seconds: float, **flags: Any) -> None:
    """Open pages of the console: what they cost the server, and how soon each is told what happens.

    The jobs are put into a second database on the same server.
    """
    loops.run("auto", _live(settings.load(flags), pages, rate, seconds))


@bench.command(hidden=True)
def served() -> None:
    """A server that is measured; standard input says which."""
    give_back()
    loops.run("auto", serving.serve())


async def _fill(chosen: settings.Settings, number: int, steps: int) -> None:
    out = Console()
    async with AsyncExitStack() as stack:
        database = await _opened(stack, chosen)
        begun = time.monotonic()
        with out.status("") as status:
            await fill_database(database, number, steps=steps, told=lambda there: status.update(f"{there:,} jobs"))
        taken = time.monotonic() - begun
    out.print(f"{number:,} jobs of {steps} steps in {taken:.1f} s, {number / taken:,.0f} a second")


async def _search(chosen: settings.Settings, rounds: int, small_number: int) -> None:
    async with AsyncExitStack() as stack:
        database = await _opened(stack, chosen)
        small = await stack.enter_async_context(second_database(database))
        measured = figures(database, small, rounds=rounds, small_number=small_number)
        await _print(chosen, database, rounds, measured, "filling a small database")


async def _read(chosen: settings.Settings, rounds: int) -> None:
    async with AsyncExitStack() as stack:
        database = await _opened(stack, chosen)
        await _print(chosen, database, rounds, reading.figures(database, rounds=rounds), "reading")


async def _http(chosen: settings.Settings, names: Sequence[str], rounds: int, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        database = await _opened(stack, chosen)

        async def all_of_them() -> AsyncIterator[Figure]:
            for name in names:
                async for one in http.FIGURES[name](database, rounds, seconds):
                    yield one

        await _print(chosen, database, rounds, all_of_them(), "asking")


async def _balance(chosen: settings.Settings, numbers: Sequence[int], rounds: int, seconds: float) -> None:
    restarts: list[str] = []
    async with AsyncExitStack() as stack:
        database = await _opened(stack, chosen)
        second = await stack.enter_async_context(second_database(database))
        async with quiet():
            await migrate(second)

        async def measured() -> AsyncIterator[Figure]:
            async for one in balanced.figures(second, numbers, rounds, seconds):
                if isinstance(one, Figure):
                    yield one
                else:
                    restarts.append(one.words)

        await _print(chosen, database, rounds, measured(), "asking")
    for words in restarts:
        click.echo(words)


async def _live(chosen: settings.Settings, pages: int, rate: float, seconds: float) -> None:
    out = Console()
    async with AsyncExitStack() as stack:
        database = await open_database(stack, chosen)
        async with second_database(database) as second:
            await migrate(second)
            with out.status("looking on"):
                seen = await live_pages.look(second, pages=pages, rate=rate, seconds=seconds)
        version = await server(database)
    out.width = max(out.width, _WIDTH)
    out.print(
        f"{seen.pages} open pages, {seen.jobs} jobs in {seen.seconds:.1f} s, {seen.events:.0f} events a second for each"
    )
    out.print(f"the server used {seen.cores:.2f} cores; {seen.loads / seen.seconds:.1f} pages loaded again a second")
    out.print(
        f"told after {seen.median:.0f} ms (median), {seen.late:.0f} ms (99 %), {seen.latest:.0f} ms (most); "
        f"{seen.missed} of {seen.jobs * seen.pages} missed"
    )
    load = f"; load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    out.print(f"{machine()}, Postgres {version}{load}")


async def _opened(stack: AsyncExitStack, chosen: settings.Settings) -> Database:
    database = (await open_database(stack, chosen)).sibling(connections=2, longest=_LONGEST)
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def _print(
    chosen: settings.Settings, database: Database, rounds: int, measured: AsyncIterator[Figure], meanwhile: str
) -> None:
    out = Console()
    table = Table("figure", "", "", "beside", "", "ratio", "", box=None)
    with out.status(meanwhile):
        async for one in measured:
            table.add_row(
                one.name, _number(one.this), one.unit, one.beside, _number(one.other), f"{one.ratio:.3g}", one.note
            )
    version = await server(database)
    embedded = chosen.data_dir if chosen.database_url is None else None
    _tell(out, table, rounds, version, embedded)


async def _run(chosen: settings.Settings, names: Sequence[str], size: Size) -> None:
    out = Console()
    async with AsyncExitStack() as stack:
        database = await open_database(stack, chosen)
        table = Table("figure", "", "", "beside", "", "ratio", box=None)
        with out.status("") as status:
            # Into a file it is told in lines; a terminal has room for one.
            said = status.update if out.is_terminal else partial(click.echo, err=True)
            for name in names:
                said(name)
                async with second_database(database) as second, quiet():
                    await migrate(second)
                    async for one in FIGURES[name](second, replace(size, told=said)):
                        table.add_row(
                            one.name, _number(one.this), one.unit, one.beside, _number(one.other), f"{one.ratio:.3g}"
                        )
        version = await server(database)
    _tell(out, table, size.rounds, version, chosen.data_dir if chosen.database_url is None else None)


def _tell(out: Console, table: Table, rounds: int, version: str, embedded: Path | None) -> None:
    out.width = max(out.width, _WIDTH)
    out.print(table)
    out.print(f"Medians of {rounds}, by turns. {machine()}, Postgres {version}.")
    where = "its disk" if embedded is not None else "the disk for temporary files here"
    load = f"; load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    out.print(f"fdatasync on {where}: {sync_milliseconds(embedded):.2f} ms{load}")


def _number(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
