"""What a dispatcher and the nodes of a cluster say to each other, as plain documents: orders, news, outcomes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, Vanished, Wait
from vidijob.jobs.model import Priority

#: A node ends what its dispatcher has not asked it to keep for so many seconds.
PATIENCE = 6.0
#: Seconds between two times that a dispatcher asks.
KEEP = 1.5


@dataclass(frozen=True, slots=True)
class Order:
    """A step for a node, with all that it needs to know."""

    job: str
    step: int
    lease: int
    user: str
    priority: str
    executor: str
    method: str
    data: Mapping[str, Sequence[str]]
    metadata: Mapping[str, str]
    #: Under this name the dispatcher listens.
    topic: str
    #: The settings of the dispatcher that the executors of a node need as well.
    settings: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return asdict(self)

    @classmethod
    def of(cls, step: StepContext, executor: str, topic: str, settings: Mapping[str, Any]) -> Order:
        """Return the order for a step."""
        data = {key: list(values) for key, values in step.data.items()}
        return cls(
            job=step.job,
            step=step.step,
            lease=step.lease,
            user=step.user,
            priority=step.priority.value,
            executor=executor,
            method=step.method,
            data=data,
            metadata=dict(step.metadata),
            topic=topic,
            settings=dict(settings),
        )

    @property
    def urgency(self) -> Priority:
        """How urgent the job was."""
        return Priority(self.priority)


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as it is sent; raises ``TypeError`` for what is none."""
    match outcome:
        case Done(data):
            return {"word": "done", "data": _lists(data)}
        case Retry(reason, changes):
            return {"word": "retry", "reason": reason, "data": _lists(changes)}
        case Fail(reason, changes):
            return {"word": "fail", "reason": reason, "data": _lists(changes)}
        case Wait(type, about, reason, changes):
            return {"word": "wait", "type": type, "about": dict(about), "reason": reason, "data": _lists(changes)}
        case Vanished(reason):
            return {"word": "vanished", "reason": reason}
    raise TypeError(f"an executor answers Done, Wait, Retry, Fail or Vanished, not {outcome!r}")


def outcome_of(document: Mapping[str, Any]) -> Outcome:
    """Return an outcome that was sent."""
    match document:
        case {"word": "done", "data": data}:
            return Done(data)
        case {"word": "retry", "reason": reason, "data": data}:
            return Retry(reason, data)
        case {"word": "wait", "type": type, "about": about, "reason": reason, "data": data}:
            return Wait(type, about, reason, data)
        case {"word": "vanished", "reason": reason}:
            return Vanished(reason)
        case _:
            return Fail(document["reason"], document["data"])


def _lists(data: Mapping[str, Sequence[str] | None]) -> dict[str, list[str] | None]:
    return {key: None if values is None else list(values) for key, values in data.items()}
