"""A transcode that is aborted, killed, or followed by another attempt; sources and destinations that are not right."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.executors.conftest import PICTURE, make
from tests.integration.executors.steps import Job
from tests.integration.executors.test_child_processes import gone
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.probing import probe
from vidijob.executors.storage import Storage

Place = Callable[[str, str], Path]


def ffmpegs(root: Path) -> list[int]:
    """Return the processes whose command line speaks of a folder and that are ffmpeg."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"ffmpeg" in os.path.basename(words[0]) and os.fsencode(root) in b" ".join(words):
                found.append(int(entry.name))
    return found


async def running(root: Path, step_told: Callable[[], bool]) -> int:
    """Wait until ffmpeg runs and has told of its progress; return its process id."""
    async with asyncio.timeout(30):
        while not (found := ffmpegs(root)) or not step_told():
            await asyncio.sleep(0.02)
    return found[0]


def partials(root: Path) -> list[str]:
    return [path.name for path in root.iterdir() if ".part" in path.name]


async def test_abort_ends_ffmpeg_and_leaves_nothing(media: MediaExecutor, root: Path, place: Place) -> None:
    job = Job(
        "TRANSCODE", media, sourceUri=str(place("long.mp4", "in.mp4")), destinationUri=str(root / "out.mp4"), tag="h264"
    )
    await job.until("transcode")
    step = job.step("transcode")
    task = asyncio.create_task(media.run(step))
    pid = await running(root, lambda: len(step.told) > 2)
    assert len(partials(root)) == 1
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2
    assert ffmpegs(root) == [] and not Path(f"/proc/{pid}").exists()
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root) == ["in.mp4"]


async def test_abort_of_each_step_leaves_nothing(media: MediaExecutor, root: Path, place: Place) -> None:
    place("both.mp4", "in.mp4")
    for method in ("setUp", "checkSource", "transcode", "checkResult", "finish"):
        for delay in (0.0, 0.005, 0.05, 0.2):
            target = root / "out.mp4"
            job = Job("TRANSCODE", media, sourceUri=str(root / "in.mp4"), destinationUri=str(target))
            await job.until(method)
            task = asyncio.create_task(job.attempt(method))
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.wait({task})
            assert isinstance(await job.attempt("cleanUp"), Done)
            if target.exists():
                assert method == "finish"
                assert (await probe(target)).duration == 3
                target.unlink()
            assert os.listdir(root) == ["in.mp4"], (method, delay)
            assert ffmpegs(root) == []


