"""Where ``sql/`` and ``schemas/`` lie: inside the installed package, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from vidijob.errors import SetupError

_PACKAGE = Path(__file__).parent


def _find(name: str) -> Path:
    for place in (_PACKAGE / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise SetupError(f"The folder {name}/ is missing beside the package; the installation is incomplete.")


def sql() -> Path:
    """Return the folder of schema.sql, migrations/ and queries/."""
    return _find("sql")


def schemas() -> Path:
    """Return the folder of the XSD files."""
    return _find("schemas")
