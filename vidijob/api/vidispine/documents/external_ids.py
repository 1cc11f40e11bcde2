"""External ids: the names that others gave to things here."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.vocabulary import VidispineDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIdentifier:
    """A name and what it names."""

    entity_id: str
    #: ``Job`` or ``Notification``.
    entity_type: str
    namespace: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIdentifierListDocument(VidispineDocument):
    """The names of one thing."""

    id: tuple[ExternalIdentifier, ...] = ()
