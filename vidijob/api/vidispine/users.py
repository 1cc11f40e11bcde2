"""Users, groups and tokens over HTTP: read the call, ask the engine, answer."""

from __future__ import annotations

from enum import Enum

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import (
    AuthenticationTokenDocument,
    GroupDocument,
    GroupListDocument,
    UserDocument,
    UserListDocument,
)
from vidijob.api.vidispine.translate import users as translate
from vidijob.binding import text
from vidijob.engine.groups import Membership, NewUser
from vidijob.errors import Conflict, Invalid

_ALL = 2**31 - 1


class PasswordType(Enum):
    """How a password is sent; what old clients send without a word is its MD5 digest."""

    RAW = "raw"
    MD5 = "md5"


async def token(call: Call) -> Answer:
    """GET /token: a token for the caller (contract 5)."""
    return await _token(call, call.user.name)


async def token_of(call: Call) -> Answer:
    """GET /user/{username}/token: a token for a user (contract 5)."""
    return await _token(call, call.path["username"])


async def _token(call: Call, name: str) -> Answer:
    given = call.parameters
    made = await call.services.accounts.issue_token(
        call.user,
        name,
        seconds=given.number("seconds", 0) if given.text("seconds") is not None else None,
        auto_refresh=given.flag("autoRefresh", False),
        limits=await call.services.configuration.token_limits(),
    )
    return Answer(lambda: AuthenticationTokenDocument(token=made, user=name), lambda: made)


async def listing(call: Call) -> Answer:
    """GET /user: users by name."""
    given = call.parameters
    names = given.list("name")
    only = given.text("disabled")
    disabled = None if only is None or only.lower() == "all" else given.flag("disabled", False)
    found = await call.services.accounts.listing(
        names, disabled, max(given.number("first", 1), 1), given.number("number", _ALL, most=_ALL)
    )
    hits = await call.services.accounts.count(names, disabled)
    return Answer(lambda: translate.user_list(hits, found), lambda: text.lines([user.name for user in found]))


async def create(call: Call) -> Answer:
    """POST /user: make a user."""
    document = await _document(call)
    await _make(call, document.user_name, document)
    return Answer()


async def get(call: Call) -> Answer:
    """GET /user/{username}: one user."""
    user = await call.services.accounts.one(call.path["username"])
    return Answer(lambda: translate.user_document(user))


async def put(call: Call) -> Answer:
    """PUT /user/{username}: without a document make a user, with one change it."""
    name = call.path["username"]
    document = await call.document(UserDocument)
    if document is None:
        await _make(call, name, None)
    elif document.user_name != name:
        raise Invalid("userName", f"The user {name} cannot be given another name.", value=document.user_name)
    else:
        await call.services.groups.change_user(await _new_user(call, name, document))
    return Answer()


async def disable(call: Call) -> Answer:
    """DELETE /user/{username}: let a user no longer log in; with ``hard=true`` take it out."""
    if call.parameters.flag("hard", False):
        await call.services.accounts.delete(call.path["username"])
    else:
        await call.services.accounts.set_disabled(call.path["username"], True)
    return Answer()


async def enable(call: Call) -> Answer:
    """PUT /user/{username}/enable: let a user log in again."""
    await call.services.accounts.set_disabled(call.path["username"], False)
    return Answer()


async def set_password(call: Call) -> Answer:
    """PUT /user/{username}/password: give a user another password; its tokens end."""
    password = await call.text()
    is_digest = _is_digest(call, "type")
    await call.services.accounts.set_password(call.path["username"], password, is_digest=is_digest)
    return Answer()


async def real_name(call: Call) -> Answer:
    """GET /user/{username}/realname: how a user is really called."""
    user = await call.services.accounts.one(call.path["username"])
    return Answer(text=lambda: user.real_name or "")


async def set_real_name(call: Call) -> Answer:
    """PUT /user/{username}/realname: say how a user is really called."""
    await call.services.accounts.set_real_name(call.path["username"], await call.text())
    return Answer()


async def groups_of(call: Call) -> Answer:
    """GET /user/{username}/groups: the groups and roles that a user was put into."""
    user = await call.services.accounts.one(call.path["username"])
    return Answer(lambda: translate.names((*user.groups, *user.roles)))


async def all_groups_of(call: Call) -> Answer:
    """GET /user/{username}/allgroups: the same, and the roles that it has by its groups."""
    user = await call.services.accounts.one(call.path["username"])
    roles = await call.services.accounts.effective_roles(user.name)
    return Answer(lambda: translate.names((*user.groups, *roles)))


async def roles_of(call: Call) -> Answer:
    """GET /user/{username}/roles: the roles that a user has, those of its groups among them."""
    roles = await call.services.accounts.effective_roles(call.path["username"])
    return Answer(lambda: translate.names(roles))


