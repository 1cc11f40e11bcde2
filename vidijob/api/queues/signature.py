"""Who signs a request to a queue: Shared Key, as storage accounts have it. The account is an access key of a user, its key the
base64 of that key's secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from vidijob.access import User
from vidijob.engine.access_keys import AccessKeys, is_recent
from vidijob.errors import NotAuthenticated, NotFound

#: What is signed of the headers, in this order.
_SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date", "if-modified-since",
    "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


async def identify(
    access_keys: AccessKeys, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> User:
    """Return whose request it is; raises ``NotAuthenticated``. Names of headers are in small letters."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    account, _, signature = credentials.partition(":")
    if scheme != "SharedKey" or not signature:
        raise NotAuthenticated("The request is not signed with Shared Key.")
    try:
        user, secret = await access_keys.holder(account)
    except NotFound:
        raise NotAuthenticated("There is no such account.") from None
    try:
        given = base64.b64decode(signature, validate=True)
        at = parsedate_to_datetime(headers.get("x-ms-date", headers.get("date", "")))
    except (ValueError, TypeError):
        raise NotAuthenticated("The signature or the date of the request cannot be read.") from None
    made = hmac.new(secret.encode(), text(account, method, path, query, headers).encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(made, given):
        raise NotAuthenticated("The signature of the request is wrong.")
    if not is_recent(at if at.tzinfo else at.replace(tzinfo=UTC), datetime.now(UTC)):
        raise NotAuthenticated("The date of the request is too far from now.")
    return user


def text(account: str, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """Return what is signed."""
    lines = [method, *(headers.get(name, "") for name in _SIGNED)]
    if lines[3] == "0":
        lines[3] = ""
    if "x-ms-date" in headers:
        lines[6] = ""
    own = [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers) if name.startswith("x-ms-")]
    resource = f"/{account}{path}" + "".join(f"\n{name.lower()}:{unquote(query[name])}" for name in sorted(query))
    return "\n".join([*lines, *own, resource])
