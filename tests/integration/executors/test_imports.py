"""The imports from their first step to their last, with real files; what they made is judged by MediaInfo and by checksums."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pymediainfo import MediaInfo, Track

from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.storage import Storage, uri_of
from vidijob.executors.uploads import Landing, LandingField

Place = Callable[[str, str], Path]


def tree(folder: Path) -> list[str]:
    """Return all files below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tracks(path: Path) -> dict[str, Track]:
    """Return what MediaInfo finds in a file, by kind."""
    return {track.track_type: track for track in MediaInfo.parse(path).tracks}


def one(job: Job, key: str) -> str:
    (value,) = job.data[key]
    return value


async def test_imports_into_the_folder_of_the_item(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = place("both.mp4", "in/clip.mp4")
    job = Job(
        "PLACEHOLDER_IMPORT", ingest, sourceUri=uri_of(source), itemId="VX-12", tag=["lowres,original", "wav"],
        createPosters=["1.5", "50@25,99"], checksumMode="verify",
    )  # fmt: skip
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    folder = root / "VX-12"
    posters = ["clip_poster.jpg", "clip_poster2.jpg", "clip_poster3.jpg"]
    assert tree(folder) == ["clip.mp4", "clip_lowres.mp4", *posters, "clip_wav.wav"]
    assert source.read_bytes() == (folder / "clip.mp4").read_bytes()
    assert one(job, "fileUri") == uri_of(folder / "clip.mp4")
    assert one(job, "checksum") == sha256(source)
    assert one(job, "originalFilename") == "clip.mp4"
    assert abs(float(one(job, "duration")) - 3) < 0.1
    assert [stream["kind"] for stream in json.loads(one(job, "mediaInfo"))["streams"]] == ["video", "audio"]
    assert job.data["shapeTag"] == ["original", "lowres", "wav"]
    assert job.data["shapeUri"] == [uri_of(folder / name) for name in ("clip_lowres.mp4", "clip_wav.wav")]
    assert job.data["posterUri"] == [uri_of(folder / name) for name in posters]
    assert not [key for key in job.data if key.startswith("vidijob_")]
    found = tracks(folder / "clip_lowres.mp4")
    assert abs(int(found["Video"].duration) - 3000) < 100 and found["Video"].format == "AVC"
    assert abs(int(tracks(folder / "clip_wav.wav")["Audio"].duration) - 3000) < 100
    for name in posters:
        still = tracks(folder / name)["Image"]
        assert (still.format, still.width, still.height) == ("JPEG", 320, 180)
    told = next(step.told for step in job.steps if step.method == "transfer")
    size = source.stat().st_size
    assert told == sorted(told) and told[-1] == (size, size, "bytes")


async def test_picture_and_sound_may_come_in_files_of_their_own(
    ingest: IngestExecutor, root: Path, place: Place
) -> None:
    sources = [str(place("tone.wav", "in/tone.wav")), str(place("picture.mp4", "in/picture.mp4"))]
    job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=sources, destinationUri=f"{root}/out/", tag="lowres")
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    assert tree(root / "out") == ["picture.mp4", "tone.wav", "tone_lowres.mp4"]
    found = tracks(root / "out" / "tone_lowres.mp4")
    assert {"Video", "Audio"} <= set(found)
    assert all(abs(int(found[kind].duration) - 3000) < 100 for kind in ("Video", "Audio"))
    assert len(job.data["mediaInfo"]) == len(job.data["checksum"]) == 2


async def test_without_item_and_place_a_job_has_a_folder_of_its_own(
    ingest: IngestExecutor, root: Path, place: Place
) -> None:
    source = str(place("tone.wav", "tone.wav"))
    assert isinstance(await Job("PLACEHOLDER_IMPORT", ingest, sourceUri=source).run(), Done)
    assert tree(root) == ["JOB-VX-1/tone.wav", "tone.wav"]
    job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=source, tag="nope")
    job.id = "VX-2"
    assert isinstance(await job.run(), Fail)
    assert sorted(os.listdir(root)) == ["JOB-VX-1", "tone.wav"], "an empty folder is not left"


