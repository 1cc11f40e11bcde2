"""Users and what they may do: made, changed, disabled. Everybody may look at himself and change his own password."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from vidijob.access import ADMINISTRATOR, ROLES
from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.engine.groups import Membership, NewUser
from vidijob.errors import Invalid
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Own, Route

_OWN = Own("name", ADMINISTRATOR)
_LONGEST_REAL_NAME = 1000


async def listing(visit: Visit) -> web.StreamResponse:
    """Show every user."""
    found = await visit.accounts.listing()
    groups = [one for one in await visit.services.groups.listing() if not one.is_role]
    return visit.page("users.html", users=found, groups=groups, roles=ROLES)


async def show(visit: Visit) -> web.StreamResponse:
    """Show one user."""
    name = visit.path["name"]
    account = await visit.accounts.one(name)
    effective = await visit.accounts.effective_roles(name)
    return visit.page("one_user.html", account=account, effective=effective, roles=ROLES)


async def add(visit: Visit) -> web.StreamResponse:
    """Make a user."""
    form = await visit.form()
    name = form.text("name") or ""
    new = NewUser(
        name,
        password_hash=await visit.accounts.hashed(form.text("password") or ""),
        real_name=_real_name(form),
        groups=Membership(join=_roles(form)),
    )
    if not await visit.services.groups.add_user(new):
        raise Invalid("user", f"There is a user {name} already.", value=name)
    return _to(visit, name, "user-added")


async def change(visit: Visit) -> web.StreamResponse:
    """Give a user these roles and no others of its own, and this name."""
    form = await visit.form()
    name = visit.path["name"]
    account = await visit.accounts.one(name)
    wanted = _roles(form)
    membership = Membership(
        join=[role for role in wanted if role not in account.roles],
        leave=[role for role in account.roles if role not in wanted],
    )
    await visit.services.groups.change_user(NewUser(name, real_name=_real_name(form), groups=membership))
    return _to(visit, name, "user-changed")


async def set_password(visit: Visit) -> web.StreamResponse:
    """Give a user another password."""
    form = await visit.form()
    name, password = visit.path["name"], form.text("password") or ""
    if password != (form.text("again") or ""):
        raise Invalid("password", "The two passwords are not the same: go back and type them once more.")
    await visit.accounts.set_password(name, password)
    return _to(visit, name, "password-set")


async def disable(visit: Visit) -> web.StreamResponse:
    """Let a user log in no more, or again."""
    name = visit.path["name"]
    await visit.accounts.set_disabled(name, (await visit.form()).flag("disabled", True))
    return _to(visit, name, "user-changed")


async def delete(visit: Visit) -> web.StreamResponse:
    """Take a user out."""
    await visit.accounts.delete(visit.path["name"])
    return visit.go("/users", did="user-deleted")


def _roles(form: Parameters) -> list[str]:
    roles = form.all("role")
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise Invalid("role", f"There is no role {min(unknown)}.", value=min(unknown))
    return roles


def _real_name(form: Parameters) -> str:
    real = (form.text("real") or "").strip()
    if len(real) > _LONGEST_REAL_NAME:
        raise Invalid("real", f"A real name is at most {_LONGEST_REAL_NAME} characters.")
    return real


def _to(visit: Visit, name: str, did: str) -> web.Response:
    """Go on to a user, whatever signs the name has."""
    return visit.go(f"/users/{quote(name, safe='')}", did=did)


_ROUTES: list[Route[View]] = [
    Route("GET", "/users", listing, ADMINISTRATOR),
    Route("POST", "/users", add, ADMINISTRATOR),
    Route("GET", "/users/{name}", show, _OWN),
    Route("POST", "/users/{name}", change, ADMINISTRATOR),
    Route("POST", "/users/{name}/password", set_password, _OWN),
    Route("POST", "/users/{name}/disable", disable, ADMINISTRATOR),
    Route("POST", "/users/{name}/delete", delete, ADMINISTRATOR),
]
ROOM = Room(_ROUTES, Entry("Users", "/users", "users", ADMINISTRATOR, "u"))
