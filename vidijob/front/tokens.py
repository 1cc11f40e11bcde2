"""Logins: a user's name and password go to every site as they are. A token is only known where it was issued, so that of a
front is the tokens of all its sites in one word: ``VX.…~VY.…``. Each site is sent its own.
"""

from __future__ import annotations

from collections.abc import Mapping

_SCHEMES = ("token", "bearer")


def join(tokens: Mapping[str, str]) -> str:
    """Return one token for several sites."""
    return "~".join(f"{site}.{token}" for site, token in tokens.items())


def for_site(header: str | None, site: str) -> str | None:
    """Return what a site is to be sent of an ``Authorization`` header; ``None``: nothing."""
    if header is None:
        return None
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() not in _SCHEMES or "." not in credentials:
        return header
    for part in credentials.strip().split("~"):
        name, _, token = part.partition(".")
        if name == site:
            return f"{scheme} {token}"
    return None
