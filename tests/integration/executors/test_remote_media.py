"""A job type that knows nothing of other schemes reads from and makes files elsewhere all the same."""

from __future__ import annotations

import asyncio
import os
import wave
from pathlib import Path

import pytest

from tests.integration.executors.peers import Peer, ended, remote_storage
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.editing.executor import ConformExecutor
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.shapes import ShapeExecutor

NAME = "ü 'x' #1.mp4"


@pytest.fixture(autouse=True)
def tone(http: Peer) -> None:
    """Put a tone where http serves it from."""
    with wave.open(str(http.folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(os.urandom(1000) * 192)


@pytest.fixture
def media(root: Path, ftp: Peer) -> MediaExecutor:
    return MediaExecutor(remote_storage(root, ftp), Presets.load(), threads=1)


def job(media: MediaExecutor, source: str, target: str, **more: str) -> Job:
    return Job("TRANSCODE", media, sourceUri=source, destinationUri=target, tag=["flac", "wav"], **more)


async def test_transcodes_from_http_to_ftp(media: MediaExecutor, root: Path, ftp: Peer, http: Peer) -> None:
    done = job(media, f"{http.origin}/tone.wav?key=secret", f"{ftp.origin}/new/")
    for task in done.tasks[:-1]:
        outcome = await done.attempt(task.method)
        assert isinstance(outcome, Done), outcome
    assert isinstance(await done.run(), Fail), "the results are there now"
    assert os.listdir(root) == []
    assert sorted(os.listdir(ftp.folder / "new")) == ["tone_flac.flac", "tone_wav.wav"]
    assert (ftp.folder / "new" / "tone_flac.flac").read_bytes()[:4] == b"fLaC"
    assert done.data["fileUri"] == [f"{ftp.origin}/new/tone_flac.flac", f"{ftp.origin}/new/tone_wav.wav"]
    assert done.data["fileSize"] == [
        str((ftp.folder / "new" / name).stat().st_size) for name in ("tone_flac.flac", "tone_wav.wav")
    ]
    assert done.data["sourceUri"] == [f"{http.origin}/tone.wav?key=secret"]
    size = (http.folder / "tone.wav").stat().st_size
    first = done.steps[0]
    assert first.told[-1] == (size, size, "bytes") and first.notes == [f"Fetching {http.origin}/tone.wav."]
    assert len([line for line in http.asked if line.startswith("GET")]) == 1, "it is fetched once for all steps"
    assert ("bytes" in {unit for *_, unit in done.steps[4].told}) and len(done.steps[4].parts) == 2
    await ended()


async def test_delivering_can_be_repeated(media: MediaExecutor, root: Path, ftp: Peer, http: Peer) -> None:
    done = job(media, f"{http.origin}/tone.wav", f"{ftp.origin}/")
    await done.until("finish")
    assert os.listdir(ftp.folder) == [], "nothing is there before all is well"
    assert isinstance(await media.run(done.step("finish")), Done)
    contents = {path.name: path.read_bytes() for path in ftp.folder.iterdir()}
    ftp.asked.clear()
    assert isinstance(await done.attempt("finish"), Done)
    assert not [line for line in ftp.asked if line.startswith("STOR")]
    assert {path.name: path.read_bytes() for path in ftp.folder.iterdir()} == contents
    assert isinstance(await done.attempt("cleanUp"), Done)
    assert isinstance(await done.attempt("cleanUp"), Done)
    assert os.listdir(root) == []


async def test_a_newcomer_is_kept_and_all_or_none_is_delivered(
    media: MediaExecutor, root: Path, ftp: Peer, http: Peer
) -> None:
    done = job(media, f"{http.origin}/tone.wav", f"{ftp.origin}/")
    await done.until("finish")
    (ftp.folder / "tone_wav.wav").write_bytes(b"another")
    outcome = await done.attempt("finish")
    assert outcome == Fail(
        f"{ftp.origin}/tone_wav.wav exists already and is never overwritten; choose another destinationUri."
    )
    assert isinstance(await done.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder) == ["tone_wav.wav"] and os.listdir(root) == []
    outcome = await job(media, f"{http.origin}/tone.wav", f"{ftp.origin}/").attempt("setUp")
    assert isinstance(outcome, Fail) and "exists already" in outcome.reason
    assert isinstance(await job(media, f"{http.origin}/tone.wav", f"{ftp.origin}/", overwrite="true").run(), Done)
    assert (ftp.folder / "tone_wav.wav").read_bytes() != b"another"


async def test_an_abort_while_fetching_leaves_nothing(media: MediaExecutor, root: Path, http: Peer) -> None:
    done = job(media, f"{http.origin}/slow/tone.wav", f"{root}/out/")
    task = asyncio.create_task(media.run(done.step("setUp")))
    async with asyncio.timeout(10):
        while not [path for path in root.rglob("*.part.wav") if path.stat().st_size]:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(root.rglob("*.wav"))
    assert isinstance(await done.attempt("cleanUp"), Done)
    assert os.listdir(root) == ["out"]
    http.hold.set()
    await ended()


async def test_what_goes_wrong_is_told_of_the_files_elsewhere(
    media: MediaExecutor, root: Path, ftp: Peer, http: Peer
) -> None:
    (http.folder / NAME).write_bytes(b"no media")
    outcome = await job(media, f"{http.origin}/{NAME.replace('#', '%23')}", f"{root}/").run()
    assert isinstance(outcome, Fail) and ".vidijob" not in outcome.reason and http.origin in outcome.reason
    outcome = await job(media, f"{http.origin}/nothing.wav", f"{root}/").run()
    assert isinstance(outcome, Wait) and outcome.data == {"source": f"{http.origin}/nothing.wav"}
    outcome = await job(media, "s3://bucket/a.wav", f"{root}/").run()
    assert isinstance(outcome, Fail) and "only file, http, ftp: is allowed here" in outcome.reason
    http.asked.clear()
    outcome = await job(media, f"{http.origin}/tone.wav", f"{http.origin}/out/").run()
    assert isinstance(outcome, Fail) and "not written to" in outcome.reason
    wrong = Job("TRANSCODE", media, sourceUri=f"{http.origin}/tone.wav", destinationUri=f"{root}/", tag="none")
    assert isinstance(await wrong.run(), Fail)
    assert http.asked == [], "nothing was fetched for a job that cannot be done"
    assert os.listdir(root) == [] and os.listdir(ftp.folder) == []


async def test_a_working_copy_that_vanishes_is_fetched_again(media: MediaExecutor, root: Path, http: Peer) -> None:
    done = job(media, f"{http.origin}/tone.wav", f"{root}/out/")
    await done.until("transcode")
    (copy,) = (root / ".vidijob-VX-1").rglob("tone.wav")
    copy.unlink()
    assert isinstance(await done.attempt("transcode"), Done)
    assert copy.read_bytes() == (http.folder / "tone.wav").read_bytes()
    assert isinstance(await done.attempt("cleanUp"), Done)


async def test_a_source_for_which_there_is_no_room_is_not_fetched(small_disk: Path, ftp: Peer, http: Peer) -> None:
    with (http.folder / "big.wav").open("wb") as file:
        file.truncate(5_000_000)
    media = MediaExecutor(remote_storage(small_disk, ftp), Presets.load(), threads=1)
    outcome = await job(media, f"{http.origin}/big.wav", f"{ftp.origin}/").run()
    assert isinstance(outcome, Wait) and "5000000 are needed; make room" in outcome.reason
    assert (outcome.type, outcome.data) == ("OUT_OF_STORAGE", {"storage": small_disk.as_uri()})
    assert os.listdir(small_disk) == []


async def test_imports_from_http_and_leaves_the_source(root: Path, http: Peer) -> None:
    ingest = IngestExecutor(remote_storage(root), Presets.load(), threads=1)
    data = {"sourceUri": f"{http.origin}/tone.wav", "itemId": "VX-7", "checksumMode": "verify"}
    outcome = await Job("PLACEHOLDER_IMPORT", ingest, **data, deleteSource="true").run()
    assert isinstance(outcome, Fail) and "not taken away by an import" in outcome.reason
    done = Job("PLACEHOLDER_IMPORT", ingest, **data)
    assert isinstance(await done.run(), Done)
    assert (root / "VX-7" / "tone.wav").read_bytes() == (http.folder / "tone.wav").read_bytes()
    assert os.listdir(root) == ["VX-7"]
    outcome = await Job("PLACEHOLDER_IMPORT", ingest, **data, destinationUri="ftp://host/").run()
    assert isinstance(outcome, Fail) and "the scheme ftp" in outcome.reason


async def test_a_report_speaks_of_the_files_elsewhere(root: Path, ftp: Peer, http: Peer) -> None:
    shapes = ShapeExecutor(remote_storage(root, ftp))
    source, target = f"{http.origin}/tone.wav", f"{ftp.origin}/report.json"
    done = Job("FILE_ANALYZE", shapes, sourceUri=source, destinationUri=target)
    assert isinstance(await done.run(), Done)
    text = (ftp.folder / "report.json").read_text("utf-8")
    assert source in text and ".vidijob" not in text and ".vidijob" not in repr(done.data)
    assert done.data["fileUri"] == [target] and os.listdir(root) == []


async def test_a_source_that_is_named_twice_is_fetched_once(root: Path, http: Peer) -> None:
    conform = ConformExecutor(remote_storage(root), Presets.load(), threads=1)
    done = Job(
        "CONFORM", conform, sourceUri=[f"{http.origin}/tone.wav"] * 2, startTime=["0", "1"], endTime=["0.5", "1.5"],
        destinationUri=f"{root}/out.wav",
    )  # fmt: skip
    assert isinstance(await done.run(), Done)
    assert len([line for line in http.asked if line.startswith("GET")]) == 1
    assert os.listdir(root) == ["out.wav"]
