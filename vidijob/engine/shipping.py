"""Brings the program's own job types into the database. What an administrator has changed or deleted is theirs for good;
everything else becomes what this program says, unless a program with a newer list was there before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from vidijob.errors import Invalid
from vidijob.jobs.definitions import check_together
from vidijob.jobs.model import JobType, KnownTask, StepNumber
from vidijob.store import jobtypes
from vidijob.store.database import Session
from vidijob.store.jobtypes import Change

_log = logging.getLogger(__name__)


async def bring(change: Change, types: Iterable[JobType], edition: int) -> None:
    """Bring types into the database; the change is void where nothing had to be done."""
    if change.edition > edition:
        change.void = True
        return
    session = change.session
    there = {kind.name: kind for kind in await jobtypes.types(session)}
    tasks = await jobtypes.tasks(session)
    brought = await jobtypes.shipped_steps(session)
    changed = change.edition != edition
    for kind in types:
        known = there.get(kind.name)
        if known is not None and not known.shipped:
            _log.warning("the job type %s is an administrator's; ours of that name is left out", kind.name)
            continue
        if known is None:
            changed |= await jobtypes.ship(session, kind.name)
        theirs = {known.task.step: known for known in tasks if known.job_type == kind.name}
        steps = {step: touched for (name, step), touched in brought.items() if name == kind.name}
        changed |= await _bring(session, kind, theirs, steps)
    change.void, change.edition = not changed, edition


async def _bring(
    session: Session, kind: JobType, theirs: Mapping[StepNumber, KnownTask], brought: Mapping[StepNumber, bool]
) -> bool:
    """Make the steps of a type what the program says; ``brought`` are those it has brought before, each with whether it
    was touched. Tell whether any changed."""
    ours = {task.step: task for task in kind.tasks}
    new = [task for step, task in ours.items() if step not in brought]
    other = [
        task
        for step, task in ours.items()
        if brought.get(step) is False and step in theirs and theirs[step].task != task
    ]
    gone = [step for step, touched in brought.items() if not touched and step not in ours]
    if not (new or other or gone):
        return False
    result = {step: known.task for step, known in theirs.items() if step not in gone}
    result |= {task.step: task for task in other}
    result |= {task.step: task for task in new if task.step not in theirs}
    try:
        check_together(kind.name, list(result.values()))
    except Invalid as error:
        _log.warning("the steps of %s stay as they are; with the new ones: %s", kind.name, error)
        return False
    for task in new:
        # A step of an administrator's own that has the number already stays.
        await jobtypes.remember(session, kind.name, task.step, touched=task.step in theirs)
        if task.step not in theirs:
            await jobtypes.add(session, kind.name, task)
    for task in other:
        await jobtypes.write(session, theirs[task.step].id, kind.name, task)
    for step in gone:
        await jobtypes.forget(session, kind.name, step)
        if step in theirs:
            await jobtypes.remove(session, theirs[step].id)
    return True
