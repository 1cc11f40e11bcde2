"""Users, groups and tokens (contract 5). A role is a group whose ``role`` is true."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.general import SimpleMetadataDocument
from vidijob.api.vidispine.documents.vocabulary import VidispineDocument
from vidijob.binding.fields import Attribute, Integer, Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDocument(VidispineDocument):
    """A user. The password is only ever read."""

    id: str | None = None
    loc: Uri | None = None
    user_name: str
    real_name: str | None = None
    #: From API 21 on.
    alias: tuple[str, ...] = ()
    password: str | None = None
    salt: str | None = None
    group_list: GroupListDocument | None = None
    metadata: SimpleMetadataDocument | None = None
    origin: str | None = None
    disabled: Attribute[bool | None] = None
    #: In the list of a group that is changed: take this one out.
    remove: Attribute[bool | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserListDocument(VidispineDocument):
    """A page of users."""

    hits: Integer | None = None
    user: tuple[UserDocument, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDocument(VidispineDocument):
    """A group of users, or a role."""

    id: str | None = None
    loc: Uri | None = None
    group_name: str | None = None
    description: str | None = None
    role: bool | None = None
    child_group_list: GroupListDocument | None = None
    parent_group_list: GroupListDocument | None = None
    user_list: UserListDocument | None = None
    metadata: SimpleMetadataDocument | None = None
    origin: str | None = None
    #: In the list of a user that is changed: take the user out of this one.
    remove: Attribute[bool | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupListDocument(VidispineDocument):
    """A page of groups."""

    hits: Integer | None = None
    group: tuple[GroupDocument, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationTokenDocument(VidispineDocument):
    """A token and whose it is (from API 21 on)."""

    token: str
    user: str
