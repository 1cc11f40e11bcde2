"""The UUIDs of what has a number here: made from it by a key that is drawn once and kept in the database."""

from __future__ import annotations

import secrets

from vidijob.jobs.identity import Uuids
from vidijob.store import configuration
from vidijob.store.database import Database

_NAME = "identity"


class Identities:
    """The key of one installation; a copy of the database has the same UUIDs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Uuids | None = None

    async def uuids(self) -> Uuids:
        """Return what makes UUIDs, with the key drawn now if there was none."""
        if self._known is None:
            await configuration.ensure_document(self._database, _NAME, {"key": secrets.token_hex(32)})
            document = await configuration.document(self._database, _NAME)
            self._known = Uuids(bytes.fromhex(document["key"]))
        return self._known
