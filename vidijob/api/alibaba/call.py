"""One call of the face: what a handler is given, and how it reads what the call says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidijob.access import User
from vidijob.api.alibaba import translate
from vidijob.api.alibaba.faults import Fault
from vidijob.binding import plain
from vidijob.executors.buckets import Buckets
from vidijob.jobs.identity import Uuids, job_name
from vidijob.jobs.model import JobId
from vidijob.web.keys import Services

#: As many outputs as one call may have, with the longest texts, each sign of them escaped.
_LONGEST_JSON = 512 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """What the face has to know of the server's settings."""

    #: The storage roots.
    roots: Sequence[Path]
    #: The presets that a worker is known to have; ``None``: it may have others.
    templates: frozenset[str] | None = None
    #: How often each key may call each action within a second.
    rate: int = 100


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given."""

    request_id: str
    user: User
    parameters: Mapping[str, str] = field(repr=False)
    services: Services
    options: Options
    uuids: Uuids
    site: str
    #: How the client reaches this server.
    base: str

    @property
    def buckets(self) -> Buckets:
        """The storage."""
        return Buckets(self.options.roots)

    def text(self, name: str) -> str:
        """Return a parameter that must be there; raises ``Fault``."""
        value = self.parameters.get(name)
        if value is None:
            raise Fault("MissingParameter", name)
        if not value:
            raise Fault("InvalidParameter.EmptyValue", name)
        return self._sound(value, name)

    def optional(self, name: str) -> str | None:
        """Return a parameter, or ``None`` where it is not there, or empty."""
        value = self.parameters.get(name)
        return self._sound(value, name) if value else None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a parameter that is a whole number; raises ``Fault``."""
        given = self.optional(name)
        value = default if given is None else translate.number(given, name)
        if not least <= value <= most:
            raise Fault("InvalidParameter.OutOfRange", name)
        return value

    def ids(self, name: str, most: int) -> list[str]:
        """Return the ids of a list with commas, each once; raises ``Fault``."""
        given = list(dict.fromkeys(part.strip() for part in self.text(name).split(",") if part.strip()))
        if not given:
            raise Fault("InvalidParameter.EmptyValue", name)
        if len(given) > most:
            raise Fault("InvalidParameter.OutOfRange", name)
        return [translate.check_id(one, name) for one in given]

    def json(self, name: str) -> object:
        """Return what a parameter holds as JSON; raises ``Fault``."""
        try:
            return plain.read(self.text(name), longest=_LONGEST_JSON)
        except ValueError:
            raise Fault("InvalidParameter.JsonFormatInvalid", name) from None

    def object(self, name: str) -> Mapping[str, object]:
        """Return the JSON object of a parameter; raises ``Fault``."""
        found = self.json(name)
        if not isinstance(found, dict):
            raise Fault("InvalidParameter.JsonObjectFormatInvalid", name)
        return found

    def named(self, job: JobId) -> str:
        """Return the id by which the engine knows a job."""
        return job_name(self.site, job)

    @staticmethod
    def _sound(value: str, name: str) -> str:
        if "\x00" in value:
            raise Fault("InvalidParameter", f"{name}: it holds the character NUL")
        return value
