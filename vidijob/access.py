"""Users, roles, passwords and tokens: the rules, without HTTP or SQL. What nobody configured is refused.

Roles are those of the contract (section 5). No role implies another: ``_administrator`` may configure the server but
needs ``_job_read`` to read jobs, as on the wire's model.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vidijob.errors import Invalid, RoleMissing

#: Whoever has it may give any role to anybody, and so can do whatever the others can.
ADMINISTRATOR = "_administrator"
RUN_AS = "_runas"

#: Role → what it is needed for.
ROLES: dict[str, str] = {
    "_job_read": "read jobs and problems",
    "_job_write": "submit, change, abort, re-run and delete jobs, resolve problems",
    "_job_search": "search jobs with facets",
    "_job_notification_read": "read the notifications of jobs",
    "_job_notification_write": "define the notifications of jobs",
    "_placeholder_notification_read": "read placeholder notifications",
    "_placeholder_notification_write": "define placeholder notifications",
    "_taskdefinition_read": "read job types and task definitions",
    "_taskdefinition_write": "define job types and task definitions",
    "_configuration_read": "read the configuration",
    "_super_access_user": "give jobs the priority IMMEDIATE",
    "_runas": "act as another user",
    "_administrator": "configure the server and its users",
}

_NAME = re.compile(r"[^\s:/;\x00-\x1f\x7f]{1,100}")
_DIGEST = re.compile(r"[0-9a-fA-F]{32}")
# Before a stored hash that is not of the password but of its MD5 digest.
_OF_DIGEST = "md5$"
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Checked when the user is unknown, so that the time of the answer does not tell who exists.
_NOBODY = _HASHER.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has logged in."""

    name: str
    roles: frozenset[str]
    #: Who really logged in, where that is another who acts as this one.
    behind: str | None = None

    def has(self, role: str) -> bool:
        """Tell whether the user has a role."""
        return role in self.roles

    def require(self, role: str) -> None:
        """Raise ``RoleMissing`` unless the user has a role."""
        if role not in self.roles:
            raise RoleMissing(self.name, role)


def can_be_name(name: str) -> bool:
    """Tell whether a user can have this name."""
    return _NAME.fullmatch(name) is not None and _is_text(name)


def check_name(name: str) -> str:
    """Return a user name that can be taken, or raise ``Invalid``."""
    if not can_be_name(name):
        raise Invalid("user", "A user name is 1 to 100 characters without white space, ':', '/' or ';'.", value=name)
    return name


def check_group(name: str) -> str:
    """Return a name that a group can take which is no role, or raise ``Invalid``."""
    if not can_be_name(name) or name.startswith("_"):
        raise Invalid(
            "group",
            "A group's name is 1 to 100 characters without white space, ':', '/' or ';'; those that begin with _ are "
            f"kept for roles, which are {', '.join(ROLES)}.",
            value=name,
        )
    return name


def check_digest(digest: str) -> str:
    """Return the MD5 digest of a password in hex, or raise ``Invalid``; the sentence does not repeat it."""
    if not _DIGEST.fullmatch(digest):
        raise Invalid(
            "password",
            "The password is taken for an MD5 digest, 32 hexadecimal digits; say passwordType=raw (type=raw where only "
            "the password is sent) for one in plain text.",
        )
    return digest.lower()


def check_password(password: str) -> str:
    """Return a password that can be taken, or raise ``Invalid``; the sentence does not repeat it."""
    if not 4 <= len(password) <= 1000 or not _is_text(password):
        raise Invalid("password", "A password is 4 to 1000 characters.")
    return password


def check_roles(roles: list[str]) -> list[str]:
    """Return roles that exist, or raise ``Invalid`` naming those that do."""
    for role in roles:
        if role not in ROLES:
            raise Invalid("role", f"There is no role {role}; the roles are {', '.join(ROLES)}.", value=role)
    return roles


def hash_password(password: str) -> str:
    """Return what is stored of a password; takes tens of milliseconds by design."""
    return _HASHER.hash(password)


def hash_digest(digest: str) -> str:
    """Return what is stored of a password of which only the MD5 digest was sent, as old clients do.

    The digest does not open anything: the password itself is what is sent to log in.
    """
    return _OF_DIGEST + _HASHER.hash(digest)


def verify_password(password: str, stored: str | None) -> bool:
    """Tell whether a password is the one stored; takes as long when there is none."""
    if stored is not None and stored.startswith(_OF_DIGEST):
        stored = stored.removeprefix(_OF_DIGEST)
        password = hashlib.md5(password.encode(errors="replace"), usedforsecurity=False).hexdigest()
    try:
        _HASHER.verify(stored or _NOBODY, password.encode("utf-8", "replace"))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(15)


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """Return what is stored of a token; it is random enough to need no salt."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _is_text(text: str) -> bool:
    """Tell whether a text can be written down: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and text.encode("utf-8", "replace").decode() == text
