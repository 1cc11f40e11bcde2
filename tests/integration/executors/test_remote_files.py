"""Files elsewhere: copied from and to servers of ftp and http."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.integration.executors.peers import PASSWORD, USER, Peer, ftp_server, http_server
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Outcome, Retry, Wait
from vidijob.executors.file import FileExecutor
from vidijob.executors.remote.schemes import Remotes
from vidijob.executors.storage import Storage, uri_of
from vidijob.web.fetching import file_client

MEBIBYTE = 1024 * 1024
NAMES = ["a.mov", "ü 'x' \"#1?&=%41;.mov", "-i", " lead", "a*[b]{c}~$x`y`.mov"]
HOME = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[Peer]:
    folder = tmp_path / "ftp"
    folder.mkdir()
    with ftp_server(folder) as peer:
        yield peer


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[Peer]:
    folder = tmp_path / "http"
    folder.mkdir()
    async with http_server(folder) as peer:
        yield peer


def remote_storage(root: Path, *peers: Peer, networks: tuple[object, ...] = HOME) -> Storage:
    """Return a storage that may reach servers on this machine; the password of the ftp server is the administrator's."""
    options = {peer.origin: {"username": USER, "password": PASSWORD} for peer in peers}
    return Storage(
        [root], Remotes(["http", "ftp"], options, HOME if networks else (), file_client(HOME if networks else ()))
    )


@pytest.fixture
def files(root: Path, ftp: Peer) -> FileExecutor:
    return FileExecutor(remote_storage(root, ftp))


def quoted(folder: str, name: str) -> str:
    """Return a URI with every byte of the name encoded."""
    return folder + "/" + "".join(f"%{byte:02X}" for byte in name.encode())


def no_threads() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name == "vidijob-remote"]


async def ended(threads: float = 5) -> None:
    """Wait until no thread is on its way any more."""
    async with asyncio.timeout(threads):
        while not no_threads():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", ["transfer", "verify"])
async def test_copies_by_ftp_there_and_back(files: FileExecutor, root: Path, ftp: Peer, mode: str) -> None:
    contents = {name: os.urandom(place * 700_000) for place, name in enumerate(NAMES)}
    for name, content in contents.items():
        (root / name).write_bytes(content)
    there = f"{ftp.origin}/new/ü folder"
    job = Job(
        "COPY_FILE",
        files,
        sourceUri=[str(root / name) for name in NAMES],
        destinationUri=f"{there}/",
        checksumMode=mode,
    )
    assert isinstance(await job.run(), Done)
    folder = ftp.folder / "new" / "ü folder"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    checksums = [hashlib.sha256(content).hexdigest() for content in contents.values()]
    assert job.data["checksum"] == checksums
    assert job.data["fileSize"] == [str(len(content)) for content in contents.values()]
    told = next(step.told for step in job.steps if step.method == "transfer")
    assert told[-1] == (7_000_000,) * 2 + ("bytes",) and told == sorted(told)

    back = Job("COPY_FILE", files, sourceUri=job.data["fileUri"], destinationUri=f"{root}/back/", checksumMode=mode)
    assert isinstance(await back.run(), Done)
    assert {path.name: path.read_bytes() for path in (root / "back").iterdir()} == contents
    assert back.data["checksum"] == checksums
    await ended()


async def test_copies_from_http_to_ftp(files: FileExecutor, root: Path, ftp: Peer, http: Peer) -> None:
    for name in NAMES:
        (http.folder / name).write_bytes(name.encode() * 100_000)
    (http.folder / "empty").write_bytes(b"")
    names = [*NAMES, "empty"]
    job = Job(
        "COPY_FILE",
        files,
        sourceUri=[quoted(http.origin, name) + "?key=secret#x" for name in names],
        destinationUri=f"{ftp.origin}/",
    )
    assert isinstance(await job.run(), Done)
    assert sorted(os.listdir(ftp.folder)) == sorted(names)
    for name in names:
        assert (ftp.folder / name).read_bytes() == (http.folder / name).read_bytes()
    assert os.listdir(root) == [], "nothing was kept here on the way"
    assert all("key=secret" in line for line in http.asked)


async def test_a_file_of_unknown_size(files: FileExecutor, root: Path, http: Peer) -> None:
    content = os.urandom(3 * MEBIBYTE)
    (http.folder / "a.mov").write_bytes(content)
    job = Job("COPY_FILE", files, sourceUri=f"{http.origin}/chunked/a.mov", destinationUri=str(root / "b.mov"))
    assert isinstance(await job.run(), Done)
    assert (root / "b.mov").read_bytes() == content and job.data["fileSize"] == [str(len(content))]