async def set_groups(call: Call) -> Answer:
    """PUT /user/{username}/groups: put a user into groups; with ``move=true`` into no others."""
    given = await call.document(GroupListDocument)
    membership = translate.membership(given, move=call.parameters.flag("move", False))
    await call.services.groups.change_user(NewUser(call.path["username"], groups=membership))
    return Answer()


async def groups(call: Call) -> Answer:
    """GET /group: groups and roles."""
    given = call.parameters
    found = await call.services.groups.listing()
    first, number = max(given.number("first", 1), 1), given.number("number", _ALL, most=_ALL)
    return Answer(
        lambda: translate.group_list(found, first, number),
        lambda: text.lines([group.name for group in found[first - 1 : first - 1 + number]]),
    )


async def group(call: Call) -> Answer:
    """GET /group/{group}: one group or role, with who is in it."""
    found = await call.services.groups.one(call.path["group"])
    return Answer(lambda: translate.group_document(found), lambda: found.name)


async def put_group(call: Call) -> Answer:
    """PUT /group/{group}: make or change a group; with ``clear=true`` who is in it leaves first."""
    change = translate.group_change(await call.document(GroupDocument), clear=call.parameters.flag("clear", False))
    await call.services.groups.put(call.path["group"], change)
    return Answer()


async def delete_group(call: Call) -> Answer:
    """DELETE /group/{group}: take a group out; its members stay."""
    await call.services.groups.delete(call.path["group"])
    return Answer()


async def description(call: Call) -> Answer:
    """GET /group/{group}/description: what a group is for."""
    found = await call.services.groups.one(call.path["group"])
    return Answer(text=lambda: found.description or "")


async def is_role(call: Call) -> Answer:
    """GET /group/{group}/role: whether a group is a role."""
    found = await call.services.groups.one(call.path["group"])
    return Answer(text=lambda: "true" if found.is_role else "false")


async def members(call: Call) -> Answer:
    """GET /group/{group}/users: who is in a group."""
    found = await call.services.groups.one(call.path["group"])
    return Answer(
        lambda: UserListDocument(
            hits=len(found.members), user=tuple(UserDocument(user_name=name) for name in found.members)
        ),
        lambda: text.lines(found.members),
    )


async def parents(call: Call) -> Answer:
    """GET /group/{group}/parents: the roles that the members of a group have by it."""
    found = await call.services.groups.one(call.path["group"])
    return Answer(lambda: translate.names(found.parents), lambda: text.lines(found.parents))


async def children(call: Call) -> Answer:
    """GET /group/{group}/children: the groups that have a role."""
    found = await call.services.groups.one(call.path["group"])
    return Answer(lambda: translate.names(found.children), lambda: text.lines(found.children))


async def join(call: Call) -> Answer:
    """PUT /group/{group}/user/{username}: put a user into a group, or give it a role."""
    await call.services.groups.join(call.path["group"], call.path["username"])
    return Answer()


async def leave(call: Call) -> Answer:
    """DELETE /group/{group}/user/{username}: take a user out of a group, or a role from it."""
    await call.services.groups.leave(call.path["group"], call.path["username"])
    return Answer()


async def nest(call: Call) -> Answer:
    """PUT /group/{group}/group/{child}: give a role to all members of a group."""
    await call.services.groups.nest(call.path["group"], call.path["child"])
    return Answer()


async def unnest(call: Call) -> Answer:
    """DELETE /group/{group}/group/{child}: take a role from the members of a group."""
    await call.services.groups.unnest(call.path["group"], call.path["child"])
    return Answer()


async def _document(call: Call) -> UserDocument:
    document = await call.document(UserDocument)
    if document is None:
        raise Invalid("UserDocument", "The body says who the user is; it is missing.")
    return document


async def _make(call: Call, name: str, document: UserDocument | None) -> None:
    new = NewUser(name) if document is None else await _new_user(call, name, document)
    if not await call.services.groups.add_user(new):
        raise Conflict("user", name, f"There is a user {name} already.")


async def _new_user(call: Call, name: str, document: UserDocument) -> NewUser:
    if document.salt:
        raise Invalid("salt", "A salted password cannot be taken: send it with passwordType=raw.")
    hashed = None
    if document.password is not None:
        is_digest = _is_digest(call, "passwordType")
        hashed = await call.services.accounts.hashed(document.password, is_digest=is_digest)
    return NewUser(
        name,
        password_hash=hashed,
        real_name=document.real_name,
        disabled=document.disabled,
        groups=translate.membership(document.group_list) if document.group_list is not None else Membership(),
    )


def _is_digest(call: Call, parameter: str) -> bool:
    return (call.parameters.choice(parameter, PasswordType) or PasswordType.MD5) is PasswordType.MD5
