"""Passwords, names and roles."""

from __future__ import annotations

import pytest

from vidijob import access
from vidijob.access import ROLES, User
from vidijob.errors import Invalid, RoleMissing


def test_a_password_is_recognised_and_no_other() -> None:
    stored = access.hash_password("pässwörd 🔑")
    assert access.verify_password("pässwörd 🔑", stored)
    for other in ("pässwörd 🔒", "passwörd 🔑", "pässwörd 🔑 ", "", stored):
        assert not access.verify_password(other, stored)


def test_the_same_password_is_stored_differently_each_time() -> None:
    one, two = access.hash_password("secret"), access.hash_password("secret")
    assert one != two
    assert access.verify_password("secret", one) and access.verify_password("secret", two)


def test_what_is_stored_is_argon2id_and_does_not_hold_the_password() -> None:
    stored = access.hash_password("secret")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "secret" not in stored


def test_where_nothing_is_stored_nothing_is_right() -> None:
    for password in ("", "secret", "None"):
        assert access.verify_password(password, None) is False
        assert access.verify_password(password, "") is False


@pytest.mark.parametrize(
    "stored", ["secret", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$BBBB", "$2b$12$x", "*"]
)
def test_what_is_no_hash_lets_nobody_in(stored: str) -> None:
    assert access.verify_password("secret", stored) is False
    assert access.verify_password(stored, stored) is False


def test_a_hash_with_other_costs_is_still_recognised() -> None:
    from argon2 import PasswordHasher

    stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    assert access.verify_password("secret", stored)
    assert not access.verify_password("wrong", stored)


def test_a_made_up_password_is_long_new_and_can_be_taken() -> None:
    made = {access.new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(password) >= 20 and access.check_password(password) == password for password in made)


@pytest.mark.parametrize("password", ["four", "x" * 1000, "with space", "🔑🔑🔑🔑"])
def test_a_password_is_taken(password: str) -> None:
    assert access.check_password(password) == password


@pytest.mark.parametrize("password", ["", "abc", "x" * 1001, "secret\x00", "\x00" * 8])
def test_a_password_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        access.check_password(password)
    assert (refused.value.context, refused.value.value) == ("password", None)
    assert not password or password not in str(refused.value)


@pytest.mark.parametrize("name", ["a", "admin", "a.b@example.org", "jürgen", "用户", "a-b_c+d", "x" * 100])
def test_a_name_is_taken(name: str) -> None:
    assert access.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:b", "a/b", "a;b", "a\n", "a\t", "a\x00", "a\x1f", "a\x7f", "a\u2003b", "x" * 101]
)
def test_a_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        access.check_name(name)
    assert (refused.value.context, refused.value.value) == ("user", name)


def test_roles_are_taken_as_they_are() -> None:
    assert access.check_roles(list(ROLES)) == list(ROLES)
    assert access.check_roles([]) == []


@pytest.mark.parametrize("role", ["", "job_read", "_JOB_READ", "_job_read ", "_everything"])
def test_a_role_that_is_none_is_refused_with_those_there_are(role: str) -> None:
    with pytest.raises(Invalid) as refused:
        access.check_roles(["_job_read", role])
    assert (refused.value.context, refused.value.value) == ("role", role)
    assert all(name in refused.value.explanation for name in ROLES)


def test_no_role_implies_another() -> None:
    for given in ROLES:
        user = User("someone", frozenset({given}))
        user.require(given)
        assert user.has(given)
        for other in set(ROLES) - {given}:
            assert not user.has(other)
            with pytest.raises(RoleMissing) as refused:
                user.require(other)
            assert (refused.value.user, refused.value.role) == ("someone", other)


def test_every_role_says_what_it_is_for() -> None:
    assert all(name.startswith("_") and purpose for name, purpose in ROLES.items())
