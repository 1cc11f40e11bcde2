"""Who sent a request: the two ways in which the vendor's SDKs sign one, both checked against an access key.

The older way, signature version 1.0: parameters name key, time and number, ``HMAC-SHA1`` over method and parameters. The
newer, ``ACS3-HMAC-SHA256``: headers, over method, path, query, the headers that are named, and the hash of the body.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from vidijob.api.alibaba.faults import Fault

VERSION = "2014-06-18"
_V3 = "ACS3-HMAC-SHA256"
_CREDENTIALS = re.compile(
    r"ACS3-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9A-Fa-f]+)"
)
#: What must be signed in the newer way: else a signature could be taken for another action or another time.
_SIGNED = frozenset(
    {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
)
_LONGEST_NONCE = 128


@dataclass(frozen=True, slots=True)
class Received:
    """A request, taken apart."""

    method: str
    #: As it was sent, and, where a proxy put the face below a path, as the client may have known it.
    paths: tuple[str, ...]
    query: Mapping[str, str]
    form: Mapping[str, str]
    #: By their names in lower case.
    headers: Mapping[str, str]
    body: bytes

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return what the request says, in the query and in the body."""
        return {**self.query, **self.form}

    @property
    def is_v3(self) -> bool:
        """Tell whether it is signed in the newer way, or meant to be."""
        return "authorization" in self.headers

    @property
    def action(self) -> str:
        """Return the operation that is asked for, where that is signed; empty: none. Some send it at both places."""
        return self.headers.get("x-acs-action", "") if self.is_v3 else self.parameters.get("Action", "")

    @property
    def wants_json(self) -> bool:
        """Tell whether the answer is to be JSON; else XML, which the older way has where nothing is said."""
        if self.is_v3:
            return "xml" not in self.headers.get("accept", "").lower()
        return self.parameters.get("Format", "XML").upper() == "JSON"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says it comes from, and how that is proved."""

    key: str
    at: datetime
    #: Used once.
    nonce: str
    _signature: str
    #: What was signed, in each reading that is possible.
    _signed: tuple[str, ...]
    _v3: bool

    def prove(self, secret: str) -> None:
        """Raise ``SignatureDoesNotMatch`` unless it was signed with the secret of its key."""
        made = [_sign_v3(secret, text) if self._v3 else _sign_v1(secret, text) for text in self._signed]
        given = self._signature.encode("utf-8", "replace")
        if not any([hmac.compare_digest(one.encode(), given) for one in made]):
            raise Fault("SignatureDoesNotMatch", self._signed[0])


def claim(request: Received) -> Claim:
    """Read who a request says it comes from; what is missing or malformed is refused."""
    return _claim_v3(request) if request.is_v3 else _claim_v1(request)


def _claim_v1(request: Received) -> Claim:
    given = request.parameters
    key = given.get("AccessKeyId")
    if not key:
        raise Fault("MissingAccessKeyId")
    for name in ("Timestamp", "SignatureNonce", "Signature", "Version"):
        if not given.get(name):
            raise Fault("MissingParameter", name)
    _check_version(given["Version"])
    if given.get("SignatureMethod", "HMAC-SHA1") != "HMAC-SHA1" or given.get("SignatureVersion", "1.0") != "1.0":
        raise Fault("IncompleteSignature", "SignatureMethod is HMAC-SHA1 and SignatureVersion 1.0")
    pairs = "&".join(f"{_encode(name)}={_encode(given[name])}" for name in sorted(given) if name != "Signature")
    text = f"{request.method}&{_encode('/')}&{_encode(pairs)}"
    return Claim(key, _time(given["Timestamp"]), _nonce(given["SignatureNonce"]), given["Signature"], (text,), False)


def _claim_v3(request: Received) -> Claim:
    headers = request.headers
    authorization = headers.get("authorization", "").strip()
    if not authorization:
        raise Fault("MissingAccessKeyId")
    match = _CREDENTIALS.fullmatch(authorization)
    if match is None:
        raise Fault("IncompleteSignature", f"Authorization is {_V3} Credential=…,SignedHeaders=…,Signature=…")
    for name in ("x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"):
        if not headers.get(name):
            raise Fault("MissingParameter", name)
    _check_version(headers["x-acs-version"])
    names = match[2].lower().split(";")
    if not set(names) >= _SIGNED or names != sorted(set(names)) or any(name not in headers for name in names):
        raise Fault("IncompleteSignature", f"SignedHeaders names, in order, {';'.join(sorted(_SIGNED))} at least")
    if sha256(request.body).hexdigest() != headers["x-acs-content-sha256"].lower():
        raise Fault("IncompleteSignature", "x-acs-content-sha256 is the SHA-256 of the body in hexadecimal digits")
    query = "&".join(f"{_encode(name)}={_encode(request.query[name])}" for name in sorted(request.query))
    signed = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    texts = []
    for path in request.paths:
        canonical = "\n".join((request.method, path, query, signed, match[2].lower(), headers["x-acs-content-sha256"]))
        texts.append(f"{_V3}\n{sha256(canonical.encode('utf-8', 'surrogateescape')).hexdigest()}")
    return Claim(
        match[1],
        _time(headers["x-acs-date"]),
        _nonce(headers["x-acs-signature-nonce"]),
        match[3].lower(),
        tuple(texts),
        True,
    )


def _sign_v1(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), "sha1")).decode()


def _sign_v3(secret: str, text: str) -> str:
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _check_version(version: str) -> None:
    if version != VERSION:
        raise Fault("InvalidVersion")


def _nonce(text: str) -> str:
    if len(text) > _LONGEST_NONCE or not (text.isascii() and text.isprintable()):
        raise Fault("InvalidParameter", "SignatureNonce")
    return text


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Fault("InvalidTimeStamp.Format") from None
