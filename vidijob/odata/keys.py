"""Ids of entities that are made from a UUID: ``nb:jid:UUID:7dc2642f-…``; read however clients encode them."""

from __future__ import annotations

import re
from urllib.parse import unquote
from uuid import UUID

from vidijob.errors import Invalid, NotFound

_UUID = r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"


class Key:
    """The ids of one set, by what they begin with."""

    def __init__(self, set: str, prefix: str) -> None:
        self.set = set
        self.prefix = prefix
        self._pattern = re.compile(re.escape(prefix) + _UUID)

    def of(self, uuid: UUID) -> str:
        """Return the id of an entity."""
        return f"{self.prefix}{uuid}"

    def read(self, text: object) -> UUID | None:
        """Read an id as it stands; ``None`` for what none can be."""
        match = self._pattern.fullmatch(text) if isinstance(text, str) else None
        return UUID(match[1]) if match else None

    def uuid(self, text: str) -> UUID:
        """Read an id, which may be percent-encoded; raises ``NotFound`` for what none can be."""
        found = self.read(unquote(text).strip())
        if found is None:
            raise NotFound(self.set, text[:100])
        return found

    def linked(self, url: object) -> UUID:
        """Return the id in the address of an entity, whichever host it names, and however often it is percent-encoded; raises
        ``Invalid``.
        """
        match = self._pattern.search(unquote(unquote(str(url))))
        if match is None:
            raise Invalid("links", f"{str(url)[:200]!r} leads to no entity whose id begins with {self.prefix}")
        return UUID(match[1])
