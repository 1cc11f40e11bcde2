"""Problems: why jobs wait (contract 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.vocabulary import KeyValue, SiteId, VidispineDocument
from vidijob.binding.fields import Long


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProblem:
    """A condition that holds jobs back."""

    id: Long
    type: str
    data: tuple[KeyValue, ...] = ()
    job: tuple[SiteId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProblemListDocument(VidispineDocument):
    """The problems that are not resolved."""

    problem: tuple[JobProblem, ...] = ()
