"""A job and its steps in the states of another face, as they are told of: from event to event, and never back. Pure; what the
states mean is the face's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vidijob.jobs.model import Event


@dataclass(frozen=True, slots=True)
class States:
    """The states of a face, by their numbers."""

    names: Sequence[str]
    #: How far each is.
    rank: Sequence[int]
    #: What the state of a job becomes by an event.
    of_job: Callable[[int, Event], int]
    #: The number of a state of a step, and what that becomes by the state of its job.
    of_step: Mapping[str, int]
    within: Callable[[int, int], int]


@dataclass(frozen=True, slots=True)
class Change:
    """A state that is new."""

    event: Event
    #: ``None``: that of the job.
    step: int | None
    old: int
    new: int


@dataclass(slots=True)
class Place:
    """Where a job and its steps are, as was told last. As a text, it is ``Processing 10=3 20=2/40``."""

    states: States
    job: int
    steps: dict[int, int]
    #: In percent.
    progress: dict[int, int]

    @classmethod
    def read(cls, states: States, text: str | None) -> Place:
        """Read what was kept; ``None``: nothing was told yet."""
        name, *steps = (text or states.names[0]).split(" ")
        pairs = {int(step): rest.split("/") for step, _, rest in (one.partition("=") for one in steps)}
        return cls(
            states,
            states.names.index(name),
            {step: int(state) for step, (state, *_) in pairs.items()},
            {step: int(percent) for step, (_, *rest) in pairs.items() for percent in rest},
        )

    def __str__(self) -> str:
        percent = {step: f"/{value}" for step, value in self.progress.items()}
        steps = (f"{step}={state}{percent.get(step, '')}" for step, state in self.steps.items())
        return " ".join([self.states.names[self.job], *steps])

    def go_on(self, events: Sequence[Event], steps: Collection[int]) -> Iterator[Change]:
        """Yield what is new by some events, of the job and of some of its steps, in order; and remember it."""
        for event in events:
            following = self.states.of_job(self.job, event)
            if self._is_further(self.job, following):
                yield Change(event, None, self.job, following)
                self.job = following
            for step in steps:
                old = self.steps.get(step, 0)
                own = self.states.of_step[event.new] if event.step == step else old
                new = self.states.within(own, self.job)
                if self._is_further(old, new):
                    yield Change(event, step, old, new)
                    self.steps[step] = new

    def advance(self, percents: Mapping[int, float], steps: Collection[int]) -> Iterator[tuple[int, int]]:
        """Yield the steps that are further than was told, with the percent; and remember it."""
        for step in steps:
            percent = int(percents.get(step, 0))
            if percent > self.progress.get(step, 0):
                self.progress[step] = percent
                self.steps.setdefault(step, 0)
                yield step, percent

    def _is_further(self, old: int, new: int) -> bool:
        return self.states.rank[new] > self.states.rank[old]