async def test_killing_the_worker_leaves_no_ffmpeg_and_the_next_attempt_succeeds(
    media: MediaExecutor, root: Path, place: Place, tmp_path: Path
) -> None:
    place("long.mp4", "in.mp4")
    script = tmp_path / "worker.py"
    script.write_text(
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from tests.integration.executors.steps import Job\n"
        "from vidijob.executors.media.executor import MediaExecutor\n"
        "from vidijob.executors.media.presets import Presets\n"
        "from vidijob.executors.storage import Storage\n"
        "root = Path(sys.argv[1])\n"
        "media = MediaExecutor(Storage([root]), Presets.load())\n"
        "job = Job('TRANSCODE', media, sourceUri=str(root / 'in.mp4'), destinationUri=str(root / 'out.mp4'), tag='h264')\n"
        "asyncio.run(job.run())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    worker = subprocess.Popen([sys.executable, str(script), str(root)], env=environment, start_new_session=True)
    try:
        pid = await running(root, lambda: bool(partials(root)))
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert await gone(pid, 2)
    assert len(partials(root)) == 1
    assert not (root / "out.mp4").exists()
    job = Job("TRANSCODE", media, sourceUri=str(root / "in.mp4"), destinationUri=str(root / "out.mp4"), tag="lowres")
    for _ in range(100):
        job.step("setUp")  # the dead attempt had one of the first leases of its own process
    await job.until("checkResult")
    assert len(partials(root)) == 1, "only that of this attempt"
    for method in ("checkResult", "finish", "cleanUp"):
        assert isinstance(await job.attempt(method), Done)
    assert sorted(os.listdir(root)) == ["in.mp4", "out.mp4"]


async def test_an_attempt_thought_dead_does_not_spoil_a_newer_one(
    media: MediaExecutor, root: Path, place: Place
) -> None:
    job = Job(
        "TRANSCODE", media, sourceUri=str(place("long.mp4", "in.mp4")), destinationUri=str(root / "out.mp4"), tag="h264"
    )
    await job.until("transcode")
    stale = job.step("transcode")
    dead = asyncio.create_task(media.run(stale))
    pid = await running(root, lambda: len(stale.told) > 2)
    os.kill(pid, signal.SIGSTOP)
    job.data["tag"] = ["lowres"]
    assert isinstance(await job.attempt("transcode"), Done)
    (mine,) = partials(root)
    os.kill(pid, signal.SIGCONT)
    dead.cancel()
    await asyncio.wait({dead})
    assert partials(root) == [mine]
    for method in ("checkResult", "finish", "finish", "cleanUp", "cleanUp"):
        assert isinstance(await job.attempt(method), Done), method
    assert sorted(os.listdir(root)) == ["in.mp4", "out.mp4"]


async def test_a_stale_attempt_does_not_sweep_what_a_newer_one_makes(
    media: MediaExecutor, root: Path, place: Place
) -> None:
    job = Job("TRANSCODE", media, sourceUri=str(place("both.mp4", "in.mp4")), destinationUri=str(root / "out.mp4"))
    await job.until("transcode")
    stale = job.step("transcode")
    assert isinstance(await job.attempt("transcode"), Done)
    before = set(partials(root))
    assert isinstance(await media.run(stale), Done)
    assert before < set(partials(root))
    assert isinstance(await job.attempt("checkResult"), Done)


async def test_several_files_are_published_together_or_not_at_all(
    media: MediaExecutor, root: Path, place: Place
) -> None:
    targets = [str(root / "a.mp4"), str(root / "b.wav")]
    job = Job(
        "TRANSCODE", media, sourceUri=str(place("both.mp4", "in.mp4")), destinationUri=targets, tag=["mp4", "wav"]
    )
    await job.until("finish")
    (root / "b.wav").write_bytes(b"somebody else's")
    outcome = await job.attempt("finish")
    assert isinstance(outcome, Fail) and "never overwritten" in outcome.reason
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert sorted(os.listdir(root)) == ["b.wav", "in.mp4"]
    assert (root / "b.wav").read_bytes() == b"somebody else's"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a media file"),
        (b"just a text, longer than nothing\n" * 100, "not a media file"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "not a media file"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not a media file"),
        (b"\0\0\0\x20ftypisom" + b"\xff" * 4000, "not a media file"),
        (b"RIFF\xff\xff\xff\x7fWAVE" + b"junk" * 100, "not a media file|neither picture"),
        (b"\x1aE\xdf\xa3" + b"\0" * 1000, "not a media file|neither picture"),
    ],
)
@pytest.mark.parametrize("name", ["in.mp4", "in.m3u8", "in.avs", "in.txt"])
async def test_what_is_no_media_fails_clearly(
    media: MediaExecutor, root: Path, content: bytes, words: str, name: str
) -> None:
    (root / name).write_bytes(content)
    job = Job("TRANSCODE", media, sourceUri=str(root / name), destinationUri=str(root / "out.mp4"))
    outcome = await job.run()
    assert isinstance(outcome, Fail)
    assert str(root / name) in outcome.reason and re.search(words, outcome.reason), outcome.reason
    assert os.listdir(root) == [name]


async def test_a_source_cut_short_does_not_pass_for_whole(media: MediaExecutor, root: Path) -> None:
    source = make(root / "in.mp4", *PICTURE, "-c:v", "libx264", "-g", "5", "-movflags", "+faststart")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 3])
    job = Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(root / "out.mp4"))
    outcome = await job.run()
    assert isinstance(outcome, Fail) and "the source is probably damaged" in outcome.reason, outcome
    assert os.listdir(root) == ["in.mp4"]


