"""The Authorization header, taken apart. Who is known is not asked here."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.access import User
from vidijob.engine.accounts import Accounts
from vidijob.errors import NotAuthenticated
from vidijob.store.database import Database
from vidijob.web.auth import CHALLENGE, authenticate


class Anybody(Accounts):
    """Lets everybody in, and remembers who it was."""

    def __init__(self) -> None:
        super().__init__(Database(lambda: "postgresql://nowhere"))
        self.asked: list[tuple[str, str]] = []

    async def authenticate(self, name: str, password: str) -> User:
        """Take any name."""
        self.asked.append((name, password))
        return User(name, frozenset())

    async def authenticate_token(self, token: str) -> User:
        """Know the token of one."""
        if token != "right":
            raise NotAuthenticated("It is not known.")
        return User("bearer", frozenset())


def basic(text: str | bytes, scheme: str = "Basic") -> str:
    """Return a header that says this."""
    return f"{scheme} {b64encode(text.encode() if isinstance(text, str) else text).decode()}"


@pytest.mark.parametrize(
    ("header", "name", "password"),
    [
        ("Basic YWRtaW46c2VjcmV0", "admin", "secret"),
        (basic("admin:secret", "basic"), "admin", "secret"),
        (basic("admin:secret", "BASIC"), "admin", "secret"),
        (basic("admin:secret") + " ", "admin", "secret"),
        ("Basic  " + b64encode(b"admin:secret").decode(), "admin", "secret"),
        # Only the first colon divides.
        (basic("admin:a:b:"), "admin", "a:b:"),
        (basic("admin:"), "admin", ""),
        (basic(":secret"), "", "secret"),
        (basic(":"), "", ""),
        (basic("jürgen:pässwörd 🔑"), "jürgen", "pässwörd 🔑"),
        (basic("a b: c "), "a b", " c "),
    ],
)
async def test_a_login_is_taken_apart(header: str, name: str, password: str) -> None:
    accounts = Anybody()
    assert (await authenticate(accounts, header)).name == name
    assert accounts.asked == [(name, password)]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWRtaW4",
        "Basic YWRtaW46c2VjcmV",
        "Basic YWRtaW46c2Vj cmV0",
        "Basic ÄÖÜ=",
        "Basic \udcff",
        "BasicYWRtaW46c2VjcmV0",
        "YWRtaW46c2VjcmV0",
        "admin:secret",
        "Bearer",
        "Bearer  ",
        "token",
        "token \udcff",
        "token " + "x" * 201,
        "Digest username=admin",
        "Basic=YWRtaW46c2VjcmV0",
        basic("admin"),
        basic(""),
        basic(b"admin:\xff"),
        basic("admin:secret".encode("utf-16")),
    ],
)
async def test_what_is_no_login_is_refused_without_asking(header: str | None) -> None:
    accounts = Anybody()
    with pytest.raises(NotAuthenticated) as refused:
        await authenticate(accounts, header)
    assert accounts.asked == []
    assert refused.value.message.endswith(".")
    assert not header or len(header) < 12 or header not in refused.value.message


@pytest.mark.parametrize("header", ["token right", "Token  right ", "Bearer right", "BEARER right"])
async def test_a_token_is_a_login(header: str) -> None:
    assert (await authenticate(Anybody(), header)).name == "bearer"


@given(st.text() | st.text().map(lambda text: f"Basic {text}") | st.binary().map(basic))
async def test_any_header_is_a_login_or_is_refused(header: str) -> None:
    accounts = Anybody()
    try:
        user = await authenticate(accounts, header)
    except NotAuthenticated:
        assert accounts.asked == []
    else:
        assert accounts.asked[0][0] == user.name


def test_the_challenge_says_which_scheme_and_that_names_are_utf_8() -> None:
    assert CHALLENGE.startswith("Basic realm=") and 'charset="UTF-8"' in CHALLENGE
