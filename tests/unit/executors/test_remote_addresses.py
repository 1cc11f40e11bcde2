"""URIs of files elsewhere: what they name, and how they are shown."""

from __future__ import annotations

import pytest

from vidijob.errors import Invalid
from vidijob.executors.remote.addresses import parse, scheme_of


@pytest.mark.parametrize(
    ("uri", "origin", "path", "name", "shown"),
    [
        ("ftp://host/a.mov", "ftp://host", "/a.mov", "a.mov", "ftp://host/a.mov"),
        ("FTP://Host:21/A b.mov", "ftp://host", "/A b.mov", "A b.mov", "ftp://host/A%20b.mov"),
        ("ftp://host:2121/x?y#z", "ftp://host:2121", "/x?y#z", "x?y#z", "ftp://host:2121/x%3Fy%23z"),
        ("ftp://u:p%40ss@host/%C3%BC%25", "ftp://host", "/ü%", "ü%", "ftp://host/%C3%BC%25"),
        ("ftp://u@x:p@host/a", "ftp://host", "/a", "a", "ftp://host/a"),
        ("s3://bucket/a/b", "s3://bucket", "/a/b", "b", "s3://bucket/a/b"),
        ("https://u:p@h/a%20b?key=secret#part", "https://h", "/a%20b", "a b", "https://h/a%20b"),
        ("http://h:80/ü", "http://h", "/ü", "ü", "http://h/%C3%BC"),
        ("http://[::1]:8080/a", "http://[::1]:8080", "/a", "a", "http://[::1]:8080/a"),
        ("ftp://host/folder/", "ftp://host", "/folder/", "", "ftp://host/folder/"),
        ("ftp://host", "ftp://host", "", "", "ftp://host"),
    ],
)
def test_what_a_uri_names(uri: str, origin: str, path: str, name: str, shown: str) -> None:
    address = parse(uri, "sourceUri")
    assert (address.origin, address.path, address.name, address.uri) == (origin, path, name, shown)
    again = parse(address.uri, "sourceUri")
    assert (again.name, again.origin, again.uri) == (name, origin, shown)


def test_its_user_and_query_are_kept_apart() -> None:
    address = parse("https://u%3A:p%2F@host/a?b=c", "sourceUri")
    assert (address.user, address.password, address.query) == ("u:", "p/", "b=c")
    assert "p/" not in address.uri and "b=c" not in address.uri


def test_names_in_a_folder() -> None:
    folder = parse("ftp://host/out/", "destinationUri")
    assert folder.child("a ü#.mov").path == "/out/a ü#.mov"
    assert folder.child("a.mov").named("b.mov").uri == "ftp://host/out/b.mov"
    assert parse("http://host/out/", "x").child("a b").uri == "http://host/out/a%20b"


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [("/a", None), ("file:///a", None), ("FILE:/a", None), ("-i", None), ("S3://b/c", "s3"), ("/a/http://b", None)],
)
def test_the_scheme_of_a_uri(uri: str, scheme: str | None) -> None:
    assert scheme_of(uri) == scheme


@pytest.mark.parametrize(
    "uri",
    [
        *("ftp:/a", "ftp:a", "ftp:///a", "ftp://ho st/a", "ftp://ho%73t/a", "ftp://host\\@evil/a"),
        *("ftp://host/..", "ftp://host/a/../b", "ftp://host/%2e%2e/b", "http://host/%2E./b", "http://host/a%2Fb"),
        *("ftp://host/a\nb", "ftp://host/%0d%0aDELE", "ftp://u%0d:p@host/a", "ftp://host/%00", "ftp://host/%ff"),
        *("http://host/a?b\r\nc", "ftp://host/\udc80", "ftp://host/" + "n" * 256),
    ],
)
def test_what_cannot_be_named(uri: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(uri, "sourceUri")
    assert caught.value.context == "sourceUri" and len(str(caught.value)) < 1000