async def test_an_encoder_that_refuses_is_quoted(root: Path, place: Place, storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "own.toml").write_text(
        '[own]\ndescription = "x"\nextension = "mp4"\nformat = "mp4"\n[own.video]\ncodec = "libnothing"\n'
    )
    media = MediaExecutor(storage, Presets.load(folder))
    source = place("both.mp4", "in.mp4")
    job = Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(root / "out.mp4"), tag="own")
    outcome = await job.run()
    assert outcome == Fail(f"ffmpeg stopped: Unknown encoder 'libnothing' ({source} with the preset own).")
    assert any("Unknown encoder" in note for note in job.steps[-2].notes)
    assert os.listdir(root) == ["in.mp4"]


async def test_a_full_disk_is_a_reason_to_try_again(clips: Path, small_disk: Path) -> None:
    source = small_disk / "in.mp4"
    source.write_bytes((clips / "both.mp4").read_bytes())
    media = MediaExecutor(Storage([small_disk]), Presets.load())
    job = Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(small_disk / "out.mov"), tag="prores")
    outcome = await job.run()
    assert isinstance(outcome, Wait) and "no space left on device" in outcome.reason, outcome
    assert os.listdir(small_disk) == ["in.mp4"]


async def test_clean_up_needs_nothing_and_can_be_repeated(media: MediaExecutor, root: Path) -> None:
    for data in ({}, {"destinationUri": "../x"}, {"destinationUri": str(root / "no" / "such" / "folder.mp4")}):
        job = Job("TRANSCODE", media, **data)
        assert isinstance(await job.attempt("cleanUp"), Done)
        assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root) == []


async def test_hostile_and_wrong_data_change_nothing(media: MediaExecutor, root: Path, place: Place) -> None:
    source, out = str(place("tone.wav", "in.wav")), str(root / "out.mp3")
    (root / "taken.mp3").write_bytes(b"taken")
    (root / "dangling.mp3").symlink_to("/tmp/nowhere.mp3")
    os.mkfifo(root / "fifo")
    kept = sorted(os.listdir(root))
    wrong: list[tuple[dict[str, str | list[str]], str]] = [
        ({}, "no sourceUri"),
        ({"sourceUri": source}, "no destinationUri"),
        ({"sourceUri": [source, source], "destinationUri": out}, "2 values of sourceUri"),
        ({"sourceUri": source, "destinationUri": out, "tag": "nope"}, "no preset nope; give one of: flac"),
        ({"sourceUri": source, "destinationUri": out, "tag": ["mp3", "wav"]}, "2 tags and 1 values"),
        ({"sourceUri": source, "destinationUri": [out, out], "tag": ["mp3", "wav"]}, "Two files would become"),
        ({"sourceUri": source, "destinationUri": f"{root}/", "tag": ["mp3", "mp3"]}, "Two files would become"),
        ({"sourceUri": source, "destinationUri": str(root / "taken.mp3")}, "exists already"),
        ({"sourceUri": source, "destinationUri": str(root / "dangling.mp3")}, "exists already"),
        ({"sourceUri": source, "destinationUri": source}, "exists already"),
        ({"sourceUri": source, "destinationUri": str(root / ".x.vidijob-VX-2-3.part.mp3")}, "kept for files"),
        ({"sourceUri": source, "destinationUri": str(root / "taken.mp3" / "x.mp3")}, "not a folder"),
        ({"sourceUri": str(root / "fifo"), "destinationUri": out}, "no ordinary file"),
        ({"sourceUri": str(root), "destinationUri": out}, "outside the storage roots|folder"),
        ({"sourceUri": "x" * 1_000_000, "destinationUri": out}, "absolute path"),
        ({"sourceUri": source, "destinationUri": out, "tag": "t" * 1_000_000}, "no preset"),
    ]
    for data, words in wrong:
        outcome = await Job("TRANSCODE", media, **data).run()
        assert isinstance(outcome, Fail) and re.search(words, outcome.reason), outcome
        assert len(outcome.reason) < 1000
        assert sorted(os.listdir(root)) == kept
    assert await media.run(Job("TRANSCODE", media).step("setUp")) != Done()
    step = Job("TRANSCODE", media).step("setUp")
    step.method = "explode"
    assert isinstance(await media.run(step), Fail)
