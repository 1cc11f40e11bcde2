"""Users of a server that is reached by its URL: what ``engine.accounts`` does on the database, by HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vidijob.cli.remote import TEXT, Remote, part


@dataclass(frozen=True, slots=True)
class RemoteAccount:
    """A user as a list shows it."""

    name: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    disabled: bool
    #: The API does not tell.
    created_at: datetime | None = None


class RemoteAccounts:
    """The users of one server; the caller has to be an administrator there."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def add(self, name: str, password: str, roles: Sequence[str] = ()) -> None:
        """Make a user."""
        body: dict[str, object] = {"userName": name, "password": password}
        if roles:
            body["groupList"] = {"group": [{"groupName": role} for role in roles]}
        await self._remote.call("POST", "/user", query=[("passwordType", "raw")], body=body)

    async def listing(self) -> list[RemoteAccount]:
        """Return all users."""
        reply = await self._remote.call("GET", "/user")
        return [
            RemoteAccount(
                one["userName"],
                tuple(group["groupName"] for group in _groups(one) if group.get("role")),
                tuple(group["groupName"] for group in _groups(one) if not group.get("role")),
                bool(one.get("disabled")),
            )
            for one in reply.document.get("user", ())
        ]

    async def grant(self, name: str, roles: Sequence[str]) -> None:
        """Give a user roles."""
        for role in roles:
            await self._remote.call("PUT", f"/group/{part(role)}/user/{part(name)}")

    async def revoke(self, name: str, roles: Sequence[str]) -> None:
        """Take roles from a user."""
        for role in roles:
            await self._remote.call("DELETE", f"/group/{part(role)}/user/{part(name)}")

    async def set_password(self, name: str, password: str) -> None:
        """Give a user another password."""
        await self._remote.call(
            "PUT", f"/user/{part(name)}/password", query=[("type", "raw")], text=password, accept=TEXT
        )

    async def set_disabled(self, name: str, disabled: bool) -> None:
        """Let a user no longer log in, or again."""
        if disabled:
            await self._remote.call("DELETE", f"/user/{part(name)}")
        else:
            await self._remote.call("PUT", f"/user/{part(name)}/enable")

    async def delete(self, name: str) -> None:
        """Take a user out."""
        await self._remote.call("DELETE", f"/user/{part(name)}", query=[("hard", "true")])


def _groups(user: dict[str, dict[str, list[dict[str, str]]]]) -> list[dict[str, str]]:
    return user.get("groupList", {}).get("group", [])
