"""Documents that many resources use: lists of URIs, pairs of strings, versions (contract 3.6, 3.7)."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.vocabulary import KeyValue, VidispineDocument
from vidijob.binding.fields import Integer, Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class URIListDocument(VidispineDocument):
    """A list of URIs, or of bare names where the resource says so (GET /jobtype)."""

    hits: Integer | None = None
    uri: tuple[Uri, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleMetadataDocument(VidispineDocument):
    """Keys and values; a key may stand more than once."""

    field: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of the server and its version."""

    name: str
    site_id: str | None = None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDocument(VidispineDocument):
    """Which server this is."""

    component: tuple[Component, ...] = ()
