"""What the values of settings look like: how lists are divided, and what each part of one must be."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints
from pydantic_settings import NoDecode

Part = TypeVar("Part")


def _at_commas(value: object) -> object:
    given = (value,) if isinstance(value, str) else value
    if isinstance(given, tuple | list):
        return tuple(part.strip() for one in given for part in str(one).split(",") if part.strip())
    return value


def _at_colons(value: object) -> object:
    given = (value,) if isinstance(value, str) else value
    if isinstance(given, tuple | list):
        return tuple(part for one in given for part in str(one).split(os.pathsep) if part)
    return value


def _each(is_right: Callable[[Part], bool], otherwise: str) -> AfterValidator:
    """Return a check of every part of a list; ``otherwise`` is what is said behind one that is wrong."""

    def check(value: tuple[Part, ...]) -> tuple[Part, ...]:
        for part in value:
            if not is_right(part):
                raise ValueError(f"{part} {otherwise}")
        return value

    return AfterValidator(check)


def _like(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text) is not None


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _one_server(value: SecretStr) -> SecretStr:
    if "," in urlsplit(value.get_secret_value()).netloc.rpartition("@")[2]:
        raise ValueError("it is one standby, not several hosts")
    return value


#: What addresses begin with: ``https://host/path``.
BaseURL = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
#: The URL of a database on one server; it may hold a password.
OneServer = Annotated[SecretStr, AfterValidator(_one_server)]

Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_at_colons)]
Programs = Annotated[Paths, _each(Path.is_absolute, "is no whole path")]

_Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_at_commas)]
Origins = Annotated[
    _Texts,
    _each(
        _like(r"\*|https?://[A-Za-z0-9.\-_\[\]:]{1,300}"), "is no origin: http(s)://host[:port], without a path, or *"
    ),
]
SiteServers = Annotated[
    _Texts,
    # A server and perhaps a path below which it is; no password, which would be in the list of processes.
    _each(
        _like(r"[A-Za-z_][A-Za-z0-9_]{0,9}=https?://[A-Za-z0-9._\[\]:-]+(/[^\s?#]*)?"),
        "is no site: VX=http://host:8080, what its ids begin with first",
    ),
]
Amounts = Annotated[
    _Texts,
    _each(_like(r"[A-Za-z][A-Za-z0-9_.-]{0,63}=[0-9]{1,9}(\.[0-9]{1,9})?"), "is no resource: name=amount, as in gpu=1"),
]
Labels = Annotated[
    _Texts,
    _each(_like(r"[A-Za-z][A-Za-z0-9_.-]{0,63}"), "is no label: letters, digits, '_', '.' and '-', a letter first"),
]
Schemes = Annotated[
    _Texts,
    _each(_like(r"[A-Za-z][A-Za-z0-9+.-]{0,30}"), "is no scheme: what stands before :// in a URI, as in ftp"),
]
Networks = Annotated[_Texts, _each(_is_network, "is no network: 10.0.0.0/8, fd00::/8, or one address")]
