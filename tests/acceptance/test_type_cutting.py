"""TRANSCODE_RANGE, RAW_TRANSCODE, CONFORM and TIMELINE over HTTP on a real server; others judge what was made."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymediainfo import MediaInfo

from tests.acceptance.conftest import Client, Installation, ffmpegs
from tests.integration.executors.judges import frames, samples
from vidijob.executors.media import ffmpeg

LOSSLESS = """
[lossless]
description = "every bit"
extension = "mkv"
format = "matroska"
[lossless.video]
codec = ["h264_absent", "ffv1"]
[lossless.audio]
codec = "pcm_s16le"
"""
EDL = """TITLE: Two cuts
FCM: DROP FRAME

001  TAPE     V     C        00:01:00;02 00:01:00;12 00:00:00;00 00:00:00;10
002  TAPE     V     C        00:00:59;15 00:00:59;20 00:00:00;10 00:00:00;15
"""


def make_tape(path: Path) -> None:
    """Make two seconds of drop-frame that begin half a second before a minute is full, of which two names are left out."""
    subprocess.run(
        [
            *(str(ffmpeg.find()), "-nostdin", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", "testsrc=size=160x90:rate=30000/1001:duration=2"),
            *("-f", "lavfi", "-i", "aevalsrc=exprs=sin(t*t*500)/2:sample_rate=48000:duration=2"),
            *("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"),
            *("-timecode", "00:00:59;15", str(path)),
        ],
        check=True,
        timeout=60,
    )


def track(file: Path, kind: str) -> Any:
    """What MediaInfo says of a track."""
    found = MediaInfo.parse(file)
    assert isinstance(found, MediaInfo)
    return next(one for one in found.tracks if one.track_type == kind)


@pytest.mark.slow
async def test_they_make_what_they_are_told_to_the_frame(installation: Installation, client: Client) -> None:
    root, presets = installation.storage, installation.folder / "presets"
    presets.mkdir()
    (presets / "own.toml").write_text(LOSSLESS)
    server = installation.run("serve", concurrent_jobs=4, preset_dir=presets)
    await asyncio.to_thread(make_tape, root / "tape.mov")
    (root / "cut.edl").write_text(EDL)
    await client.ready()
    tape = str(root / "tape.mov")
    jobs = [
        await client.submit(
            "TRANSCODE_RANGE",
            sourceUri=tape,
            destinationUri=str(root / "range.mkv"),
            tag="lossless",
            smpteTimeCode="00:00:59;29",
            lastSmpteTimeCode="00:01:00;03",
        ),
        await client.submit(
            "RAW_TRANSCODE",
            sourceUri=tape,
            destinationUri=str(root / "raw.mp4"),
            transcodeJob=json.dumps({"container": "mp4", "video": {"codec": "libx264", "height": 48}}),
        ),
        await client.submit(
            "CONFORM",
            sourceUri=[tape, tape],
            destinationUri=str(root / "conformed.mkv"),
            tag="lossless",
            firstFrame=["50", "0"],
            lastFrame=["59", "4"],
        ),
        await client.submit(
            "TIMELINE",
            timelineUri=str(root / "cut.edl"),
            mediaUri=f"TAPE={tape}",
            destinationUri=str(root / "timeline.mkv"),
            tag="lossless",
        ),
    ]
    refused = [
        await client.submit("TRANSCODE_RANGE", sourceUri=tape, destinationUri=f"{root}/", smpteTimeCode="00:01:00;00"),
        await client.submit(
            "RAW_TRANSCODE", sourceUri=tape, destinationUri=f"{root}/", transcodeJob='{"i": "/etc/passwd"}'
        ),
        await client.submit("CONFORM", segment='{"sourceUri": "/etc/passwd"}', destinationUri=f"{root}/"),
        await client.submit("TIMELINE", timelineUri=f"{root}/../x.edl", destinationUri=f"{root}/"),
    ]
    ended = [await client.until(id) for id in jobs]
    assert [job["status"] for job in ended] == ["FINISHED"] * 4, ended
    for id, words in zip(
        refused, ("leaves that name out", "unknown key i", "outside the storage roots", "'..'"), strict=True
    ):
        job = await client.until(id)
        (message,) = [pair["value"] for pair in job["data"] if pair["key"] == "errorMessage"]
        assert job["status"] == "FAILED_TOTAL" and words in message, job
    all_frames = frames(root / "tape.mov")
    assert frames(root / "range.mkv") == all_frames[14:17], (
        "from 59;29 over 00;02 to 00;03, and the names between are none"
    )
    assert frames(root / "conformed.mkv") == all_frames[50:60] + all_frames[:5]
    assert frames(root / "timeline.mkv") == all_frames[15:25] + all_frames[:5]
    sound = samples(root / "tape.mov")
    assert samples(root / "conformed.mkv")[: 2 * 15900] == sound[2 * 80080 :][: 2 * 15900]
    assert track(root / "raw.mp4", "Video").height == 48 and "Audio" not in MediaInfo.parse(root / "raw.mp4").to_data()
    data = {pair["key"]: pair["value"] for pair in ended[0]["data"]}
    assert (data["transcodeProgress"], data["transcodeEstimatedTimeLeft"]) == ("100.0", "0.0")
    notes = [note["description"] for task in ended[0]["log"]["task"] for note in task.get("subStep", [])]
    assert any("h264_absent cannot be used here, ffv1 is next" in note for note in notes)
    assert {path.name for path in root.iterdir()} == {
        *("tape.mov", "cut.edl", "range.mkv", "raw.mp4", "conformed.mkv", "timeline.mkv")
    }
    await _progress_and_abort(client, root, server.pid)


async def _progress_and_abort(client: Client, root: Path, server: int) -> None:
    """A long one tells how far it is while it runs; aborted, it leaves nothing."""
    id = await client.submit(
        "CONFORM",
        sourceUri=[str(root / "tape.mov")] * 40,
        destinationUri=str(root / "long.mp4"),
        tag="h264",
        outputResolution="1280x720",
    )
    await client.until_transcoding(id)
    async with asyncio.timeout(20):
        # Without metadata=true these keys are shown, as on the real server.
        while "transcodeEstimatedTimeLeft" not in (data := {
            pair["key"]: pair["value"] for pair in (await client.document(f"/job/{id}"))["data"]
        }):  # fmt: skip
            await asyncio.sleep(0.1)
    assert 0 < float(data["transcodeProgress"]) < 100 and float(data["transcodeEstimatedTimeLeft"]) > 0
    assert data["transcodeDurations"] == "80080000@1000000"
    before = ffmpegs(server)
    assert before
    status, _ = await client.call("DELETE", f"/job/{id}?reason=test")
    assert status == 200, status
    job = await client.until(id)
    assert job["status"] == "ABORTED"
    assert not ffmpegs(server) and not [path for path in root.iterdir() if "long" in path.name]
