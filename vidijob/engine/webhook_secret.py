"""What notifications are signed with: the setting, else a secret made once for all processes and kept in the database."""

from __future__ import annotations

import secrets

from vidijob.store import configuration
from vidijob.store.database import Database

_NAME = "webhook-secret"


class WebhookSecret:
    """The secret of one installation; who has it can sign as this server."""

    def __init__(self, database: Database, given: str | None) -> None:
        self._database = database
        self._known = given

    async def get(self) -> str:
        """Return the secret, made now if there was none."""
        if self._known is None:
            await configuration.ensure_document(self._database, _NAME, {"secret": secrets.token_urlsafe(32)})
            self._known = str((await configuration.document(self._database, _NAME))["secret"])
        return self._known
