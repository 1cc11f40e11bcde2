"""Secrets that others send to this server, in base64 as they are or encrypted to its certificate: a key pair made once for all
processes and kept in the database. It does not know what the secrets are for.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from datetime import UTC, datetime

from vidijob.errors import Invalid, NotFound, NotImplementedHere
from vidijob.store import configuration
from vidijob.store.database import Database

_NAME = "protection"
_BITS = 2048
#: From when until when the certificate is valid, whatever time it is: it goes with the database.
_VALID = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


class Protection:
    """The key pair of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[str, str] | None = None

    async def key_id(self) -> str:
        """Return the name of the certificate: its thumbprint, SHA-1 in hex."""
        _, certificate = await self._pair()
        return hashlib.sha1(base64.b64decode(certificate), usedforsecurity=False).hexdigest().upper()

    async def certificate(self, key_id: str) -> str:
        """Return the certificate in base64; raises ``NotFound`` for the name of another."""
        _, certificate = await self._pair()
        if key_id.upper() != await self.key_id():
            raise NotFound("Certificate", key_id[:100])
        return certificate

    async def opened(self, text: str, key_id: str | None) -> str:
        """Return a secret in base64, as it was before it was encrypted to the certificate of that name; ``None``: it was not.

        Raises ``Invalid``.
        """
        try:
            sent = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("secret", "The secret is not in base64.") from None
        if key_id is None:
            return text
        key, _ = await self._pair()
        if key_id.upper() != await self.key_id():
            raise Invalid("secret", "The secret is encrypted to a certificate that is not of this server.")
        try:
            return base64.b64encode(_decrypted(key, sent)).decode()
        except ValueError:
            raise Invalid(
                "secret", "The secret is not encrypted by RSA with OAEP to this server's certificate."
            ) from None

    async def _pair(self) -> tuple[str, str]:
        """Return the private key, as PEM, and the certificate, in base64; made now if there were none."""
        if self._known is None:
            document = await configuration.document(self._database, _NAME)
            if document is None:
                key, certificate = await asyncio.to_thread(_made)
                await configuration.ensure_document(self._database, _NAME, {"key": key, "certificate": certificate})
                document = await configuration.document(self._database, _NAME)
            self._known = str(document["key"]), str(document["certificate"])
        return self._known


def _made() -> tuple[str, str]:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError:
        raise NotImplementedHere("This server has no certificate: vidijob[azure] is not installed.") from None
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vidijob")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), *_VALID)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode(), base64.b64encode(made).decode()


def _decrypted(pem: str, sent: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.decrypt(sent, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
