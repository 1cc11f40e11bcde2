"""What a URI with another scheme than ``file:`` names: taken apart, and how it may be shown. It opens nothing.

What follows the host is a name in which any byte may be percent-encoded; but for http and https, ``?`` and ``#`` are part of it.
A password in it is used and never shown, nor is what follows ``?`` in an http address, which is often a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from vidijob.errors import Invalid
from vidijob.executors.names import shown

_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
_HTTP = ("http", "https")
_PORTS = {"http": 80, "https": 443, "ftp": 21, "sftp": 22}


@dataclass(frozen=True, slots=True)
class Address:
    """A file, or a folder, elsewhere."""

    #: In small letters.
    scheme: str
    #: Host and port, or what stands in their place, a bucket: without user and password.
    place: str
    #: The name there, decoded; with http as it was written.
    path: str
    #: ``None`` where the URI names nobody.
    user: str | None = None
    password: str | None = None
    #: What follows ``?`` in an http address.
    query: str = ""

    @property
    def origin(self) -> str:
        """Return what all files there have in common: ``ftp://host:21``."""
        return f"{self.scheme}://{self.place}"

    @property
    def uri(self) -> str:
        """Return it as it may be shown and kept: without password and query."""
        return self.origin + quote(self.path, safe="/!$&'()*+,;=:@~" + "%" * self.is_http)

    @property
    def is_http(self) -> bool:
        """Tell whether it is an http or https address."""
        return self.scheme in _HTTP

    @property
    def name(self) -> str:
        """Return the last part of its name, decoded."""
        name = self.path.rpartition("/")[2]
        return unquote(name) if self.is_http else name

    @property
    def folder(self) -> str:
        """Return the name of the folder that it is in."""
        return self.path.rpartition("/")[0]

    def child(self, name: str) -> Address:
        """Return what has that name in it, a folder."""
        return replace(self, path=self.path.rstrip("/") + "/" + (quote(name) if self.is_http else name))

    def named(self, name: str) -> Address:
        """Return what has another name in the same folder."""
        return replace(self, path=f"{self.folder}/{name}")


def scheme_of(uri: str) -> str | None:
    """Return the scheme of a URI; ``None`` for one of this machine's files, or what is no URI."""
    found = None if uri.startswith("/") else _URI.fullmatch(uri)
    if found is None or found["scheme"].lower() == "file":
        return None
    return found["scheme"].lower()


def parse(uri: str, key: str) -> Address:
    """Take a URI apart; ``key`` is the data key to complain about. Raises ``Invalid``."""
    found = _URI.fullmatch(uri)
    rest = found["rest"] if found is not None else ""
    if found is None or not rest.startswith("//"):
        raise Invalid(key, f"{key} is {shown(uri)!r}; write scheme://host/name.")
    scheme = found["scheme"].lower()
    authority, slash, path = rest[2:].partition("/")
    user, password, place = _user_of(authority)
    path, query = slash + path, ""
    if scheme in _HTTP:
        path, _, _ = path.partition("#")
        path, _, query = path.partition("?")
    # A backslash before the host is read in two ways by programs, which is how hosts are smuggled in.
    if not place or re.search(r"[\s?#%]", place) or "\\" in authority:
        raise Invalid(key, f"{key} names no host that can be called: write {scheme}://host/name.")
    try:
        decoded = unquote(path, errors="strict")
        decoded.encode()
    except UnicodeError:
        raise Invalid(key, f"{key} holds bytes that are no text, which no file elsewhere can be named by.") from None
    place = without_usual_port(scheme, place)
    address = Address(scheme, place, path if scheme in _HTTP else decoded, user, password, query)
    if re.search("[\x00-\x1f\x7f]", decoded + query + (user or "") + (password or "")):
        raise Invalid(key, f"{key} is {shown(address.uri)}; it holds a control character.")
    if ".." in decoded.split("/"):
        raise Invalid(key, f"{key} is {shown(address.uri)}; '..' is not allowed in it, write the whole name.")
    if "/" in address.name or len(address.name.encode()) > 255:
        raise Invalid(key, f"{key} is {shown(address.uri)}; its last part cannot be the name of a file.")
    return address


def without_usual_port(scheme: str, place: str) -> str:
    """Return host and port in small letters, without the port that the scheme has anyway."""
    return place.lower().removesuffix(f":{_PORTS.get(scheme)}")


def _user_of(authority: str) -> tuple[str | None, str | None, str]:
    login, at, place = authority.rpartition("@")
    if not at:
        return None, None, authority
    user, colon, password = login.partition(":")
    return unquote(user), unquote(password) if colon else None, place
