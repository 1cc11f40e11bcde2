"""Workers → documents, pure."""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.engine.staff import Member
from vidijob.jobs.identity import job_name

_LABEL = "label:"


def worker_list(site: str, staff: Sequence[Member]) -> wire.WorkerListDocument:
    """Return the workers and what each carries out."""
    return wire.WorkerListDocument(worker=tuple(_worker(site, member) for member in staff))


def _worker(site: str, member: Member) -> wire.WorkerProcess:
    worker = member.worker
    return wire.WorkerProcess(
        id=str(worker.id),
        host=worker.host,
        pid=worker.pid,
        started=worker.started_at,
        seen=worker.seen_at,
        drained=worker.drained,
        slots=worker.slots,
        bean=worker.executors,
        resource=tuple(
            wire.KeyValue(key=name, value=f"{amount:.12g}")
            for name, amount in sorted(worker.resources.items())
            if not name.startswith(_LABEL)
        ),
        label=tuple(name.removeprefix(_LABEL) for name in sorted(worker.resources) if name.startswith(_LABEL)),
        task=tuple(
            wire.WorkerTask(
                job_id=job_name(site, held.job), step=held.step, description=held.description, since=held.since
            )
            for held in member.holdings
        ),
    )
