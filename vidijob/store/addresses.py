"""An address of a database as the programs of Postgres take it without anybody reading it from their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from vidijob.errors import SetupError

#: What a query of an address may say, and the variable of libpq that says the same.
_OPTIONS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "passfile": "PGPASSFILE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


def variables(address: str) -> Mapping[str, str]:
    """Return the environment that says what a ``postgresql://`` address says; raises ``SetupError``."""
    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres"):
        raise SetupError("The address of the database must begin with postgresql://.")
    login, _, places = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts, ports = zip(*(_place(place) for place in places.split(",")), strict=True)
    said = {
        "PGUSER": unquote(user),
        "PGPASSWORD": unquote(password),
        "PGHOST": ",".join(hosts),
        "PGPORT": ",".join(ports) if any(ports) else "",
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    said |= {_OPTIONS[name]: value for name, value in parse_qsl(parts.query) if name in _OPTIONS}
    return {name: value for name, value in said.items() if value}


def _place(text: str) -> tuple[str, str]:
    """Return host and port, the brackets of an IPv6 address taken away."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.lstrip(":")
    host, _, port = text.partition(":")
    return unquote(host), port
