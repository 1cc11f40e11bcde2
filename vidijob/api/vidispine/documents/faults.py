"""Errors on the wire (contract 3.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vidijob.api.vidispine.documents.vocabulary import VidispineDocument
from vidijob.binding.fields import Always, Branch


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Nothing has that id."""

    type: Always[str | None] = None
    id: Always[str | None] = None
    context: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalServer:
    """The server is wrong."""

    message: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """A role is missing."""

    context: Always[str | None] = None
    id: Always[str | None] = None
    explanation: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYetImplemented:
    """The server cannot do that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The thing is not in a state that allows this."""

    context: Always[str | None] = None
    id: Always[str | None] = None
    explanation: Always[str | None] = None
    value: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidInput:
    """A value that cannot be taken."""

    context: Always[str | None] = None
    id: Always[str | None] = None
    explanation: Always[str | None] = None
    value: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseFault:
    """The licence does not allow this."""

    message: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAlreadyExists:
    """A file of that path is there already."""

    storage_id: Always[str | None] = None
    file_id: Always[str | None] = None
    path: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAuthorized:
    """No login, or a wrong one."""

    message: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionDocument(VidispineDocument):
    """An error: exactly one of the nine. JSON prints all keys (recorded from a real server)."""

    not_found: Annotated[Always[NotFound | None], Branch("fault", "notFound")] = None
    internal_server: Annotated[Always[InternalServer | None], Branch("fault", "internalServer")] = None
    forbidden: Annotated[Always[Forbidden | None], Branch("fault", "forbidden")] = None
    not_yet_implemented: Annotated[Always[NotYetImplemented | None], Branch("fault", "notYetImplemented")] = None
    conflict: Annotated[Always[Conflict | None], Branch("fault", "conflict")] = None
    invalid_input: Annotated[Always[InvalidInput | None], Branch("fault", "invalidInput")] = None
    license_fault: Annotated[Always[LicenseFault | None], Branch("fault", "licenseFault")] = None
    file_already_exists: Annotated[Always[FileAlreadyExists | None], Branch("fault", "fileAlreadyExists")] = None
    not_authorized: Annotated[Always[NotAuthorized | None], Branch("fault", "notAuthorized")] = None
