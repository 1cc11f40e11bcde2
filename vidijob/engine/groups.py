"""Groups of users, and roles, which the wire takes for groups. It knows no HTTP.

A role is given to a user by putting the user into it, or to a group by putting the group into it; then all members of the
group have it. Groups hold no other groups: only a role does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vidijob import access
from vidijob.access import ROLES
from vidijob.engine.accounts import Accounts
from vidijob.errors import Invalid, NotFound, NotImplementedHere, Refused
from vidijob.store import groups, users
from vidijob.store.database import Database, Session
from vidijob.store.groups import Holders


@dataclass(frozen=True, slots=True)
class Group:
    """A group, or a role."""

    name: str
    description: str | None
    is_role: bool
    #: Who was put into it.
    members: tuple[str, ...]
    #: The roles that its members have by it.
    parents: tuple[str, ...] = ()
    #: The groups that have this role.
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What is to be changed of a group; ``None`` leaves it."""

    description: str | None = None
    is_role: bool | None = None
    join: Sequence[str] = ()
    leave: Sequence[str] = ()
    #: Whether those who are in it leave first.
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Membership:
    """Groups and roles that a user is to be put into or taken out of."""

    join: Sequence[str] = ()
    leave: Sequence[str] = ()
    #: Whether the user leaves all others.
    move: bool = False


@dataclass(frozen=True, slots=True)
class NewUser:
    """What an administrator says of a user; ``None`` leaves it."""

    name: str
    password_hash: str | None = None
    real_name: str | None = None
    disabled: bool | None = None
    groups: Membership = field(default_factory=Membership)


class Groups:
    """The groups and roles of this server, and who is in them."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    async def listing(self) -> list[Group]:
        """Return all groups, then all roles, by name."""
        async with self._database.session() as session:
            stored = await groups.listing(session)
            holders = await groups.role_holders(session)
        plain = [Group(one.name, one.description, False, one.members, one.roles) for one in stored]
        return plain + [_role(name, holders.get(name, Holders())) for name in sorted(ROLES)]

    async def one(self, name: str) -> Group:
        """Return a group or role; raises ``NotFound``."""
        if name in ROLES:
            return _role(name, (await groups.role_holders(self._database)).get(name, Holders()))
        found = await groups.listing(self._database, [name])
        if not found:
            raise NotFound("Group", name)
        return Group(name, found[0].description, False, found[0].members, found[0].roles)

    async def put(self, name: str, change: GroupChange) -> None:
        """Make a group, or change one; of a role only its members can be changed.

        Raises ``Invalid`` for a name that cannot be one, ``NotFound`` for a user who is not there.
        """
        if name not in ROLES:
            access.check_group(name)
            if change.is_role:
                raise Invalid("role", f"There is no role {name}; the roles are {', '.join(ROLES)}.", value=name)
        async with self._accounts.changing(name) as session:
            if name not in ROLES:
                await groups.put(session, name)
                if change.description is not None:
                    await groups.describe(session, name, change.description)
            if change.clear:
                await self._empty(session, name)
            for user in change.leave:
                await _leave(session, name, user)
            for user in change.join:
                await _join(session, name, user)

    async def delete(self, name: str) -> None:
        """Take a group out; its members stay. Raises ``NotFound``, or ``Refused`` for a role."""
        if name in ROLES:
            raise Refused("group", name, f"{name} is a role: roles stay, and can be taken from users.")
        async with self._accounts.changing(name) as session:
            if not await groups.delete(session, name):
                raise NotFound("Group", name)

    async def join(self, name: str, user: str) -> None:
        """Put a user into a group, or give it a role; raises ``NotFound``."""
        async with self._accounts.changing(user) as session:
            await _join(session, name, user)

    async def leave(self, name: str, user: str) -> None:
        """Take a user out of a group, or a role from it; raises ``NotFound``."""
        async with self._accounts.changing(user) as session:
            await _leave(session, name, user)

    async def nest(self, role: str, group: str) -> None:
        """Give a role to a group; raises ``NotFound``, or ``NotImplementedHere`` where the outer one is no role."""
        async with self._accounts.changing(group) as session:
            await _check_nesting(session, role, group)
            await groups.grant(session, group, role)

    async def unnest(self, role: str, group: str) -> None:
        """Take a role from a group; raises ``NotFound``."""
        async with self._accounts.changing(group) as session:
            await _check_nesting(session, role, group)
            await groups.revoke(session, group, role)

    async def add_user(self, new: NewUser) -> bool:
        """Make a user; tells whether there was none of that name. All that is said of it is stored, or nothing."""
        access.check_name(new.name)
        async with self._accounts.changing(new.name) as session:
            if not await users.add(session, new.name, new.password_hash or "", []):
                return False
            await self._change(session, new)
        return True

    async def change_user(self, new: NewUser) -> None:
        """Change what is said of a user; raises ``NotFound``."""
        async with self._accounts.changing(new.name) as session:
            if await users.find(session, new.name) is None:
                raise NotFound("User", new.name)
            if new.password_hash is not None:
                await users.set_password(session, new.name, new.password_hash)
            await self._change(session, new)

    async def _change(self, session: Session, new: NewUser) -> None:
        if new.real_name is not None:
            await users.set_real_name(session, new.name, new.real_name or None)
        if new.disabled is not None:
            await users.set_disabled(session, new.name, new.disabled)
        if new.groups.move:
            await groups.leave_all(session, new.name)
            await users.revoke(session, new.name, list(ROLES))
        for group in new.groups.leave:
            await _leave(session, group, new.name)
        for group in new.groups.join:
            await _join(session, group, new.name)

    async def _empty(self, session: Session, name: str) -> None:
        if name not in ROLES:
            await groups.empty(session, name)
            return
        holders = (await groups.role_holders(session)).get(name, Holders())
        for user in holders.members:
            await users.revoke(session, user, [name])


def _role(name: str, holders: Holders) -> Group:
    return Group(name, f"Needed to {ROLES[name]}.", True, holders.members, children=holders.groups)


async def _join(session: Session, group: str, user: str) -> None:
    if group in ROLES:
        known = await users.grant(session, user, [group])
    else:
        await _check_group(session, group)
        known = user in await groups.join(session, group, [user])
    if not known:
        raise NotFound("User", user)


async def _leave(session: Session, group: str, user: str) -> None:
    if await users.find(session, user) is None:
        raise NotFound("User", user)
    if group in ROLES:
        await users.revoke(session, user, [group])
    else:
        await _check_group(session, group)
        await groups.leave(session, group, [user])


async def _check_group(session: Session, name: str) -> None:
    if not await groups.listing(session, [name]):
        raise NotFound("Group", name)


async def _check_nesting(session: Session, role: str, group: str) -> None:
    if role not in ROLES:
        await _check_group(session, role)
        raise NotImplementedHere(f"{role} is no role: groups inside of groups are not possible.")
    if group in ROLES:
        raise NotImplementedHere(f"{group} is a role: roles inside of roles are not possible.")
    await _check_group(session, group)
