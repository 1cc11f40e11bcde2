"""Whom Postgres runs as: Postgres refuses to be root, so root gives it a user of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from vidijob.errors import SetupError

#: The system user that root makes for Postgres.
NAME = "vidijob-postgres"
#: Users that are there already, for systems without a program to add one.
STAND_INS = ("postgres", "nobody")

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Switch(TypedDict, total=False):
    """The arguments of ``subprocess`` that change the user; none when it stays the same."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user of the system."""

    uid: int
    gid: int
    name: str

    @property
    def switch(self) -> Switch:
        """What to give ``subprocess`` to run as this user."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def choose(cluster: Path) -> Account:
    """Return the owner of the cluster, or for a new one the user that it will belong to."""
    owner = cluster.stat().st_uid if cluster.exists() else None
    mine = os.geteuid()
    if mine != 0:
        if owner is not None and owner != mine:
            raise SetupError(
                f"{cluster} belongs to the user {_name(owner)} and this server runs as {_name(mine)}: run it as the "
                "same user as before, or give the whole data folder to this one (chown -R)."
            )
        return Account(mine, os.getegid(), _name(mine))
    if owner == 0:
        raise SetupError(
            f"{cluster} belongs to root, and Postgres refuses to run as root; "
            f"give it to another user: chown -R {_for_root().name} {cluster}"
        )
    return Account(owner, cluster.stat().st_gid, _name(owner)) if owner is not None else _for_root()


def _for_root() -> Account:
    for way in (None, *_ways_to_add()):
        # Somebody else may be adding users right now, perhaps the same one, which is as good.
        for pause in (0, 0.3, 0.6) if way else (0,):
            time.sleep(pause)
            if way:
                subprocess.run(way, capture_output=True, check=False, env={"PATH": _SYSTEM_PATH})
            if (account := _lookup(NAME)) is not None:
                return account
    for name in STAND_INS:
        if (account := _lookup(name)) is not None:
            return account
    raise SetupError(
        f"Postgres refuses to run as root and the user {NAME} cannot be added; add it (useradd --system {NAME}), "
        "run vidijob as a normal user, or give --database-url."
    )


def _ways_to_add() -> list[list[str]]:
    no_shell = next((shell for shell in ("/usr/sbin/nologin", "/sbin/nologin") if Path(shell).exists()), "/bin/false")
    ways = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "-s", no_shell, NAME],
        ["adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", no_shell, NAME],  # that of busybox
    )
    return [way for way in ways if shutil.which(way[0], path=_SYSTEM_PATH)]


def _lookup(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