async def test_a_poster_as_png(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = str(place("both.mp4", "clip.mp4"))
    job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=source, itemId="x", createPosters="true", posterFormat="png")
    assert isinstance(await job.run(), Done)
    assert job.data["posterUri"] == [uri_of(root / "x" / "clip_poster.png")]
    still = tracks(root / "x" / "clip_poster.png")["Image"]
    assert (still.format, still.width, still.height) == ("PNG", 320, 180)


async def test_what_is_no_media_is_only_kept_when_asked(ingest: IngestExecutor, root: Path) -> None:
    (root / "text.pdf").write_text("not media")
    data = {"sourceUri": str(root / "text.pdf"), "itemId": "x"}
    outcome = await Job("PLACEHOLDER_IMPORT", ingest, **data).run()
    assert isinstance(outcome, Fail) and "text.pdf is not a media file" in outcome.reason
    assert tree(root) == ["text.pdf"]
    job = Job("PLACEHOLDER_IMPORT", ingest, **data, mediaCheck="optional")
    assert isinstance(await job.run(), Done)
    assert tree(root) == ["text.pdf", "x/text.pdf"] and "mediaInfo" not in job.data
    assert any("kept as it is" in note for step in job.steps for note in step.notes)


async def test_a_file_that_grows_is_waited_for(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = place("tone.wav", "in/tone.wav")
    data = {"sourceUri": str(source), "destinationUri": f"{root}/out/", "stableTime": "0.5"}
    job = Job("AUTO_IMPORT", ingest, **data)
    running = asyncio.create_task(job.attempt("settle"))
    await asyncio.sleep(0.2)
    with source.open("ab") as file:
        file.write(bytes(10))
    outcome = await running
    assert isinstance(outcome, Wait) and (outcome.type, outcome.data) == ("SOURCE_GROWING", {"source": str(source)})
    assert outcome.type in ingest.problems
    assert await ingest.is_gone(outcome.type, outcome.data)
    looking = asyncio.create_task(ingest.is_gone(outcome.type, outcome.data))
    await asyncio.sleep(0.2)
    os.utime(source)
    assert not await looking
    job = Job("AUTO_IMPORT", ingest, **{**data, "stableTime": "0"})
    await job.until("transfer")
    with source.open("ab") as file:
        file.truncate(100)
    outcome = await job.attempt("transfer")
    assert isinstance(outcome, Done), "it is taken as it is now"
    missing = Job("AUTO_IMPORT", ingest, sourceUri=f"{root}/none.mov", destinationUri=f"{root}/out/")
    outcome = await missing.run()
    assert isinstance(outcome, Wait) and outcome.type == "SOURCE_UNAVAILABLE"


async def test_a_source_that_grows_during_the_transfer_is_waited_for(
    ingest: IngestExecutor, root: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = place("tone.wav", "in/tone.wav")
    job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=str(source), destinationUri=f"{root}/out/")
    await job.until("transfer")
    write = os.write

    def write_to_both(descriptor: int, content: bytes) -> int:
        with source.open("ab") as file:
            file.write(b"more")
        monkeypatch.undo()
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", write_to_both)
    outcome = await job.attempt("transfer")
    assert isinstance(outcome, Wait) and (outcome.type, outcome.data) == ("SOURCE_GROWING", {"source": uri_of(source)})
    assert tree(root) == ["in/tone.wav"]


async def test_sidecars_and_the_source_after_the_import(ingest: IngestExecutor, root: Path, place: Place) -> None:
    for job_id, more, left, moved in (
        ("VX-1", {}, ["a.srt", "a.wav", "a.wav.XML"], []),
        ("VX-2", {"moveSourceUri": f"{root}/done/"}, [], ["a.srt", "a.wav", "a.wav.XML"]),
        ("VX-3", {"deleteSource": "true"}, [], []),
        ("VX-4", {"deleteSource": "TRUE", "ignoreSidecar:String": "true"}, ["a.srt", "a.wav.XML"], []),
    ):
        source = place("tone.wav", f"{job_id}/a.wav")
        for name in ("a.srt", "a.wav.XML", "ab.srt", "a.exe"):
            (root / job_id / name).write_text(name)
        (root / job_id / "a.xml").symlink_to("/etc/passwd")
        data = {"sourceUri": str(source), "destinationUri": f"{root}/{job_id}/out/new.wav", "stableTime": "0"}
        job = Job("AUTO_IMPORT", ingest, **data, **more)
        job.id = job_id
        # The link leads out of the storage.
        if "ignoreSidecar:String" not in more:
            outcome = await job.run()
            assert isinstance(outcome, Fail) and "outside the storage roots" in outcome.reason
            (root / job_id / "a.xml").unlink()
        outcome = await job.run()
        assert isinstance(outcome, Done), outcome
        sidecars = [] if "ignoreSidecar:String" in more else ["new.srt", "new.wav.XML"]
        assert tree(root / job_id / "out") == sorted(["new.wav", *sidecars])
        assert list(job.data.get("sidecarFileUri", [])) == [uri_of(root / job_id / "out" / name) for name in sidecars]
        (root / job_id / "a.xml").unlink(missing_ok=True)
        assert [name for name in sorted(os.listdir(root / job_id)) if name not in ("out", "ab.srt", "a.exe")] == left
        assert tree(root / "done") == moved if moved else True


async def test_a_source_that_is_another_file_by_now_stays(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = place("tone.wav", "in/tone.wav")
    job = Job(
        "AUTO_IMPORT", ingest, sourceUri=str(source), destinationUri=f"{root}/out/", stableTime="0", deleteSource="true"
    )
    await job.until("retire")
    source.unlink()
    source.write_bytes(b"the next one")
    outcome = await job.attempt("retire")
    assert isinstance(outcome, Fail) and "it is kept" in outcome.reason
    assert source.read_bytes() == b"the next one"
    source.unlink()
    assert isinstance(await job.attempt("retire"), Done), "gone is as good as deleted"
    (root / "link.wav").symlink_to(place("tone.wav", "in/tone.wav"))
    data = {"sourceUri": f"{root}/link.wav", "destinationUri": f"{root}/out2/", "deleteSource": "true"}
    outcome = await Job("AUTO_IMPORT", ingest, **data, stableTime="0").run()
    assert isinstance(outcome, Fail) and "name the file itself" in outcome.reason


async def test_versions_have_numbers_of_their_own(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = str(place("tone.wav", "tone.wav"))
    jobs = [Job("ESSENCE_VERSION", ingest, sourceUri=source, itemId="VX-7") for _ in range(5)]
    for number, job in enumerate(jobs, 1):
        job.id = f"VX-{number}"
    outcomes = await asyncio.gather(*(job.run() for job in jobs))
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes
    assert sorted(one(job, "essenceVersion") for job in jobs) == ["1", "2", "3", "4", "5"]
    assert tree(root / "VX-7") == [f"v{number}/tone.wav" for number in range(1, 6)]
    # One that was killed behind its choice finds it again; one that fails leaves no folder.
    job = Job("ESSENCE_VERSION", ingest, sourceUri=source, itemId="VX-7")
    job.id = "VX-6"
    assert isinstance(await ingest.run(job.step("setUpVersion")), Done)
    assert isinstance(await job.run(), Done)
    assert one(job, "essenceVersion") == "6"
    job = Job("ESSENCE_VERSION", ingest, sourceUri=source, itemId="VX-7", tag="nope")
    job.id = "VX-7"
    assert isinstance(await job.run(), Fail)
    assert sorted(os.listdir(root / "VX-7")) == [f"v{number}" for number in range(1, 7)]
    assert isinstance(await Job("ESSENCE_VERSION", ingest, sourceUri=source).run(), Fail)


async def test_a_new_shape_replaces_only_what_is_named(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = str(place("tone.wav", "tone.wav"))
    old = [root / "x" / name for name in ("old.wav", "old2.wav", "other.wav")]
    for path in old:
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    data = {"sourceUri": source, "itemId": "x", "oldFileUri": [str(old[0]), uri_of(old[1]), f"{root}/x/gone.wav"]}
    job = Job("SHAPE_IMPORT", ingest, **data)
    await job.until("replace")
    assert all(path.exists() for path in old)
    assert isinstance(await job.attempt("replace"), Done)
    assert isinstance(await job.attempt("replace"), Done), "it can be repeated"
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert tree(root) == ["tone.wav", "x/other.wav", "x/tone.wav"]
    (root / "link").symlink_to(old[2])
    new = root / "y" / "tone.wav"
    new.parent.mkdir()
    new.write_text("there")
    for wrong in ("/etc/passwd", f"{root}/../x", str(root), f"{root}/x", f"{root}/link"):
        outcome = await Job("SHAPE_IMPORT", ingest, sourceUri=source, itemId="y", oldFileUri=wrong).run()
        assert isinstance(outcome, Fail) and "oldFileUri" in outcome.reason
    data = {"sourceUri": source, "itemId": "y", "overwrite": "true"}
    outcome = await Job("SHAPE_IMPORT", ingest, **data, oldFileUri=str(new)).run()
    assert isinstance(outcome, Fail) and new.read_text() == "there", "the new file would be removed"
    assert isinstance(await Job("SHAPE_IMPORT", ingest, **data).run(), Done)
    assert sha256(new) == sha256(Path(source))


async def test_every_step_can_be_repeated_and_nothing_shows_before_the_end(
    ingest: IngestExecutor, root: Path, place: Place
) -> None:
    source = str(place("both.mp4", "clip.mp4"))
    job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=source, itemId="x", tag="wav", createPosters="0")
    for task in job.tasks:
        # Killed behind its work: what it answered is lost.
        outcome = await ingest.run(job.step(task.method))
        assert isinstance(outcome, Done), outcome
        assert isinstance(await job.attempt(task.method), Done)
        visible = [name for name in tree(root / "x") if not name.startswith(".")]
        assert (visible == []) == (task.step < 800)
    assert tree(root / "x") == ["clip.mp4", "clip_poster.jpg", "clip_wav.wav"]


@pytest.mark.parametrize("method", ["transfer", "transcode"])
async def test_abort_leaves_nothing(ingest: IngestExecutor, root: Path, place: Place, method: str) -> None:
    source = place("long.mp4", "long.mp4")
    if method == "transfer":
        with source.open("r+b") as file:
            file.truncate(1 << 31)
    job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=str(source), itemId="x", tag="h264", createPosters="1")
    await job.until(method)
    step = job.step(method)
    running = asyncio.create_task(ingest.run(step))
    async with asyncio.timeout(20):
        while len(step.told) < 2:
            await asyncio.sleep(0.01)
    started = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - started < 2
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert tree(root) == ["long.mp4"]


async def test_a_full_disk_is_waited_for(small_disk: Path) -> None:
    (small_disk / "in.wav").write_bytes(os.urandom(600_000))
    ingest = IngestExecutor(Storage([small_disk]), Presets.load())
    outcome = await Job("PLACEHOLDER_IMPORT", ingest, sourceUri=str(small_disk / "in.wav"), itemId="x").run()
    assert isinstance(outcome, Wait) and outcome.type == "OUT_OF_STORAGE"
    assert tree(small_disk) == ["in.wav"]


HOSTILE = {
    "sourceUri": ["/etc/passwd", "{root}/../secret", "{root}/out.link", "{root}/\0", "{root}/fifo", "{root}", "-i", "s3://x/y", "x" * 1_000_000],
    "destinationUri": ["/tmp/", "{root}/../", "{root}/clip.wav", "{root}/away/", "\udcff", "-y", "x" * 1_000_000],
    "itemId": ["..", "../secret", "a/b", "/etc", "-rf", "", "\0", "x" * 1_000_000, "ü", "$(touch secret)"],
    "tag": ["nope", "-i", "../../x", "mp4;rm -rf /", "x" * 1_000_000],
    "createPosters": ["-1", "1e9", "nan", "1@0", "10@-5", "x" * 1_000_000, "1;2", ",".join("1" * 101)],
    "posterFormat": ["gif", "../x"],
    "checksumMode": ["md5"],
    "mediaCheck": ["never"],
    "essenceVersion": ["..", "0", "-1", "1/../../x"],
    "stableTime": ["-1", "nan", "inf", "soon"],
    "deleteSource": ["perhaps"],
    "moveSourceUri": ["/tmp/", "{root}/../", "s3://x/"],
    "vidijob_upload": ["/etc/passwd", "{root}/../secret", "x" * 1000],
    "vidijob_upload_name": ["../../secret", "a/b", ".."],
}  # fmt: skip


async def test_hostile_data_is_refused_and_changes_nothing(
    ingest: IngestExecutor, root: Path, place: Place, tmp_path: Path
) -> None:
    source = place("tone.wav", "clip.wav")
    (tmp_path / "secret").write_text("secret")
    (root / "out.link").symlink_to(tmp_path / "secret")
    (root / "away").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    before = sorted(os.listdir(root)), sorted(os.listdir(tmp_path))
    for key, wrong in HOSTILE.items():
        for value in wrong:
            data = {"sourceUri": str(source), "stableTime": "0"}
            if key.startswith("vidijob_"):
                data |= {"vidijob_upload": str(source), "vidijob_upload_name": "x.wav"}
            job = Job("AUTO_IMPORT", ingest, **{**data, key: value.replace("{root}", str(root))})
            outcome = await job.run()
            if (key, value) == ("itemId", ""):
                assert isinstance(outcome, Done), "what is empty is not given"
                (root / "JOB-VX-1" / "clip.wav").unlink()
                (root / "JOB-VX-1").rmdir()
            else:
                assert isinstance(outcome, (Fail, Wait)), (key, value[:50], outcome)
                assert len(outcome.reason) < 2000
            assert (sorted(os.listdir(root)), sorted(os.listdir(tmp_path))) == before, (key, value[:50])
    assert (tmp_path / "secret").read_text() == "secret"


async def test_notes_that_are_not_ours_do_no_harm(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = place("tone.wav", "clip.wav")
    for key in (
        "vidijob_receipt", "vidijob_receipt_products", "vidijob_checked", "vidijob_components", "vidijob_source",
        "vidijob_sidecar_checksum", "vidijob_upload_checksum", "checksum", "checksum:String", "essenceVersion:String",
    ):  # fmt: skip
        data = {"sourceUri": str(source), "itemId": "x", "stableTime": "0", key: ["nonsense", "1:2:3:4"]}
        outcome = await Job("AUTO_IMPORT", ingest, **data).run()
        assert isinstance(outcome, (Done, Fail)), (key, outcome)
        assert tree(root) == (["clip.wav", "x/clip.wav"] if isinstance(outcome, Done) else ["clip.wav"])
        (root / "x" / "clip.wav").unlink(missing_ok=True)


async def test_odd_names_are_names(ingest: IngestExecutor, root: Path, place: Place) -> None:
    for number, name in enumerate(["-i.wav", "a b'\"$(x).wav", "%41ü😀.wav", "file:x?#.wav", "n" * 240 + ".wav"]):
        source = place("tone.wav", f"in/{name}")
        job = Job("PLACEHOLDER_IMPORT", ingest, sourceUri=uri_of(source), destinationUri=f"{root}/{number}/")
        outcome = await job.run()
        assert isinstance(outcome, Done), outcome
        assert tree(root / str(number)) == [name]


async def test_an_upload_is_taken_over_without_being_copied(ingest: IngestExecutor, root: Path, clips: Path) -> None:
    field = LandingField(ingest._storage)
    landing = Landing(field)
    landing.open()
    landing.write((clips / "tone.wav").read_bytes())
    landed = landing.complete()
    upload = next((root / ".vidijob-uploads").iterdir())
    inode = upload.stat().st_ino
    data = {"vidijob_upload": landed.uri, "vidijob_upload_name": "-i ü.wav", "vidijob_upload_checksum": landed.checksum}
    job = Job("RAW_IMPORT", ingest, itemId="x", checksumMode="verify", **data)
    await job.until("cleanUp")
    assert upload.exists() and (root / "x" / "-i ü.wav").stat().st_ino == inode
    for _ in range(2):
        assert isinstance(await job.attempt("cleanUp"), Done)
    assert tree(root) == ["x/-i ü.wav"] and (root / "x" / "-i ü.wav").stat().st_nlink == 1
    assert one(job, "checksum") == landed.checksum == sha256(clips / "tone.wav")
    for wrong, words in (({}, "POST /import/raw"), (data, "is gone; send it again")):
        outcome = await Job("RAW_IMPORT", ingest, itemId="y", **wrong).run()
        assert isinstance(outcome, Fail) and re.search(words, outcome.reason)


async def test_only_an_upload_is_taken_away(ingest: IngestExecutor, root: Path, place: Place) -> None:
    source = place("tone.wav", "tone.wav")
    job = Job("RAW_IMPORT", ingest, itemId="x", vidijob_upload=str(source), vidijob_upload_name="new.wav")
    assert isinstance(await job.run(), Done)
    assert tree(root) == ["tone.wav", "x/new.wav"]
    assert source.stat().st_ino != (root / "x" / "new.wav").stat().st_ino
