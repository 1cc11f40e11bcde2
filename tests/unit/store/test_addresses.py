"""Addresses of databases, as the programs of Postgres take them."""

from __future__ import annotations

import pytest

from vidijob.errors import SetupError
from vidijob.store.addresses import variables


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://u:p%40ss@db.example:5433/jobs", "PGUSER=u PGPASSWORD=p@ss PGHOST=db.example PGPORT=5433 PGDATABASE=jobs"),
        ("postgres://db/jobs", "PGHOST=db PGDATABASE=jobs"),
        ("postgresql://u@%2Frun%2Fpg:7777/x", "PGUSER=u PGHOST=/run/pg PGPORT=7777 PGDATABASE=x"),
        ("postgresql:///x?host=/run/pg&sslmode=verify-full", "PGHOST=/run/pg PGDATABASE=x PGSSLMODE=verify-full"),
        ("postgresql://u@a,b:5433/x", "PGUSER=u PGHOST=a,b PGPORT=,5433 PGDATABASE=x"),
        ("postgresql://u@[::1]:5432/x", "PGUSER=u PGHOST=::1 PGPORT=5432 PGDATABASE=x"),
        ("postgresql://[fd00::2]/x?command_timeout=3", "PGHOST=fd00::2 PGDATABASE=x"),
    ],
)  # fmt: skip
def test_an_address_as_an_environment(address: str, said: str) -> None:
    assert dict(variables(address)) == dict(one.split("=", 1) for one in said.split())


def test_another_kind_of_address_is_refused() -> None:
    with pytest.raises(SetupError, match="postgresql://"):
        variables("mysql://u@db/jobs")
