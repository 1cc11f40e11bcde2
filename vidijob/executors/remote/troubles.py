"""What the many file systems of fsspec raise, in our words. What they say themselves may hold an address, and that a password,
so that none of it is repeated.
"""

from __future__ import annotations

import errno
import ftplib
import re
import socket
from collections.abc import Iterator

from vidijob.errors import Invalid, NoAnswer, SetupError, Unreachable
from vidijob.executors.remote.addresses import Address
from vidijob.executors.storage import Absent
from vidijob.jobs.reach import FORBIDDEN

_GONE = (404, 410)
_REFUSED = (401, 403, 407)
_AGAIN = (408, 425, 429)
_AWAY = (502, 503, 504)
_UNREACHED = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT)


class Away(Unreachable):
    """A host elsewhere that cannot be reached now."""

    def __init__(self, address: Address, reason: str) -> None:
        super().__init__(f"{address.origin} cannot be reached: {reason}.")
        #: Where it is: ``ftp://host``.
        self.origin = address.origin


class Full(Unreachable):
    """A host elsewhere that has no room."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"{address.origin} has no room for {address.uri}; make room there.")
        #: Where it is.
        self.origin = address.origin


def in_our_words(error: Exception, address: Address, key: str) -> Exception:
    """Return what is to be raised instead: ``Absent``, ``Invalid``, ``Away``, ``Full`` or ``NoAnswer``."""
    found = [_judge(one, address, key) for one in _causes(error)]
    # The innermost knows best: fsspec says of every http error that the file is not there.
    return next((one for one in reversed(found) if one is not None), _trouble(error, address))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it comes from, and so on; aiohttp keeps the system's as ``os_error``."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        inner = getattr(following, "os_error", None)
        following = inner if isinstance(inner, BaseException) else following.__cause__


def _judge(error: BaseException, address: Address, key: str) -> Exception | None:
    if isinstance(error, Absent | SetupError | Away | Full):
        return error
    if isinstance(error, Invalid):
        return Invalid(key, f"{address.origin}: {error}.")
    if isinstance(error, Unreachable):
        return Away(address, str(error))
    if isinstance(error, NoAnswer):
        return NoAnswer(f"{address.uri}: {error}.")
    status = getattr(error, "status", None)
    if isinstance(status, int) and status >= 400:
        return _of_status(status, address, key)
    if isinstance(error, ftplib.Error):
        return _of_ftp(error, address, key)
    return _of_system(error, address, key) if isinstance(error, OSError) else _of_python(error, address, key)


def _of_status(status: int, address: Address, key: str) -> Exception:
    if status in _GONE:
        return _absent(address, key)
    if status in _REFUSED:
        return _refused(address, key)
    if status in _AWAY:
        return Away(address, f"it answers {status}")
    if status in _AGAIN or status >= 500:
        return NoAnswer(f"{address.uri}: the server answers {status}.")
    return Invalid(key, f"{address.uri}: the server answers {status}.")


def _of_ftp(error: ftplib.Error, address: Address, key: str) -> Exception:
    said = str(error)
    code = said[:3] if said[:3].isdecimal() else ""
    if code in ("552", "452"):
        return Full(address)
    if code == "421":
        return Away(address, "it takes no more connections now")
    if isinstance(error, ftplib.error_temp | ftplib.error_proto | ftplib.error_reply):
        return NoAnswer(f"{address.uri}: the server answers {code or 'what nobody understands'}.")
    if code == "550" and not re.search("permission|denied|privilege|allowed|forbidden", said, re.IGNORECASE):
        return _absent(address, key)
    return (
        _refused(address, key)
        if code in ("530", "532", "550", "553")
        else Invalid(key, f"{address.uri}: the server answers {code}.")
    )


def _of_system(error: OSError, address: Address, key: str) -> Exception | None:
    if isinstance(error, PermissionError):
        return Invalid(key, f"{address.origin}: {FORBIDDEN}.") if FORBIDDEN in str(error) else _refused(address, key)
    if isinstance(error, FileNotFoundError):
        return _absent(address, key)
    if isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError):
        return Invalid(key, f"{address.uri} is a folder, or a file stands where its folder should.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Full(address)
    if isinstance(error, socket.gaierror):
        return Away(address, "its name is not known")
    if error.errno in _UNREACHED:
        return Away(address, "there is no connection")
    return None


def _of_python(error: BaseException, address: Address, key: str) -> Exception | None:
    if isinstance(error, NotImplementedError):
        return Invalid(key, f"{address.uri}: that cannot be done with {address.scheme}.")
    if type(error).__name__ in ("InvalidURL", "InvalidUrlClientError", "NonHttpUrlClientError"):
        return Invalid(key, f"{address.uri} cannot be called.")
    return None


def _absent(address: Address, key: str) -> Absent:
    return Absent(
        key,
        f"{key} names {address.uri}, which does not exist; bring it there, or abort the job.",
        value=address.uri,
        missing={"source": address.uri},
    )


def _refused(address: Address, key: str) -> Invalid:
    return Invalid(key, f"{address.uri}: the server does not allow that; check user, password and rights.")


def _trouble(error: Exception, address: Address) -> NoAnswer:
    return NoAnswer(f"{address.uri}: the connection broke, or the answer cannot be read ({type(error).__name__}).")
