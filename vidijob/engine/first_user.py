"""The first user, ``admin``: made when there are no users, with a password that was given, or with one that is made up,
told once and kept in a file for its owner only.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from vidijob import access
from vidijob.engine.accounts import Accounts
from vidijob.settings import Settings


def password_file(settings: Settings) -> Path:
    """Return where the first password is kept when nobody gave one."""
    return settings.data_dir / "admin-password"


async def ensure_first_user(accounts: Accounts, settings: Settings) -> str | None:
    """Make the user ``admin`` if there are no users; returns the password if one was made up for it.

    Two processes that start at once end with the same password, the one in the file.
    """
    if settings.admin_password is not None:
        await accounts.ensure_first(settings.admin_password.get_secret_value())
        return None
    if await accounts.listing():
        return None
    file = password_file(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _keep_password(file)
    password = file.read_text().strip()
    return password if await accounts.ensure_first(password) else None


def _keep_password(file: Path) -> None:
    """Write a new password to a file for its owner only, whole or not at all, if it is not there yet."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".admin-password-")
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(access.new_password() + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(name, file)
    finally:
        os.unlink(name)
