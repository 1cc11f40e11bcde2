"""The one place where an error of the database becomes one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from vidijob.errors import Unavailable

#: SQLSTATE classes and codes that mean "not now": connection, resources, operator, read-only, deadlock, serialisation.
_NOT_NOW_CLASSES = ("08", "53", "57", "58")
_NOT_NOW_CODES = frozenset({"25006", "25P03", "40001", "40P01", "55P03"})


@contextmanager
def translated() -> Iterator[None]:
    """Turn an error of the database into one of ours."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        stale = isinstance(error, asyncpg.InvalidCachedStatementError)
        if stale or state.startswith(_NOT_NOW_CLASSES) or state in _NOT_NOW_CODES:
            raise Unavailable("The database", str(error)) from error
        raise
    except asyncpg.ClientConfigurationError:
        raise
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, EOFError) as error:
        raise Unavailable("The database", str(error) or type(error).__name__) from error
