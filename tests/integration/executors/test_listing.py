"""LIST_ITEMS from its first step to its last, over real folders and media."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import av
import pytest

from tests.integration.executors.conftest import make
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Outcome, Wait
from vidijob.executors.listing import facts
from vidijob.executors.listing.executor import ReportExecutor
from vidijob.executors.listing.walk import Filters, Walk
from vidijob.executors.media import inspection
from vidijob.executors.storage import Storage, uri_of
from vidijob.executors.threads import Stop, Stopped


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of very small clips, of a second each."""
    folder = tmp_path_factory.mktemp("small clips")
    picture = ("-f", "lavfi", "-i", "testsrc=size=128x72:rate=25:duration=1")
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1")
    make(folder / "both.mp4", *picture, *tone, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
    make(folder / "tone.wav", *tone)
    return folder


@pytest.fixture
def report(storage: Storage) -> ReportExecutor:
    return ReportExecutor(storage)


async def listing(
    report: ReportExecutor, source: Path, name: str = "out.csv", **data: str | list[str]
) -> tuple[Outcome, Job]:
    """Run a job whose report goes beside its source."""
    target = source.parent / name
    job = Job("LIST_ITEMS", report, **{"sourceUri": uri_of(source), "destinationUri": uri_of(target), **data})
    return await job.run(), job


def table(path: Path) -> list[dict[str, str]]:
    """Read a CSV as anybody would."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def paths(path: Path) -> list[str]:
    return [row["path"] for row in table(path)]


async def test_media_facts_are_what_another_reader_finds(
    report: ReportExecutor, root: Path, place: Callable[[str, str], Path]
) -> None:
    clip, tone = place("both.mp4", "media/a/clip.mp4"), place("tone.wav", "media/tone.wav")
    (root / "media" / "read me.txt").write_text("hello")
    outcome, job = await listing(report, root / "media")
    assert isinstance(outcome, Done), outcome
    text, sound, picture = table(root / "out.csv")
    assert (text["path"], text["container"], bool(text["mediaError"])) == ("read me.txt", "", True)
    assert (sound["path"], sound["audioCodec"], sound["videoCodec"]) == ("tone.wav", "pcm_s16le", "")
    with av.open(str(clip)) as judge:
        stream = judge.streams.video[0]
        assert (picture["path"], picture["container"]) == ("a/clip.mp4", judge.format.name)
        assert (picture["width"], picture["height"], picture["videoCodec"], picture["audioCodec"]) == (
            str(stream.width), str(stream.height), "h264", "aac",
        )  # fmt: skip
        assert judge.duration is not None and abs(float(picture["duration"]) - judge.duration / 1e6) < 0.001
    assert [row["size"] for row in (text, sound, picture)] == [
        "5", str(tone.stat().st_size), str(clip.stat().st_size),
    ]  # fmt: skip
    given = {key: values for key, values in job.data.items() if key not in ("sourceUri", "destinationUri")}
    assert given.pop("itemDuration")[0].startswith("2.0")
    assert given == {
        "fileUri": [uri_of(root / "out.csv")],
        "fileSize": [str((root / "out.csv").stat().st_size)],
        "itemCount": ["3"],
        "itemSize": [str(5 + tone.stat().st_size + clip.stat().st_size)],
        "mediaCount": ["2"],
    }
    told = next(step.told for step in job.steps if step.method == "list")
    assert (
        told[0] == (0, 100, "percent") and told[-1] == (100, 100, "percent") and told == sorted(told) and len(told) > 3
    )
    assert sorted(os.listdir(root)) == ["media", "out.csv"]


async def test_json_has_every_stream_and_the_totals(
    report: ReportExecutor, root: Path, place: Callable[[str, str], Path]
) -> None:
    place("both.mp4", "media/clip.mp4")
    (root / "media" / "x").write_text("")
    outcome, job = await listing(report, root / "media", "out.json")
    assert isinstance(outcome, Done), outcome
    whole = json.loads((root / "out.json").read_text("utf-8"))
    clip, other = whole.pop("items")
    assert [stream["kind"] for stream in clip["media"]["streams"]] == ["video", "audio"]
    assert "media" not in other and other["mediaError"] and other["size"] == 0
    assert {key: [str(value)] for key, value in whole.items()} == {key: job.data[key] for key in whole}
    shutil.rmtree(root / "media")
    (root / "media").mkdir()
    outcome, _ = await listing(report, root / "media", "empty", format="JSON")
    assert isinstance(outcome, Done)
    assert json.loads((root / "empty").read_text()) == {
        "items": [], "itemCount": 0, "itemSize": 0, "itemDuration": 0, "mediaCount": 0,
    }  # fmt: skip


NAMES = [
    b"plain.mov", "ünï\u202ecode \U0001f600.mov".encode(), b"new\nline.mov", b"carriage\rreturn", b"invalid \xff\xfe.mov",
    b"=cmd|' C calc'!A0", b"+1", b"-i", b"@SUM(A1)", b"\tTAB", b"a,b;c\"d'e.mov", b"$(touch x)`id`;&|", b"\\x41", b"%41.mov",
    b"a" * 255,
]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_any_name_can_be_told_again_and_harms_no_spreadsheet(
    report: ReportExecutor, root: Path, form: str
) -> None:
    (root / "in").mkdir()
    for name in NAMES:
        (root / "in" / os.fsdecode(name)).write_bytes(b"12")
    outcome, _ = await listing(report, root / "in", f"out.{form}")
    assert isinstance(outcome, Done), outcome
    rows: list[dict[str, Any]]
    if form == "csv":
        rows = list(table(root / "out.csv"))
        assert len((root / "out.csv").read_bytes().split(b"\r\n")) == len(NAMES) + 2, "one line for each file"
        assert not [
            row for row in rows for value in row.values() if str(value).startswith(("=", "+", "-", "@", "\t", "\r"))
        ]
    else:
        rows = json.loads((root / "out.json").read_text("utf-8"))["items"]
    uris = [row["uri"] for row in rows]
    assert all(uri.isascii() for uri in uris)
    assert sorted(unquote_to_bytes(uri.removeprefix(f"file://{root}/in/")) for uri in uris) == sorted(NAMES)
    assert "invalid \\xff\\xfe.mov" in [row["path"] for row in rows] and "new\\nline.mov" in [
        row["path"] for row in rows
    ]


async def test_filters_choose_and_links_and_files_in_the_making_are_left_out(
    report: ReportExecutor, root: Path, tmp_path: Path
) -> None:
    folder = root / "in"
    for name, size in {
        "a.MOV": 1,
        "b.mxf": 10,
        "c.txt": 100,
        "d/e.mov": 1000,
        "d/f/g.mov": 10_000,
        ".hidden.mov": 5,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    os.utime(folder / "b.mxf", (1, 1_000_000_000))
    os.utime(folder / "d" / "e.mov", (1, -(2.0**40)))
    (folder / ".x.mov.vidijob-VX-9-3.part.mov").write_bytes(b"x")
    (tmp_path / "outside.mov").write_bytes(b"x")
    (folder / "out of the root.mov").symlink_to(tmp_path / "outside.mov")
    (folder / "up").symlink_to(root)
    (folder / "circle").symlink_to(folder)
    os.mkfifo(folder / "pipe.mov")
    everything = [".hidden.mov", "a.MOV", "b.mxf", "c.txt", "d/e.mov", "d/f/g.mov"]
    cases: list[tuple[dict[str, str | list[str]], list[str]]] = [
        ({}, everything),
        ({"pattern": "*.mov"}, [".hidden.mov", "a.MOV", "d/e.mov", "d/f/g.mov"]),
        ({"pattern": ["a*", "[bc].*"]}, ["a.MOV", "b.mxf", "c.txt"]),
        ({"extension": "MOV, .mxf", "depth": "1"}, [".hidden.mov", "a.MOV", "b.mxf", "d/e.mov"]),
        ({"depth": "0", "minimumSize": "5"}, [".hidden.mov", "b.mxf", "c.txt"]),
        ({"minimumAge": "3600"}, ["b.mxf", "d/e.mov"]),
        ({"pattern": "*" * 200 + "z"}, []),
        ({"sourceUri": [f"{folder}/d", f"{folder}/", f"{folder}/d/f"], "extension": "mov", "depth": "0"}, [
            "e.mov", ".hidden.mov", "a.MOV", "g.mov",
        ]),
        ({"sourceUri": [str(folder), f"{folder}/d"]}, everything),
    ]  # fmt: skip
    notes: list[str] = []
    for place, (data, wanted) in enumerate(cases):
        outcome, job = await listing(report, folder, f"{place}.csv", mediaFacts="false", **data)
        assert isinstance(outcome, Done), outcome
        assert paths(root / f"{place}.csv") == wanted, data
        assert "mediaCount" not in job.data
        notes = [note for step in job.steps for note in step.notes]
    assert notes == ["3 links were not followed."]
    assert (root / "0.csv").read_text().count("2001-09-09T01:46:40Z") == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"format": "xlsx"}, "format is xlsx; give csv or json"),
        ({"depth": "-1"}, "depth is -1; give a whole number"),
        ({"depth": "9" * 1_000_000}, "give a whole number"),
        ({"minimumSize": "1e3"}, "minimumSize is 1e3"),
        ({"mediaFacts": "perhaps"}, "give true or false"),
        ({"pattern": "../*"}, "without /"),
        ({"pattern": "x" * 256}, "at most 255 characters"),
        ({"pattern": ["x"] * 101}, "give at most 100"),
        ({"sourceUri": "/etc"}, "outside the storage roots"),
        ({"sourceUri": "{root}/link"}, "outside the storage roots"),
        ({"sourceUri": "{root}/in/../.."}, "'..' is not allowed"),
        ({"sourceUri": "{root}/file"}, "which is no folder"),
        ({"sourceUri": "{root}/file/below"}, "which is no folder"),
        ({"destinationUri": "/etc/x.csv"}, "outside the storage roots"),
        ({"destinationUri": "{root}/file"}, "never overwritten"),
        ({"destinationUri": ["{root}/a.csv", "{root}/b.csv"]}, "2 values of destinationUri"),
    ],
)
async def test_data_that_makes_no_sense_is_refused(
    report: ReportExecutor, root: Path, data: dict[str, str | list[str]], words: str
) -> None:
    (root / "in").mkdir()
    (root / "link").symlink_to("/etc")
    (root / "file").write_text("")
    given = {
        key: [one.replace("{root}", str(root)) for one in (value if isinstance(value, list) else [value])]
        for key, value in data.items()
    }
    outcome, _ = await listing(report, root / "in", **given)  # type: ignore[arg-type]
    assert isinstance(outcome, Fail) and words in outcome.reason, outcome
    assert sorted(os.listdir(root)) == ["file", "in", "link"]


async def test_a_missing_folder_is_waited_for(report: ReportExecutor, root: Path) -> None:
    outcome, _ = await listing(report, root / "later")
    assert isinstance(outcome, Wait) and outcome.data == {"source": uri_of(root / "later")}
    assert not await report.is_gone(outcome.type, outcome.data)
    (root / "later").mkdir()
    assert await report.is_gone(outcome.type, outcome.data)


async def test_files_that_crash_or_hang_their_reader_are_told_of_and_the_others_looked_into(
    root: Path, place: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [place("tone.wav", name) for name in ("a.wav", "crash.wav", "b.wav", "hang.wav", "c.wav", "exit.wav")]
    real = Path(facts._SURVEY).read_text()
    dangerous = tmp_path / "dangerous.py"
    dangerous.write_text(
        real.replace(
            "    *streams, answer =",
            "    if path.endswith(b'crash.wav'): os.kill(os.getpid(), 11)\n"
            "            if path.endswith(b'hang.wav'): exec('while True: pass')\n"
            "            if path.endswith(b'exit.wav'): os._exit(3)\n"
            "            *streams, answer =",
        ).replace("_SECONDS = 20", "_SECONDS = 1")
    )
    monkeypatch.setattr(facts, "_SURVEY", str(dangerous))
    told: list[None] = []
    found = await facts.survey(files, lambda: told.append(None))
    assert [one.get("error") for one in found] == [
        None, "It ends its reader (signal 11).", None, "It ends its reader (signal 24).", None,
        "It ends its reader (exit status 3).",
    ]  # fmt: skip
    assert [len(one.get("streams", ())) for one in found] == [1, 0, 1, 0, 1, 0] and len(told) == 6
    dangerous.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(facts, "_LONGEST", 0.3)
    assert await facts.survey(files[:1], lambda: None) == [{"error": "It kept the reader busy for too long."}]


async def test_a_library_that_is_missing_is_said_so(
    report: ReportExecutor, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "in").mkdir()
    (root / "in" / "a").write_text("a")
    without = tmp_path / "without.py"
    without.write_text("def inspect(formats, path):\n    raise ImportError('no av')\n")
    monkeypatch.setattr(inspection, "__file__", str(without))
    outcome, _ = await listing(report, root / "in")
    assert isinstance(outcome, Fail) and "install vidijob[media]" in outcome.reason
    assert os.listdir(root) == ["in"]
    assert isinstance((await listing(report, root / "in", mediaFacts="false"))[0], Done)


async def test_what_vanishes_meanwhile_is_passed_over(
    report: ReportExecutor, root: Path, place: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        place("tone.wav", f"in/{name}")
    real = facts.survey

    async def late(files: Any, tell: Any) -> Any:
        (root / "in" / "b.wav").unlink()
        return await real(files, tell)

    monkeypatch.setattr(facts, "survey", late)
    outcome, job = await listing(report, root / "in")
    assert isinstance(outcome, Done) and job.data["itemCount"] == ["2"]
    assert paths(root / "out.csv") == ["a.wav", "c.wav"]


def test_a_folder_that_goes_away_is_passed_over_while_walking(storage: Storage, root: Path) -> None:
    for folder in "abc":
        (root / "in" / folder).mkdir(parents=True)
        (root / "in" / folder / "file").write_text("")
    (root / "in" / "first").write_text("")
    walk = Walk(storage, [root / "in"], Filters(), 2.0**40)
    assert [item.below for item in walk.take(1, Stop())] == ["first"]
    shutil.rmtree(root / "in" / "a")
    shutil.rmtree(root / "in" / "b")
    (root / "in" / "b").symlink_to("/etc")
    assert [item.below for item in walk.take(100, Stop())] == ["c/file"]
    assert walk.take(1, Stop()) == []
    stop = Stop()
    stop.ask()
    with pytest.raises(Stopped):
        Walk(storage, [root / "in"], Filters(), 0).take(1, stop)


async def test_thousands_of_files_take_no_memory(report: ReportExecutor, root: Path) -> None:
    for number in range(20):
        (root / "in" / f"{number}").mkdir(parents=True)
        for other in range(50):
            os.close(os.open(root / "in" / f"{number}" / f"{other}.mov", os.O_CREAT | os.O_WRONLY))
    tracemalloc.start()
    try:
        outcome, job = await listing(report, root / "in", mediaFacts="false")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(outcome, Done) and job.data["itemCount"] == ["1000"]
    assert len(table(root / "out.csv")) == 1000
    assert peak < 500_000, "all 1000 together would take half as much again"


async def test_a_full_disk_is_a_reason_to_wait(small_disk: Path, root: Path) -> None:
    for number in range(300):
        os.close(os.open(root / f"{number:0>240}", os.O_CREAT | os.O_WRONLY))
    (small_disk / "filler").write_bytes(bytes(950_000))
    report = ReportExecutor(Storage([root, small_disk]))
    job = Job("LIST_ITEMS", report, sourceUri=str(root), destinationUri=f"{small_disk}/out.csv", mediaFacts="false")
    outcome = await job.run()
    assert isinstance(outcome, Wait) and outcome.data == {"storage": uri_of(small_disk)}, outcome
    assert outcome.type == "OUT_OF_STORAGE" and os.listdir(small_disk) == ["filler"]


async def test_an_abort_leaves_no_file_and_no_child(
    report: ReportExecutor, root: Path, place: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidijob.executors.listing.executor._SHARE", 8)
    for number in range(20):
        place("tone.wav", f"in/{number}.wav")
    job = Job("LIST_ITEMS", report, sourceUri=f"{root}/in", destinationUri=f"{root}/out.csv")
    await job.until("list")
    step = job.step("list")
    task = asyncio.create_task(report.run(step))
    async with asyncio.timeout(20):
        while len(step.told) < 3:
            await asyncio.sleep(0.005)
    assert children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children() and os.listdir(root) == ["in"]
    assert isinstance(await report.run(job.step("list")), Done), "killed before its result was stored"
    for method in ("list", "finish", "finish", "cleanUp"):
        assert isinstance(await job.attempt(method), Done)
    assert sorted(os.listdir(root)) == ["in", "out.csv"] and len(table(root / "out.csv")) == 20


def children() -> list[str]:
    """Return the command lines of our surveys that run."""
    found = []
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"survey.py" in command or b"launcher.py" in command:
            found.append(command.decode())
    return found
