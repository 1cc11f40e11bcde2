"""Stores what running steps have told since the last beat: lines for the log, signals, sub-tasks, data."""

from __future__ import annotations

from collections.abc import Mapping

from vidijob.engine.run import Run
from vidijob.store import running, steps
from vidijob.store.database import Database
from vidijob.store.steps import Held


async def store_told(database: Database, runs: Mapping[Held, Run]) -> bool:
    """Store what is new of attempts that are held; tells whether steps may start by it. What cannot be stored is kept."""
    started = await _signals(database, runs)
    await _sub_tasks(database, runs)
    await _data(database, runs)
    await _notes(database, runs)
    return started


async def _signals(database: Database, runs: Mapping[Held, Run]) -> bool:
    due = [held for held, run in runs.items() if run.take_signal()]
    try:
        return await running.signal(database, due) if due else False
    except BaseException:
        for held in due:
            runs[held].put_signal_back()
        raise


async def _sub_tasks(database: Database, runs: Mapping[Held, Run]) -> None:
    divided = {held: run.sub_tasks for held, run in runs.items() if run.sub_tasks is not None}
    totals = {held: total for held, all in divided.items() if (total := all.take_total()) is not None}
    try:
        if totals:
            await running.split(database, totals)
    except BaseException:
        for held in totals:
            divided[held].forget_total()
        raise
    changed = {held: news for held, all in divided.items() if (news := all.take())}
    try:
        if changed:
            await running.tell(database, changed)
    except BaseException:
        for held, news in changed.items():
            divided[held].put_back(news)
        raise


async def _data(database: Database, runs: Mapping[Held, Run]) -> None:
    said = {held: data for held, run in runs.items() if (data := run.take_said()) is not None}
    try:
        if said:
            await steps.tell(database, said)
    except BaseException:
        for held in said:
            runs[held].put_said_back()
        raise


async def _notes(database: Database, runs: Mapping[Held, Run]) -> None:
    notes = {held: lines for held, run in runs.items() if (lines := run.take_notes())}
    try:
        if notes:
            await steps.note(database, notes)
    except BaseException:
        for held, lines in notes.items():
            runs[held].put_back(lines)
        raise