async def test_exports_and_moves_and_deletes_by_ftp(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (root / "a.mov").write_bytes(b"content")
    job = Job(
        "EXPORT", files, sourceUri=f"{root}/a.mov", destinationUri=f"{ftp.origin}/out/b.mov", exportMetadata="xml"
    )
    assert isinstance(await job.run(), Done)
    assert sorted(os.listdir(ftp.folder / "out")) == ["b.mov", "b.mov.xml"]
    assert job.data["metadataUri"] == [f"{ftp.origin}/out/b.mov.xml"]

    job = Job("MOVE_FILE", files, sourceUri=f"{ftp.origin}/out/b.mov", destinationUri=f"{root}/c.mov")
    assert isinstance(await job.run(), Done)
    job = Job("MOVE_FILE", files, sourceUri=f"{root}/c.mov", destinationUri=f"{ftp.origin}/d.mov")
    assert isinstance(await job.run(), Done)
    assert os.listdir(root) == ["a.mov"]
    assert (ftp.folder / "d.mov").read_bytes() == b"content"

    job = Job("DELETE_FILE", files, sourceUri=[f"{ftp.origin}/d.mov", f"{ftp.origin}/out/b.mov.xml"])
    assert isinstance(await job.run(), Done)
    assert os.listdir(ftp.folder) == ["out"] and os.listdir(ftp.folder / "out") == []
    assert job.data["deletedUri"] == [f"{ftp.origin}/d.mov", f"{ftp.origin}/out/b.mov.xml"]


async def test_overwrites_only_when_asked(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (root / "a.mov").write_bytes(b"new")
    (ftp.folder / "a.mov").write_bytes(b"old")
    data = {"sourceUri": f"{root}/a.mov", "destinationUri": f"{ftp.origin}/"}
    outcome = await Job("COPY_FILE", files, **data).run()
    assert outcome == Fail(
        f"{ftp.origin}/a.mov exists already and is never overwritten; choose another destinationUri."
    )
    assert (ftp.folder / "a.mov").read_bytes() == b"old"
    assert isinstance(await Job("COPY_FILE", files, **data, overwrite="true").run(), Done)
    assert (ftp.folder / "a.mov").read_bytes() == b"new"
    assert os.listdir(ftp.folder) == ["a.mov"]


async def test_finishing_can_be_repeated_and_newcomers_are_kept(files: FileExecutor, root: Path, ftp: Peer) -> None:
    for name in ("a.mov", "b.mov"):
        (root / name).write_bytes(b"content")
    job = Job("COPY_FILE", files, sourceUri=[f"{root}/a.mov", f"{root}/b.mov"], destinationUri=f"{ftp.origin}/")
    await job.until("finish")
    assert isinstance(await files.run(job.step("finish")), Done)
    assert isinstance(await files.run(job.step("finish")), Done)
    (ftp.folder / "b.mov").unlink()
    assert isinstance(await files.run(job.step("finish")), Fail), "there is nothing to be published any more"

    job = Job("COPY_FILE", files, sourceUri=[f"{root}/a.mov", f"{root}/b.mov"], destinationUri=f"{ftp.origin}/new/")
    await job.until("finish")
    (ftp.folder / "new" / "b.mov").write_bytes(b"another")
    outcome = await job.attempt("finish")
    assert isinstance(outcome, Fail) and "exists already" in outcome.reason
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder / "new") == ["b.mov"], "all or none"
    assert (ftp.folder / "new" / "b.mov").read_bytes() == b"another"


async def test_an_older_attempt_is_swept_away(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (root / "a.mov").write_bytes(b"content")
    job = Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{ftp.origin}/")
    await job.until("transfer")
    for _ in range(2):
        assert isinstance(await files.run(job.step("transfer")), Done)
    assert len(os.listdir(ftp.folder)) == 1
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder) == []


async def test_an_abort_is_quick_although_the_server_is_silent(files: FileExecutor, root: Path, http: Peer) -> None:
    (http.folder / "a.mov").write_bytes(b"x" * MEBIBYTE)
    job = Job("COPY_FILE", files, sourceUri=f"{http.origin}/slow/a.mov", destinationUri=f"{root}/b.mov")
    await job.until("transfer")
    step = job.step("transfer")
    task = asyncio.create_task(files.run(step))
    async with asyncio.timeout(10):
        while sum(path.stat().st_size for path in root.iterdir()) < MEBIBYTE // 2:
            await asyncio.sleep(0.01)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 0.5
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root) == []
    http.hold.set()
    await ended()


async def test_an_abort_of_an_upload_leaves_nothing(files: FileExecutor, root: Path, ftp: Peer) -> None:
    with (root / "a.mov").open("wb") as file:
        file.truncate(1 << 30)
    job = Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{ftp.origin}/")
    await job.until("transfer")
    step = job.step("transfer")
    task = asyncio.create_task(files.run(step))
    async with asyncio.timeout(10):
        while len(step.told) < 3:
            await asyncio.sleep(0.01)
    assert len(os.listdir(ftp.folder)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended()
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder) == []


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
        assert isinstance(outcome, kind) and words in outcome.reason, (name, outcome)
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
        assert isinstance(outcome, kind) and words in outcome.reason, (uri, outcome)
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


async def test_a_password_in_a_uri_is_used_and_not_told(root: Path, ftp: Peer, http: Peer) -> None:
    files = FileExecutor(remote_storage(root))
    (ftp.folder / "a.mov").write_bytes(b"x")
    (http.folder / "a.mov").write_bytes(b"x")
    login = f"{USER}:p%40ss%3Aw%2Ford@"
    there = ftp.origin.replace("://", f"://{login}")
    job = Job("COPY_FILE", files, sourceUri=f"{there}/a.mov", destinationUri=f"{there}/b.mov")
    assert isinstance(await job.run(), Done)
    assert job.data["fileUri"] == [f"{ftp.origin}/b.mov"]
    uri = http.origin.replace("://", f"://{login}") + "/private/a.mov"
    job = Job("EXPORT", files, sourceUri=uri, destinationUri=f"{root}/b.mov", exportMetadata="json")
    assert isinstance(await job.run(), Done)
    assert PASSWORD not in (root / "b.mov.json").read_text() and "p%40" not in (root / "b.mov.json").read_text()
    assert uri_of(root / "b.mov") in (root / "b.mov.json").read_text()
