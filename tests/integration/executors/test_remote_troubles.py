"""Files elsewhere: what servers refuse, what breaks, and what must not be called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.executors.peers import PASSWORD, USER, Peer, ftp_server, remote_storage
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Outcome, Retry, Wait
from vidijob.executors.files.executor import FileExecutor

MEBIBYTE = 1024 * 1024


@pytest.fixture
def files(root: Path, ftp: Peer) -> FileExecutor:
    return FileExecutor(remote_storage(root, ftp))


async def outcome_of(files: FileExecutor, source: str, root: Path) -> Outcome:
    outcome = await Job("COPY_FILE", files, sourceUri=source, destinationUri=f"{root}/out.mov").run()
    assert os.listdir(root) == []
    assert "secret" not in repr(outcome) and PASSWORD not in repr(outcome)
    return outcome


async def test_what_goes_wrong_at_http(files: FileExecutor, root: Path, http: Peer) -> None:
    (http.folder / "a.mov").write_bytes(b"x" * 3 * MEBIBYTE)
    for name, kind, words in [
        ("nothing?key=secret", Wait, "which does not exist"),
        ("410", Wait, "which does not exist"),
        ("private/a.mov?key=secret", Fail, "does not allow that; check user, password"),
        ("403", Fail, "does not allow that"),
        ("400", Fail, "answers 400"),
        ("429", Retry, "answers 429"),
        ("500", Retry, "answers 500"),
        ("503", Wait, "cannot be reached: it answers 503"),
        ("broken/a.mov", Retry, "the connection broke"),
        ("", Fail, "is no file"),
    ]:
        outcome = await outcome_of(files, f"{http.origin}/{name}", root)
        assert not isinstance(outcome, Done) and isinstance(outcome, kind) and words in outcome.reason, (name, outcome)
    outcome = await outcome_of(files, f"{http.origin}/nothing?key=secret", root)
    assert isinstance(outcome, Wait)
    assert (outcome.type, outcome.data) == ("SOURCE_UNAVAILABLE", {"source": f"{http.origin}/nothing"})
    assert not await files.is_gone(outcome.type, outcome.data)
    (http.folder / "nothing").write_bytes(b"x")
    assert await files.is_gone(outcome.type, outcome.data)


async def test_what_goes_wrong_at_ftp(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (ftp.folder / "folder").mkdir()
    host = ftp.origin.removeprefix("ftp://")
    for uri, kind, words in [
        (f"{ftp.origin}/nothing.mov", Wait, "which does not exist"),
        (f"{ftp.origin}/no/folder.mov", Wait, "which does not exist"),
        (f"{ftp.origin}/folder", Fail, "a folder; name a file"),
        (f"ftp://{USER}:secret@{host}/a.mov", Fail, "check user, password"),
        ("ftp://nobody.invalid/a.mov", Wait, "cannot be reached: the name nobody.invalid is not known"),
        ("ftp://127.0.0.1:9/a.mov", Wait, "cannot be reached: there is no connection"),
        (f"{ftp.origin}/a\r\nDELE%20b.mov", Fail, "control character"),
        (f"{ftp.origin}/a%0d%0aDELE%20b.mov", Fail, "control character"),
        (f"{ftp.origin}/../a.mov", Fail, "'..' is not allowed"),
        (f"{ftp.origin}/%2e%2e/a.mov", Fail, "'..' is not allowed"),
        (f"{ftp.origin}/%ff.mov", Fail, "bytes that are no text"),
        (f"{ftp.origin}/{'n' * 1_000_000}", Fail, "cannot be the name of a file"),
        ("ftp:///a.mov", Fail, "names no host"),
        ("ftp:a.mov", Fail, "write scheme://host/name"),
        ("sftp://host/a.mov", Fail, "only file, http, ftp: is allowed here"),
        ("simplecache::http://host/a.mov", Fail, "only file, http, ftp: is allowed here"),
        ("ftp::http://host/a.mov", Fail, "write scheme://host/name"),
    ]:
        outcome = await outcome_of(files, uri, root)
        assert not isinstance(outcome, Done) and isinstance(outcome, kind) and words in outcome.reason, (uri, outcome)
    assert not [line for line in ftp.asked if line.startswith("DELE")]


async def test_a_host_that_is_away_is_waited_for(root: Path, tmp_path: Path) -> None:
    (tmp_path / "ftp").mkdir()
    (root / "a.mov").write_bytes(b"content")
    with ftp_server(tmp_path / "ftp") as peer:
        port = int(peer.origin.rpartition(":")[2])
        files = FileExecutor(remote_storage(root, peer))
        job = Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{peer.origin}/")
        await job.until("finish")
    outcome = await job.attempt("finish")
    assert isinstance(outcome, Wait)
    assert (outcome.type, outcome.data) == ("REMOTE_UNAVAILABLE", {"remote": peer.origin})
    assert outcome.type in files.problems
    assert not await files.is_gone(outcome.type, outcome.data)
    with ftp_server(tmp_path / "ftp", port=port):
        assert await files.is_gone(outcome.type, outcome.data)
        assert isinstance(await job.attempt("finish"), Done)
        assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(tmp_path / "ftp") == ["a.mov"]


async def test_private_addresses_are_not_called(root: Path, ftp: Peer, http: Peer) -> None:
    (http.folder / "a.mov").write_bytes(b"x")
    files = FileExecutor(remote_storage(root, ftp, networks=()))
    for uri in (
        f"{http.origin}/a.mov",
        http.origin.replace("127.0.0.1", "localhost") + "/a.mov",
        http.origin.replace("127.0.0.1", "[::ffff:127.0.0.1]") + "/a.mov",
        "http://169.254.169.254/latest/meta-data",
        f"{ftp.origin}/a.mov",
        ftp.origin.replace("127.0.0.1", "localhost") + "/a.mov",
    ):
        outcome = await outcome_of(files, uri, root)
        assert isinstance(outcome, Fail) and "do not allow this address" in outcome.reason, (uri, outcome)
    assert http.asked == [] and ftp.asked == []


async def test_a_redirection_to_a_private_address_is_not_followed(files: FileExecutor, root: Path, http: Peer) -> None:
    (http.folder / "a.mov").write_bytes(b"x")
    outcome = await outcome_of(files, f"{http.origin}/redirect?to=http://169.254.169.254/a", root)
    assert isinstance(outcome, Fail) and "do not allow this address" in outcome.reason
    job = Job("COPY_FILE", files, sourceUri=f"{http.origin}/redirect?to=/a.mov", destinationUri=f"{root}/b.mov")
    assert isinstance(await job.run(), Done)


async def test_http_is_only_read(files: FileExecutor, root: Path, http: Peer) -> None:
    (root / "a.mov").write_bytes(b"x")
    (http.folder / "a.mov").write_bytes(b"x")
    outcome = await Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{http.origin}/b.mov").run()
    assert isinstance(outcome, Fail) and "files can be read from http, not written to" in outcome.reason
    for type in ("MOVE_FILE", "DELETE_FILE"):
        outcome = await Job(type, files, sourceUri=f"{http.origin}/a.mov", destinationUri=f"{root}/b.mov").run()
        assert isinstance(outcome, Fail) and "not taken away" in outcome.reason
