"""SIDECAR_IMPORT from its first step to its last, with real files."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Outcome, Wait
from vidijob.executors.sidecar.executor import MOST_BYTES, SidecarExecutor
from vidijob.executors.storage import Storage, uri_of

SRT = "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n<i>world</i>\r\n"


@pytest.fixture
def sidecars(storage: Storage) -> SidecarExecutor:
    return SidecarExecutor(storage)


async def run(sidecars: SidecarExecutor, source: Path, **data: str) -> tuple[Outcome, Job]:
    job = Job("SIDECAR_IMPORT", sidecars, sourceUri=uri_of(source), itemId="VX-7", **data)
    return await job.run(), job


async def test_cues_become_data_and_the_file_goes_beside_the_essence(sidecars: SidecarExecutor, root: Path) -> None:
    source = root / "film ü.de-AT.srt"
    source.write_text(SRT, "utf-8", newline="")
    outcome, job = await run(sidecars, source, destinationUri=f"{root}/item/")
    assert isinstance(outcome, Done), outcome
    target = root / "item" / source.name
    assert target.read_bytes() == source.read_bytes() and os.listdir(root / "item") == [source.name]
    given = {key: list(values) for key, values in job.data.items() if key not in ("sourceUri", "destinationUri")}
    assert json.loads(given.pop("cues")[0]) == [
        {"start": 1.0, "end": 2.5, "text": "Hello"}, {"start": 3.0, "end": 4.0, "text": "<i>world</i>"},
    ]  # fmt: skip
    assert given == {
        "itemId": ["VX-7"],
        "sidecarFormat": ["srt"],
        "sidecarEncoding": ["UTF-8"],
        "sidecarLanguage": ["de-AT"],
        "cueCount": ["2"],
        "cueStart": ["1.000"],
        "cueEnd": ["4.000"],
        "fileUri": [uri_of(target)],
        "fileSize": [str(target.stat().st_size)],
    }


async def test_converts_and_says_what_is_odd(sidecars: SidecarExecutor, root: Path) -> None:
    (root / "a.srt").write_bytes(SRT.replace("\ufeff", "").replace("world", "wörld").encode("latin-1"))
    data = {"destinationUri": f"{root}/out/", "targetFormat": "webvtt", "language": "fr"}
    outcome, job = await run(sidecars, root / "a.srt", **data)
    assert isinstance(outcome, Done), outcome
    text = (root / "out" / "a.vtt").read_text("utf-8")
    assert text.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello\n") and "<i>wörld</i>" in text
    assert job.data["sidecarProblem"] == ["Line 7: the file is not UTF-8; it is read as Windows-1252."]
    assert job.data["sidecarLanguage"] == ["fr"]


async def test_nothing_but_data_where_no_file_is_wanted(sidecars: SidecarExecutor, root: Path) -> None:
    (root / "a.xml").write_text("<movie><title>A</title><sourceUri>file:///etc/passwd</sourceUri></movie>")
    outcome, job = await run(sidecars, root / "a.xml")
    assert isinstance(outcome, Done) and os.listdir(root) == ["a.xml"]
    assert job.data["sidecar-title"] == ["A"] and job.data["sidecar-sourceUri"] == ["file:///etc/passwd"]
    assert job.data["sourceUri"] == [uri_of(root / "a.xml")] and "fileUri" not in job.data and "cues" not in job.data


async def test_errors_fail_the_job_with_their_lines_or_are_left_out(sidecars: SidecarExecutor, root: Path) -> None:
    (root / "a.srt").write_text(SRT + "\n\n3\nxx:00:00 --> 00:00:00,000\n\n4\n00:00:09,000 --> 00:00:08,000\na\n")
    with (root / "a.srt").open("a") as file:
        file.write("\n5\n9:9:9,9 --> 1,000\na\n")
    data = {"destinationUri": f"{root}/out.srt"}
    outcome, _ = await run(sidecars, root / "a.srt", **data)
    assert isinstance(outcome, Fail), outcome
    assert (
        "a.srt cannot be imported. Line 11: 'xx:00:00' is no time; write 00:01:02,500. There are 2 further errors"
        in outcome.reason
    )
    problems = outcome.changes["sidecarProblem"]
    assert problems is not None and [text[: text.index(":")] for text in problems] == [
        "Line 11",
        "Line 14",
        "Line 18",
        "Line 18",
    ]
    assert os.listdir(root) == ["a.srt"]
    outcome, job = await run(sidecars, root / "a.srt", **data, skipErrors="true")
    assert isinstance(outcome, Done) and job.data["cueCount"] == ["2"] and len(job.data["sidecarProblem"]) == 4


async def test_hostile_files_are_refused_at_once(sidecars: SidecarExecutor, root: Path) -> None:
    bomb = b"<!DOCTYPE b [<!ENTITY a0 'x'>" + b"".join(
        b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
    )
    for name, content, words in (
        ("bomb.ttml", bomb + b"]><b>&a9;</b>", "Line 1: A DOCTYPE is not read."),
        ("entity.xml", b"<!DOCTYPE b SYSTEM 'http://127.0.0.1:1/x.dtd'><b/>", "A DOCTYPE is not read."),
        ("long.srt", b"1\n00:00:01,000 --> 00:00:02,000\n" + b"x" * (MOST_BYTES - 100), "Line 2: the text of the cue is longer"),
        ("lines.vtt", b"WEBVTT\n\n" + b"x\n" * 1_000_000, "Line 500001: there are more than 500000 lines"),
        ("arrows.srt", b"1" + b"-->" * (MOST_BYTES // 3 - 10), "is no time"),
        ("deep.xml", b"<a>" * (MOST_BYTES // 3 - 10), "nested more than 64 deep"),
        ("attributes.xml", b"<a " + b" ".join(b"a%d=''" % n for n in range(200_000)) + b"/>", "Line 1: An element has more than 10000 attributes."),
    ):  # fmt: skip
        (root / name).write_bytes(content)
        started = time.monotonic()
        outcome, _ = await run(sidecars, root / name)
        assert isinstance(outcome, Fail) and words in outcome.reason, (name, outcome)
        assert time.monotonic() - started < 8, name
    with (root / "huge.srt").open("wb") as file:
        file.truncate(100 * 1024**2)
    outcome, _ = await run(sidecars, root / "huge.srt")
    assert isinstance(outcome, Fail) and "has 104857600 bytes; at most 16777216 are read" in outcome.reason


async def test_data_that_makes_no_sense_is_refused(sidecars: SidecarExecutor, root: Path, tmp_path: Path) -> None:
    (root / "a.srt").write_text(SRT)
    (root / "a.xml").write_text("<a><b>1</b></a>")
    (tmp_path / "secret.srt").write_text(SRT)
    (root / "link.srt").symlink_to(tmp_path / "secret.srt")
    for name, data, words in (
        ("a.srt", {"targetFormat": "webvtt"}, "no destinationUri"),
        ("a.srt", {"targetFormat": "-i", "destinationUri": f"{root}/x"}, "targetFormat is -i; give webvtt"),
        ("a.srt", {"sourceFormat": "x" * 1_000_000}, "give srt or webvtt or ttml or xml"),
        ("a.srt", {"destinationUri": f"{root}/../x.srt"}, "'..' is not allowed"),
        ("a.srt", {"destinationUri": f"{root}/a\0b"}, "NUL"),
        ("a.srt", {"destinationUri": f"{root}/a.srt"}, "exists already"),
        ("a.xml", {"targetFormat": "webvtt", "destinationUri": f"{root}/x.vtt"}, "XML without cues"),
        ("a.xml", {"sourceFormat": "ttml"}, "the root of timed text is tt; it is a"),
        ("link.srt", {}, "outside the storage roots"),
    ):
        outcome, _ = await run(sidecars, root / name, **data)
        assert isinstance(outcome, Fail) and words in outcome.reason, outcome
    assert sorted(os.listdir(root)) == ["a.srt", "a.xml", "link.srt"]
    outcome, _ = await run(sidecars, root / "later.srt")
    assert isinstance(outcome, Wait) and outcome.data == {"source": uri_of(root / "later.srt")}


async def test_a_killed_attempt_is_repeated(sidecars: SidecarExecutor, root: Path) -> None:
    (root / "a.srt").write_text(SRT)
    job = Job("SIDECAR_IMPORT", sidecars, sourceUri=str(root / "a.srt"), destinationUri=str(root / "b.srt"))
    await job.until("transfer")
    assert isinstance(await sidecars.run(job.step("transfer")), Done), "killed before its result was stored"
    for method in ("transfer", "finish", "finish", "cleanUp"):
        assert isinstance(await job.attempt(method), Done)
    assert sorted(os.listdir(root)) == ["a.srt", "b.srt"] and (root / "b.srt").stat().st_nlink == 1
