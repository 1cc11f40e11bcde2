"""Logins under load, and against changes."""

from __future__ import annotations

import asyncio

import pytest

from vidijob import access
from vidijob.engine.accounts import Accounts
from vidijob.errors import NotAuthenticated, Unavailable
from vidijob.store.database import Database


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that argon2 was asked about."""
    asked: list[str] = []
    verify = access.verify_password

    def note(password: str, stored: str | None) -> bool:
        asked.append(password)
        return verify(password, stored)

    monkeypatch.setattr(access, "verify_password", note)
    return asked


async def test_many_requests_of_one_user_are_one_check(database: Database, checks: list[str]) -> None:
    accounts = Accounts(database)
    await accounts.add("anna", "correct horse", ["_job_read"])
    users = await asyncio.gather(*(accounts.authenticate("anna", "correct horse") for _ in range(50)))
    assert {user.name for user in users} == {"anna"}
    assert len(checks) == 1


async def test_a_flood_of_wrong_passwords_is_told_to_come_again(database: Database, checks: list[str]) -> None:
    accounts = Accounts(database)
    await accounts.add("anna", "correct horse", [])
    answers = await asyncio.gather(
        *(accounts.authenticate("anna", f"wrong {n}") for n in range(130)), return_exceptions=True
    )
    kinds = [type(answer) for answer in answers]
    assert set(kinds) == {NotAuthenticated, Unavailable}
    assert len(checks) == kinds.count(NotAuthenticated) == 100
    assert (await accounts.authenticate("anna", "correct horse")).name == "anna"


async def test_a_password_changed_while_it_was_checked_is_not_remembered(database: Database) -> None:
    accounts = Accounts(database)
    await accounts.add("anna", "correct horse", [])
    asking = asyncio.create_task(accounts.authenticate("anna", "correct horse"))
    await asyncio.sleep(0)
    await accounts.set_password("anna", "another one")
    await asyncio.gather(asking, return_exceptions=True)
    with pytest.raises(NotAuthenticated):
        await accounts.authenticate("anna", "correct horse")
