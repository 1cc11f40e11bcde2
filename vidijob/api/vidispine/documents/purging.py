"""For how long things are kept (contract 1.7)."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.vocabulary import VidispineDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePurgingJob:
    """When ended jobs are taken out."""

    #: In days.
    age: int | None = None
    #: Where they would be written to first.
    uri: str | None = None
    compress: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePurgingConfigurationDocument(VidispineDocument):
    """What is taken out of the database, and when (newer servers)."""

    job: DatabasePurgingJob | None = None
