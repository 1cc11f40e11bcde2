"""Users and groups ⇄ documents, both ways, pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vidijob.access import ROLES
from vidijob.api.vidispine import documents as wire
from vidijob.engine.groups import Group, GroupChange, Membership
from vidijob.errors import Invalid
from vidijob.store.users import AccountSummary


def user_document(user: AccountSummary) -> wire.UserDocument:
    """Return a user with its groups and roles; never a password."""
    return wire.UserDocument(
        user_name=user.name,
        real_name=user.real_name,
        group_list=wire.GroupListDocument(group=tuple(named(name) for name in (*user.groups, *user.roles))),
        disabled=True if user.disabled else None,
    )


def user_list(hits: int, users: Iterable[AccountSummary]) -> wire.UserListDocument:
    """Return a page of users."""
    return wire.UserListDocument(hits=hits, user=tuple(user_document(user) for user in users))


def named(name: str) -> wire.GroupDocument:
    """Return a group by its name, as lists inside other documents show it."""
    return wire.GroupDocument(group_name=name, role=name in ROLES)


def names(groups: Sequence[str]) -> wire.GroupListDocument:
    """Return groups by their names."""
    return wire.GroupListDocument(hits=len(groups), group=tuple(named(name) for name in groups))


def group_document(group: Group) -> wire.GroupDocument:
    """Return a group with who is in it."""
    return wire.GroupDocument(
        group_name=group.name,
        description=group.description,
        role=group.is_role,
        child_group_list=_list(group.children),
        parent_group_list=_list(group.parents),
        user_list=wire.UserListDocument(user=tuple(wire.UserDocument(user_name=name) for name in group.members))
        if group.members
        else None,
    )


def group_list(groups: Sequence[Group], first: int, number: int) -> wire.GroupListDocument:
    """Return a page of groups, without who is in them."""
    return wire.GroupListDocument(
        hits=len(groups),
        group=tuple(
            wire.GroupDocument(group_name=group.name, description=group.description, role=group.is_role)
            for group in groups[first - 1 : first - 1 + number]
        ),
    )


def membership(groups: wire.GroupListDocument | None, *, move: bool = False) -> Membership:
    """Read which groups a user is to be in; those marked ``remove`` it leaves."""
    given = groups.group if groups is not None else ()
    return Membership(
        join=[_name(group) for group in given if not group.remove],
        leave=[_name(group) for group in given if group.remove],
        move=move,
    )


def group_change(document: wire.GroupDocument | None, *, clear: bool) -> GroupChange:
    """Read what is to be changed of a group."""
    if document is None:
        return GroupChange(clear=clear)
    members = document.user_list.user if document.user_list is not None else ()
    return GroupChange(
        description=document.description,
        is_role=document.role,
        join=[user.user_name for user in members if not user.remove],
        leave=[user.user_name for user in members if user.remove],
        clear=clear,
    )


def _list(groups: Sequence[str]) -> wire.GroupListDocument | None:
    return wire.GroupListDocument(group=tuple(named(name) for name in groups)) if groups else None


def _name(group: wire.GroupDocument) -> str:
    if not group.group_name:
        raise Invalid("groupList", "Each group in the list is named by its groupName.")
    return group.group_name
