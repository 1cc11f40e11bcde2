"""What all documents of the face share: the namespace, the simple types, pairs of strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from vidijob.binding.fields import Document, Simple, Vocabulary
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState, StepState

VOCABULARY = Vocabulary("http://xml.vidispine.com/schema/vidispine", "vidispine.xsd")

SiteId = Annotated[str, Simple("SiteIdType")]
JobStateName = Annotated[str, Simple("JobStateType", values=tuple(state.value for state in JobState))]
StepStateName = Annotated[str, Simple("StepStateType", values=tuple(state.value for state in StepState))]
PriorityName = Annotated[str, Simple("JobPriorityType", values=tuple(priority.value for priority in Priority))]


class VidispineDocument(Document):
    """A root document of this face."""

    __slots__ = ()
    vocabulary: ClassVar[Vocabulary] = VOCABULARY


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValue:
    """A pair of strings: job data, a metadata field. ``key`` first, one client relies on it."""

    key: str
    value: str
