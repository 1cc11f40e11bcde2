"""Real jobs by real processes, seen from outside."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import av
import pytest
from lxml import etree

from tests.acceptance.conftest import Client, Installation, ffmpegs, is_running, until
from vidijob import resources


def duration(file: Path) -> float:
    """Return the duration of a media file, in seconds."""
    with av.open(str(file)) as container:
        assert container.duration is not None
        return container.duration / 1_000_000


async def test_a_transcode_in_three_forms(installation: Installation, client: Client, short_clip: Path) -> None:
    installation.run("serve")
    await client.ready()
    source = installation.storage / "clip 1 ü.mov"
    shutil.copy(short_clip, source)
    target = installation.storage / "out" / "clip.mp4"
    id = await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="lowres")
    job = await client.until(id)
    assert job["status"] == "FINISHED", job
    assert abs(duration(target) - duration(source)) < 0.1
    assert [task["step"] for task in job["log"]["task"]] == [100, 300, 600, 700, 800]
    assert {"key": "fileUri", "value": target.as_uri()} in job["data"]
    assert [entry.name for entry in target.parent.iterdir()] == [target.name], "nothing is left beside it"

    status, xml = await client.call("GET", f"/job/{id}?metadata=true", "application/xml")
    tree = etree.fromstring(xml)
    etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd")).assertValid(tree)
    assert tree.findtext("{*}status") == "FINISHED"
    assert (await client.call("GET", f"/job/{id}", "text/plain"))[1] == b"FINISHED"
    assert status == 200


@pytest.mark.skipif("VIDIJOB_ORACLE" not in os.environ, reason="VIDIJOB_ORACLE does not name the original schema")
async def test_the_original_schema_accepts_what_we_send(
    installation: Installation, client: Client, short_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The original is of 4.9; `finished` came later (the job reference shows it after `started`).
    folder = tmp_path_factory.mktemp("oracle")
    for file in Path(os.environ["VIDIJOB_ORACLE"]).glob("*.xsd"):
        text = file.read_text("utf-8")
        if '<xs:complexType name="JobType"' in text:
            head, tail = text.split('<xs:complexType name="JobType"', 1)
            at = tail.index("/>", tail.index('name="started"')) + 2
            text = (
                head + '<xs:complexType name="JobType"' + tail[:at]
                + '<xs:element name="finished" type="xs:dateTime" minOccurs="0"/>' + tail[at:]
            )  # fmt: skip
        (folder / file.name).write_text(text, "utf-8")
    oracle = etree.XMLSchema(etree.parse(folder / "xmlSchema.xsd"))
    installation.run("serve")
    await client.ready()
    source = shutil.copy(short_clip, installation.storage / "clip.mov")
    id = await client.submit(
        "TRANSCODE",
        sourceUri=Path(source).as_uri(),
        destinationUri=(installation.storage / "o.wav").as_uri(),
        tag="wav",
    )
    assert (await client.until(id))["status"] == "FINISHED"
    for path in (
        f"/job/{id}?metadata=true",
        "/job?metadata=true",
        "/jobtype",
        "/version",
        "/job/VX-999",
        "/job?first=x",
    ):
        oracle.assertValid(etree.fromstring((await client.call("GET", path, "application/xml"))[1]))


async def test_copy_file(installation: Installation, client: Client) -> None:
    installation.run("serve")
    await client.ready()
    source = installation.storage / "a.bin"
    source.write_bytes(os.urandom(3_000_000))
    target = installation.storage / "b.bin"
    id = await client.submit(
        "COPY_FILE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), checksumMode="verify"
    )
    job = await client.until(id)
    assert job["status"] == "FINISHED", job
    assert target.read_bytes() == source.read_bytes()
    data = {pair["key"]: pair["value"] for pair in job["data"]}
    assert data["checksum"] == hashlib.sha256(source.read_bytes()).hexdigest()
    transfer = next(task for task in job["log"]["task"] if task["step"] == 200)
    assert transfer["progress"] == {"value": 3_000_000, "total": 3_000_000, "unit": "bytes"}


async def test_what_cannot_be_done_ends_with_a_reason_and_leaves_nothing(
    installation: Installation, client: Client, short_clip: Path, tmp_path: Path
) -> None:
    installation.run("serve")
    await client.ready()
    source = installation.storage / "clip.mov"
    shutil.copy(short_clip, source)
    taken = installation.storage / "taken.mp4"
    taken.write_text("mine")
    outside = tmp_path / "outside.mov"
    shutil.copy(short_clip, outside)
    (installation.storage / "link.mov").symlink_to(outside)
    (installation.storage / "text.mov").write_text("no media")
    good, out = source.as_uri(), (installation.storage / "out.mp4").as_uri()
    bad = [
        {"sourceUri": outside.as_uri(), "destinationUri": out, "tag": "mp4"},
        {"sourceUri": (installation.storage / "link.mov").as_uri(), "destinationUri": out, "tag": "mp4"},
        {"sourceUri": (installation.storage / "text.mov").as_uri(), "destinationUri": out, "tag": "mp4"},
        {"sourceUri": good, "destinationUri": taken.as_uri(), "tag": "mp4"},
        {"sourceUri": good, "destinationUri": (tmp_path / "out.mp4").as_uri(), "tag": "mp4"},
        {"sourceUri": good, "destinationUri": f"{installation.storage.as_uri()}/../out.mp4", "tag": "mp4"},
        {"sourceUri": good, "destinationUri": out, "tag": "nope"},
        {"sourceUri": good, "tag": "mp4"},
        {"destinationUri": out},
        {"sourceUri": "http://127.0.0.1/x.mov", "destinationUri": out},
        {},
    ]
    before = sorted(installation.storage.iterdir())
    for data in bad:
        job = await client.until(await client.submit("TRANSCODE", **data))
        assert job["status"] == "FAILED_TOTAL", data
        reasons = [pair["value"] for pair in job["data"] if pair["key"] == "errorMessage"]
        assert len(reasons) == 1 and len(reasons[0]) > 15, job
        assert job["log"]["task"][-1]["errorMessage"] == reasons[0]
    assert sorted(installation.storage.iterdir()) == before
    assert taken.read_text() == "mine"
    assert not (tmp_path / "out.mp4").exists()


async def test_a_source_that_is_not_there_yet_is_waited_for(
    installation: Installation, client: Client, short_clip: Path
) -> None:
    installation.run("serve", problem_interval=1, concurrent_jobs=1)
    await client.ready()
    source, target = installation.storage / "late.mov", installation.storage / "out.wav"
    id = await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="wav")
    job = await client.until(id, "WAITING")
    assert job["waiting"]["resourceType"] == "SOURCE_UNAVAILABLE" and "late.mov" in job["waiting"]["requirement"]
    # Who waits holds nobody up: there is but one slot.
    other = await client.submit(
        "COPY_FILE", sourceUri=(installation.folder / "log").as_uri(), destinationUri=target.with_name("x").as_uri()
    )
    assert (await client.until(other))["status"] == "FAILED_TOTAL", "it lies outside the storage"
    shutil.copy(short_clip, source.with_name("copying"))
    source.with_name("copying").rename(source)
    job = await client.until(id, seconds=20)
    assert job["status"] == "FINISHED", job
    assert abs(duration(target) - duration(source)) < 0.1
    assert {"key": "progress-600-0-0", "value": "percent 100.0/100"} in job["data"]
    assert (await client.document("/job/problem")) == {}


async def test_abort_ends_ffmpeg_and_removes_the_partial_file(
    installation: Installation, client: Client, long_clip: Path
) -> None:
    server = installation.run("serve")
    await client.ready()
    source = installation.storage / "clip.mov"
    shutil.copy(long_clip, source)
    target = installation.storage / "out" / "clip.mp4"
    id = await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="mp4")
    await client.until_transcoding(id)
    running = ffmpegs(server.pid)
    assert len(running) == 1
    assert any(target.parent.iterdir())
    began = time.monotonic()
    assert (await client.call("DELETE", f"/job/{id}?reason=test"))[0] == 200
    await until(lambda: not is_running(running[0]), 2)
    job = await client.until(id, seconds=2)
    assert time.monotonic() - began < 2
    assert job["status"] == "ABORTED"
    assert list(target.parent.iterdir()) == []


async def test_never_more_than_the_limit_and_immediate_at_once(
    installation: Installation, client: Client, long_clip: Path
) -> None:
    server = installation.run("serve", concurrent_jobs=2)
    await client.ready()
    shutil.copy(long_clip, installation.storage / "clip.mov")
    source = (installation.storage / "clip.mov").as_uri()
    ids = [
        await client.submit(
            "TRANSCODE", sourceUri=source, destinationUri=(installation.storage / f"{n}.mp4").as_uri(), tag="mp4"
        )
        for n in range(20)
    ]
    await until(lambda: len(ffmpegs(server.pid)) == 2, 20)
    for _ in range(20):
        assert len(ffmpegs(server.pid)) <= 2
        assert (await client.document("/job?state=STARTED&user=false&number=0"))["hits"] <= 2
        await asyncio.sleep(0.05)
    urgent = await client.submit(
        "TRANSCODE",
        "IMMEDIATE",
        sourceUri=source,
        destinationUri=(installation.storage / "urgent.mp4").as_uri(),
        tag="mp4",
    )
    await client.until(urgent, "STARTED")
    await until(lambda: len(ffmpegs(server.pid)) == 3, 5)
    # Nobody made room for it: none of the others has ended.
    assert (await client.document("/job?state=STARTED,READY&user=false&number=0"))["hits"] == 21
    for id in [*ids, urgent]:
        assert (await client.call("DELETE", f"/job/{id}?cleanup=false"))[0] == 200
    for id in [*ids, urgent]:
        assert (await client.until(id))["status"] == "ABORTED"
    await until(lambda: not ffmpegs(server.pid), 3)


async def test_fifty_jobs_finish_by_priority_then_age(installation: Installation, client: Client) -> None:
    source = installation.storage / "a.bin"
    source.write_bytes(b"x" * 1000)
    api = installation.run("serve", "--role", "api")
    await client.ready()
    priorities = ["LOW", "HIGHEST", "MEDIUM", "LOWEST", "HIGH"] * 10
    submitted = [
        (priority, await client.submit(
            "COPY_FILE", priority, sourceUri=source.as_uri(),
            destinationUri=(installation.storage / f"{n}.bin").as_uri(),
        ))
        for n, priority in enumerate(priorities)
    ]  # fmt: skip
    assert api.poll() is None
    installation.run("serve", "--role", "scheduler", "--role", "worker", concurrent_jobs=1)
    ended = {id: (await client.until(id, seconds=60))["finished"] for _, id in submitted}
    order = ["HIGHEST", "HIGH", "MEDIUM", "LOW", "LOWEST"]
    expected = [id for _, id in sorted(submitted, key=lambda one: order.index(one[0]))]
    assert sorted(ended, key=lambda id: ended[id]) == expected


async def test_the_demo(tmp_path: Path) -> None:
    began = time.monotonic()
    demo = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "vidijob", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "140"},
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert time.monotonic() - began < 90
    storage = tmp_path / "vidijob-demo" / "storage"
    (result,) = storage.glob("*.mp4")
    assert abs(duration(result) - duration(storage / "clip.mov")) < 0.1
    assert "<JobDocument" in demo.stdout and "FINISHED" in demo.stdout and "Transcoding" in demo.stdout


async def test_the_demo_can_leave_its_server_running(tmp_path: Path) -> None:
    demo = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "vidijob", "demo", "--keep"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    pid = int(demo.stdout.split("kill ")[1].split()[0])
    url = demo.stdout.split("goes on at ")[1].split("/API")[0]
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/ready") as answer:
            assert answer.status == 200
    finally:
        os.kill(pid, 15)
        await until(lambda: not is_running(pid), 15)
