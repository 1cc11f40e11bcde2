"""Which schemes jobs may use besides ``file:``, and with which options: what an administrator allows, never what a job says.

The options are a TOML file with a table for each place, named as its URIs begin; what is in it goes to the fsspec file
system of the scheme (for ftp: username, password, port, tls, …), for http and https besides ``username`` and ``password``::

    ["ftp://archive.example.org"]
    username = "vidijob"
    password = "…"

    ["s3"]                      # the whole scheme: where no host is named, only
    key = "…"
    secret = "…"

Options of a whole scheme go to whatever host a job names, so passwords belong to hosts.
"""

from __future__ import annotations

import base64
import re
import socket
import tomllib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidijob.errors import Invalid, SetupError, Unreachable
from vidijob.executors.names import shown
from vidijob.executors.remote.addresses import Address, parse, scheme_of, without_usual_port
from vidijob.jobs.reach import FORBIDDEN, Network, may_be_called

#: Makes the client that http and https are spoken with; it calls nothing that it must not.
HttpClient = Callable[..., Awaitable[Any]]
Options = Mapping[str, Mapping[str, Any]]

#: Schemes of fsspec that lead back to this machine's files, to other file systems, or into this process.
_INWARD = frozenset(
    {
        *("file", "local", "dir", "memory", "data", "zip", "tar", "libarchive", "reference", "git", "generic"),
        *("simplecache", "filecache", "blockcache", "cached", "asyncwrapper", "dask", "jupyter", "jlab", "parquet"),
    }
)
_LOCAL_OPTIONS = {"use_listings_cache": False, "skip_instance_cache": True}


class Remotes:
    """The places elsewhere that jobs may use; without schemes, none."""

    def __init__(
        self,
        schemes: Collection[str] = (),
        options: Options | None = None,
        networks: Sequence[Network] = (),
        http_client: HttpClient | None = None,
    ) -> None:
        """``networks`` may be called although they are not public. Raises ``SetupError`` for what cannot be had here."""
        self._schemes = tuple(dict.fromkeys(scheme.lower() for scheme in schemes))
        self._options = {_place(place): dict(values) for place, values in (options or {}).items()}
        self._networks = tuple(networks)
        self._http_client = http_client
        self._classes = {scheme: _class_of(scheme) for scheme in self._schemes}

    def find(self, uri: str, key: str) -> Address | None:
        """Return what a URI names elsewhere, or ``None`` where it names a file of this machine, or nothing.

        Raises ``Invalid`` for a scheme that is not allowed, complaining about the data key ``key``.
        """
        scheme = scheme_of(uri)
        if scheme is None:
            return None
        if scheme not in self._schemes:
            allowed = ", ".join(("file", *self._schemes))
            raise Invalid(
                key,
                f"{key} has the scheme {shown(scheme)}; only {allowed}: is allowed here. "
                "An administrator allows others (allow_scheme).",
                value=None,
            )
        return parse(uri, key)

    def connect(self, address: Address) -> tuple[Any, str]:
        """Return a file system of fsspec and what the file is called in it. It blocks: call it by a courier.

        Raises ``Invalid`` for a host that must not be called, ``Unreachable``, and whatever the file system raises.
        """
        kind, options = self._classes[address.scheme], self._options_for(address)
        if address.is_http:
            return self._http(kind, address, options)
        named = {
            name: value
            for name, value in kind._get_kwargs_from_urls(f"{address.origin}/").items()
            if name in ("host", "port", "username", "password")
        }
        own = {"username": address.user, "password": address.password or ""} if address.user is not None else {}
        options = {**_LOCAL_OPTIONS, **options, **named, **own}
        if address.scheme == "ftp":
            options["host"] = self._numeric(options["host"], int(options.get("port", 21)))
        rooted = kind._strip_protocol(f"{address.origin}/x")
        prefix = address.place if str(rooted).lstrip("/").startswith(f"{address.place}/") else ""
        return kind(**options), prefix + address.path

    def _http(self, kind: Any, address: Address, options: dict[str, Any]) -> tuple[Any, str]:
        if self._http_client is None:
            raise SetupError("This process has no client for http; vidijob serve and vidijob worker have.")
        user, password = options.pop("username", None), options.pop("password", "")
        if address.user is not None:
            user, password = address.user, address.password or ""
        headers = dict(options.pop("headers", {}))
        if user is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        query = f"?{address.query}" if address.query else ""
        client = self._http_client
        url = f"{address.origin}{address.path}{query}"
        # What was encoded for us, a signature perhaps, must stay as it is.
        encoded = re.fullmatch(r"[!-~]+", url) is not None
        return kind(get_client=client, headers=headers, encoded=encoded, **_LOCAL_OPTIONS, **options), url

    def _options_for(self, address: Address) -> dict[str, Any]:
        """Return those of the place, else those of the whole scheme."""
        found = self._options.get(address.origin)
        return dict(self._options.get(address.scheme, {}) if found is None else found)

    def _numeric(self, host: str, port: int) -> str:
        """Return an address that may be called: what is connected to is what was looked at."""
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except OSError:
            raise Unreachable(f"the name {shown(host)} is not known") from None
        addresses = [str(where[0]) for *_, where in found]
        allowed = [address for address in addresses if may_be_called(address, self._networks)]
        if not allowed:
            raise Invalid("sourceUri", FORBIDDEN)
        return allowed[0]


def load_options(file: Path | None) -> Options:
    """Read the options of an administrator's file. Raises ``SetupError``."""
    if file is None:
        return {}
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        # What a parser says may quote a line, and that a password.
        raise SetupError(f"The file {file} (remote_options) cannot be read: {type(error).__name__}.") from None
    for place, values in tables.items():
        if not isinstance(values, dict):
            raise SetupError(f'{place} in {file} (remote_options) is no table; write ["ftp://host"] above the options.')
    return tables


def _place(text: str) -> str:
    """Return the name of a table as addresses have it: a scheme, or scheme and host."""
    scheme, _, place = text.strip().partition("://")
    scheme, place = scheme.lower().removesuffix(":"), place.rstrip("/")
    return f"{scheme}://{without_usual_port(scheme, place)}" if place else scheme


def _class_of(scheme: str) -> Any:
    try:
        import fsspec
    except ImportError:
        raise SetupError(f"The scheme {scheme} (allow_scheme) needs fsspec; install vidijob[remote].") from None
    if scheme in _INWARD or "::" in scheme:
        raise SetupError(f"The scheme {scheme} (allow_scheme) leads to no other machine; give a storage root instead.")
    try:
        return fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise SetupError(f"The scheme {scheme} (allow_scheme) cannot be used here: {error}.") from None
