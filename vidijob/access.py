"""Users, roles and passwords: the rules, without HTTP or SQL. What nobody configured is refused.

Roles are those of the contract (section 5). No role implies another: ``_administrator`` may configure the server but
needs ``_job_read`` to read jobs, as on the wire's model.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vidijob.errors import Invalid, RoleMissing

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
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Checked when the user is unknown, so that the time of the answer does not tell who exists.
_NOBODY = _HASHER.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has logged in."""

    name: str
    roles: frozenset[str]

    def has(self, role: str) -> bool:
        """Tell whether the user has a role."""
        return role in self.roles

    def require(self, role: str) -> None:
        """Raise ``RoleMissing`` unless the user has a role."""
        if role not in self.roles:
            raise RoleMissing(self.name, role)


def check_name(name: str) -> str:
    """Return a user name that can be taken, or raise ``Invalid``."""
    if not _NAME.fullmatch(name):
        raise Invalid("user", "A user name is 1 to 100 characters without white space, ':', '/' or ';'.", value=name)
    return name


def check_password(password: str) -> str:
    """Return a password that can be taken, or raise ``Invalid``; the sentence does not repeat it."""
    if not 4 <= len(password) <= 1000 or "\x00" in password:
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


def verify_password(password: str, stored: str | None) -> bool:
    """Tell whether a password is the one stored; takes as long when there is none."""
    try:
        _HASHER.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(15)
