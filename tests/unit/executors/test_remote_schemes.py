"""Which schemes may be used, and with whose passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vidijob.errors import Invalid, SetupError
from vidijob.executors.remote.addresses import parse
from vidijob.executors.remote.schemes import Remotes, load_options
from vidijob.web.fetching import file_client


def test_nothing_is_allowed_by_default() -> None:
    remotes = Remotes()
    assert remotes.find("/a", "sourceUri") is None and remotes.find("file:///a", "sourceUri") is None
    for uri in ("http://host/a", "ftp://host/a", "memory://a", "local:///etc/passwd", "simplecache::ftp://host/a"):
        with pytest.raises(Invalid, match="only file: is allowed here"):
            remotes.find(uri, "sourceUri")


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        *((scheme, "leads to no other machine") for scheme in ("file", "local", "memory", "zip", "simplecache")),
        ("nonsense", "cannot be used here"),
        ("gopher", "cannot be used here"),
    ],
)
def test_schemes_that_cannot_be_had(scheme: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        Remotes([scheme])


def connected(options: dict[str, dict[str, Any]], uri: str) -> dict[str, str]:
    """Return the headers that an http address would be asked with."""
    system, _ = Remotes(["http"], options, (), file_client(())).connect(parse(uri, "sourceUri"))
    headers: dict[str, str] = system.kwargs.get("headers", {})
    return headers


def test_a_password_goes_only_to_its_host() -> None:
    options = {"http://Media.example.org:80/": {"username": "u", "password": "p"}}
    assert connected(options, "http://media.example.org/a") == {"Authorization": "Basic dTpw"}
    for host in ("media.example.org:81", "media.example.org.evil.com", "evil.com", "media.example.org@evil.com"):
        assert "Basic dTpw" not in connected(options, f"http://{host}/a").values()


def test_who_names_a_user_does_not_get_the_password_of_the_administrator() -> None:
    options = {"http://h": {"username": "u", "password": "p"}}
    assert connected(options, "http://me:mine@h/a") == {"Authorization": "Basic bWU6bWluZQ=="}
    assert connected(options, "http://me@h/a") == {"Authorization": "Basic bWU6"}


def test_options_of_a_scheme_and_of_a_place() -> None:
    options = {"http": {"headers": {"X": "all"}}, "http://h": {"headers": {"X": "one"}}}
    assert connected(options, "http://other/a") == {"X": "all"}
    assert connected(options, "http://h/a") == {"X": "one"}


def test_the_file_of_options(tmp_path: Path) -> None:
    file = tmp_path / "remote.toml"
    file.write_text('["ftp://host"]\nusername = "u"\n', "utf-8")
    assert load_options(file) == {"ftp://host": {"username": "u"}}
    assert load_options(None) == {}
    for text, words in [('password = "secret"', "is no table"), ('password = "secret', "cannot be read")]:
        file.write_text(text, "utf-8")
        with pytest.raises(SetupError, match=words) as caught:
            load_options(file)
        assert "secret" not in str(caught.value)
    with pytest.raises(SetupError, match="cannot be read"):
        load_options(tmp_path / "nothing")
