"""The storage roots: what lies in them can be used, and nothing else."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from vidijob.errors import Invalid, SetupError
from vidijob.executors.storage import Storage, shown, uri_of

NAMES = [
    "a.mov",
    "a b",
    "höhle 東京 🎬",
    "#1?x=2&y",
    "100%",
    "%41",
    "-i",
    "quote'\"s",
    "new\nline",
    ".hidden",
    "a:b",
    "\udcff",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_given_as_uri_and_as_path(storage: Storage, root: Path, name: str) -> None:
    path = root / name
    path.write_bytes(b"x")
    assert uri_of(path).isascii()
    assert storage.source(uri_of(path)) == path
    assert storage.source(uri_of(path).replace("file://", "file://localhost")) == path
    assert storage.source(uri_of(path).replace("file://", "FILE:")) == path
    assert storage.name(uri_of(path)) == name
    assert storage.destination(uri_of(path)) == path
    assert storage.source(str(path)) == path


def test_a_uri_need_not_be_encoded_where_it_is_clear(storage: Storage, root: Path) -> None:
    path = root / "a b #1?ü.mov"
    path.write_bytes(b"x")
    assert storage.source(f"file://{path}") == path
    assert storage.source(f"file:////{path}") == path


def test_a_path_is_taken_as_it_is(storage: Storage, root: Path) -> None:
    (root / "%41").write_bytes(b"x")
    assert storage.source(str(root / "%41")) == root / "%41"
    with pytest.raises(Invalid, match="does not exist"):
        storage.source(f"file://{root}/%41")


def test_links_are_followed_inside_and_refused_outside(storage: Storage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (root / "real").mkdir()
    (root / "real" / "a.mov").write_bytes(b"x")
    (root / "folder").symlink_to(root / "real")
    (root / "file").symlink_to("folder/a.mov")
    (root / "out").symlink_to(tmp_path)
    (root / "secret").symlink_to("../secret")
    (root / "circle").symlink_to("circle")
    assert storage.source(str(root / "folder" / "a.mov")) == root / "real" / "a.mov"
    assert storage.source(str(root / "file")) == root / "real" / "a.mov"
    assert storage.destination(str(root / "folder" / "new.mov")) == root / "real" / "new.mov"
    assert storage.folder(f"{root}/folder/") == root / "real"
    for inside in ("out/secret", "secret", "out/none", "out/none/none"):
        with pytest.raises(Invalid, match="outside the storage roots"):
            storage.source(str(root / inside))
    with pytest.raises(Invalid, match="outside the storage roots"):
        storage.destination(str(root / "out" / "new.mov"))
    with pytest.raises(Invalid, match="no ordinary file"):
        storage.source(str(root / "circle"))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "absolute path or a file: URI"),
        ("a.mov", "absolute path or a file: URI"),
        ("-i", "absolute path or a file: URI"),
        ("file:a.mov", "write file:///"),
        ("file://a.mov", "names the host a.mov"),
        ("file://server/share/a.mov", "names the host server"),
        ("http://localhost/a.mov", "scheme http; only file:"),
        ("concat:{root}/a|{root}/b", "scheme concat"),
        ("file:///etc/passwd", "outside the storage roots"),
        ("{root}/../secret", "'..' is not allowed"),
        ("file://{root}/%2e%2e/secret", "'..' is not allowed"),
        ("file://{root}/..%2fsecret", "'..' is not allowed"),
        ("{root}/a\0b", "holds a NUL"),
        ("file://{root}/a%00b", "holds a NUL"),
        ("{root}/" + "n" * 256, "longer than 255 bytes"),
        ("{root}/.", "names no file"),
        ("/", "names no file"),
        ("file:///", "names no file"),
        ("{root}\ud800", "no text"),
        ("file://{root}/\ud800", "no text"),
        ("{root}", "outside the storage roots"),
        ("{root}-other/a", "outside the storage roots"),
    ],
)
def test_what_is_not_a_file_in_a_root_is_refused(storage: Storage, root: Path, uri: str, words: str) -> None:
    uri = uri.replace("{root}", str(root))
    for resolve in (storage.source, storage.destination):
        with pytest.raises(Invalid, match=re.escape(words)) as caught:
            resolve(uri)
        assert len(str(caught.value)) < 800 and caught.value.context in ("sourceUri", "destinationUri")
        str(caught.value).encode()


def test_only_ordinary_files_are_sources(storage: Storage, root: Path) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    (root / "file").write_bytes(b"x")
    for name, words in (
        ("folder", "a folder"),
        ("fifo", "no ordinary file"),
        ("socket", "no ordinary file"),
        ("none", "does not exist"),
        ("file/x", "does not exist"),
        ("file/", "a folder"),
    ):
        with pytest.raises(Invalid, match=words):
            storage.source(f"{root}/{name}")
    with pytest.raises(Invalid, match="names the folder"):
        storage.destination(f"{root}/folder/")
    for name in ("folder", "fifo", "socket", "file"):
        with pytest.raises(Invalid, match="exists already"):
            storage.require_vacant(root / name)
    storage.require_vacant(root / "none")


def test_folders_are_made_below_a_root(storage: Storage, root: Path, tmp_path: Path) -> None:
    storage.prepare(root / "a" / "b")
    storage.prepare(root / "a" / "b")
    storage.prepare(root)
    assert (root / "a" / "b").is_dir()
    (root / "file").touch()
    for folder in (root / "file", root / "file" / "x"):
        with pytest.raises(Invalid, match="not a folder"):
            storage.prepare(folder)
    with pytest.raises(Invalid, match="outside"):
        storage.prepare(tmp_path / "elsewhere")
    assert sorted(os.listdir(tmp_path)) == ["storage"]


def test_what_was_exchanged_after_the_look_is_not_opened(storage: Storage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.mov").write_bytes(b"secret")
    (root / "folder").mkdir()
    (root / "folder" / "a.mov").write_bytes(b"x")
    path = storage.source(str(root / "folder" / "a.mov"))
    os.close(storage.open_source(path))
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        storage.open_source(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Invalid, match="not a file any more"):
        storage.open_source(path)
    path.unlink()
    (root / "folder").rmdir()
    (root / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(Invalid, match="outside"):
        storage.open_source(path)


def test_a_root_may_be_a_link_and_there_may_be_several(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mov").touch()
    (tmp_path / "link").symlink_to(tmp_path / "one")
    storage = Storage([tmp_path / "late", tmp_path / "link", tmp_path / "two"])
    assert storage.source(str(tmp_path / "link" / "a.mov")) == tmp_path / "one" / "a.mov"
    assert storage.source(str(tmp_path / "one" / "a.mov")) == tmp_path / "one" / "a.mov"
    assert storage.source(str(tmp_path / "two" / "a.mov")) == tmp_path / "two" / "a.mov"
    assert storage.folder(f"{tmp_path}/two/") == tmp_path / "two"


def test_roots_must_be_there_and_absolute() -> None:
    with pytest.raises(SetupError, match="no storage root"):
        Storage([])
    with pytest.raises(SetupError, match="absolute"):
        Storage([Path("storage")])


def test_a_name_in_a_sentence_is_short_and_printable() -> None:
    assert shown("/a/höhle") == "/a/höhle"
    assert shown("a\nb\x1b[1m\udcff") == "a\\nb\\x1b[1m\\xff"
    assert len(shown("x" * 1_000_000)) == 201
