"""``vidijob bench``: what it fills in is as if it had been run, and what it measures is what it says."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from tests.faults import checker
from vidijob.bench import counting, filling
from vidijob.bench.figures import by_turns
from vidijob.cli import commands
from vidijob.jobs.states import ENDED


async def bench(*arguments: str, url: str) -> tuple[int, str]:
    """Run the command; returns its exit code and what it printed."""
    ended = await asyncio.to_thread(CliRunner().invoke, commands, ["bench", *arguments, "--database-url", url])
    return ended.exit_code, ended.output


async def test_a_filled_database_breaks_no_promise_and_can_be_measured(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(filling, "BATCH", 90)
    code, words = await bench("search", url=url)
    assert code == 1 and "fill the database first (vidijob bench fill 1000000)" in words
    code, words = await bench("fill", "200", "--steps", "2", url=url)
    assert code == 0 and words.startswith("200 jobs of 2 steps in "), words
    connection = await asyncpg.connect(url)
    try:
        log = await checker.read(connection)
        assert checker.breaches(log, limit=200) == []
        assert {job.state for job in log.jobs} == {state.value for state in ENDED}
        assert (len(log.jobs), len(log.steps), len(log.tries)) == (200, 400, 400)
        owners = Counter(row["owner"] for row in await connection.fetch("SELECT owner FROM job"))
        assert len(owners) > 20 and owners.most_common(1)[0][0] == "user0"
        assert await connection.fetchval("SELECT count(*) FROM job_count_change") == 0
        # What is there already stays, and new ids follow.
        assert (await bench("fill", "10", "--steps", "0", url=url))[0] == 0
        assert await connection.fetchval("SELECT count(*) FROM job WHERE total_steps = 0") == 10
        assert await connection.fetch(checker.COUNTS) == []
    finally:
        await connection.close()
    code, words = await bench("search", "--rounds", "1", "--small", "50", url=url)
    assert code == 0, words
    assert "equal to it" in words and "NOT" not in words
    rows = {line.split("  ")[0].strip(): line.split() for line in words.splitlines()}
    for name in ("hits and facets", "first page by startTime desc, all", "first page by finishTime, of user45",
                 "page 1 by jobId desc"):  # fmt: skip
        assert name in rows, words
    assert "Medians of 1, by turns." in words and "fdatasync on" in words
    code, words = await bench("read", "--rounds", "1", url=url)
    for name in ("20 times a job that has ended, kept", "written too (json, with data)", "canonically equal"):
        assert code == 0 and name in words, words


async def test_servers_of_their_own_are_asked(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    code, words = await bench("http", "job", url=url)
    assert code == 1 and "fill the database first (vidijob bench fill 100000)" in words
    assert (await bench("fill", "30", "--steps", "1", url=url))[0] == 0
    code, words = await bench("http", "page", "commits", "--rounds", "1", "--seconds", "0.05", url=url)
    assert code == 0, words
    for name in ("GET /job of 100, JSON, 16 clients", "POST /job, 32 clients, 10 woken, one subscriber"):
        (line,) = (line for line in words.splitlines() if line.strip().startswith(name))
        assert float(line.strip()[len(name) :].split()[0].replace(",", "")) > 0, words
    connection = await asyncpg.connect(url)
    try:
        # Whoever asked is gone.
        assert not await connection.fetchval("SELECT count(*) FROM account WHERE name LIKE 'bench-%'")
    finally:
        await connection.close()


async def test_jobs_are_submitted_and_run_beside_what_they_are_compared_with(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(counting, "_COMPARED", 20)
    figures = ["chain", "submit", "held", "history", "counts"]
    code, words = await bench("run", *figures, "--rounds", "1", "--jobs", "40", url=url)
    assert code == 0, words
    for name, unit in (
        ("jobs of 3 steps", "jobs/s"),
        ("submissions, 1 client ", "jobs/s"),
        ("submissions, 32 clients", "jobs/s"),
        ("claims, p95, a snapshot held for 0 s at 500 jobs/s", "ms"),
        ("jobs of one step, a snapshot held for 0 s at 500 jobs/s", "jobs/s"),
        ("jobs of one step, the last 4 of 40 jobs", "jobs/s"),
        ("queues, leases and slots after the last 4 of 40 jobs", "MB"),
    ):
        (line,) = (line for line in words.splitlines() if line.strip().startswith(name))
        this, found = line.strip()[len(name) :].split()[:2]
        assert found == unit and float(this.replace(",", "")) > 0, words
    (line,) = (line for line in words.splitlines() if "equal to GROUP BY" in line)
    assert line.split()[-3:] == ["compared", "20.00", "1"], words
    assert "Medians of 1, by turns." in words and "fdatasync on" in words
    connection = await asyncpg.connect(url)
    try:
        # What is measured is put elsewhere, and that is taken out again.
        assert await connection.fetchval("SELECT count(*) FROM job") == 0
        assert not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'vidijob_bench_second'")
    finally:
        await connection.close()


async def test_another_queue_that_is_not_installed_is_told_how_to_get(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pgqueuer", None)
    code, words = await bench("run", "pickup", "--rounds", "1", url=url)
    assert code == 1 and "pgqueuer is not installed; get it with: pip install" in words, words


async def test_two_things_are_done_by_turns_and_their_medians_are_told() -> None:
    done: list[str] = []

    async def this() -> None:
        done.append("this")
        await asyncio.sleep(0.02 if done.count("this") == 1 else 0.002)

    async def other() -> None:
        done.append("other")

    first, second = await by_turns(this, other, 3)
    assert done == ["this", "other"] * 4
    # The first time is not counted.
    assert 2 <= first < 15 and second < first


async def test_open_pages_are_measured_and_none_misses_anything(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, words = await bench("live", "--pages", "12", "--rate", "4", "--seconds", "2", url=url)
    assert code == 0, words
    assert "12 open pages, 8 jobs in" in words
    assert "0 of 96 missed" in words
