"""IMF_ANALYZE, SIDECAR_IMPORT and LIST_ITEMS over HTTP, on one server, judged by other people's programs."""

from __future__ import annotations

import csv
import html
import json
import shutil
from pathlib import Path
from typing import Any

import pysubs2
from pymediainfo import MediaInfo

from tests import packages
from tests.acceptance.conftest import Client, Installation


def data(job: Any, key: str) -> list[str]:
    """Return the values of a key of a job's data."""
    return [pair["value"] for pair in job["data"] if pair["key"] == key]


async def test_packages_sidecars_and_reports(installation: Installation, client: Client, short_clip: Path) -> None:
    files = installation.storage
    installation.run("serve", concurrent_jobs=5)
    made = packages.make(files / "packages" / "good")
    bad = Path(shutil.copytree(made.folder, files / "packages" / "bad"))
    content = bytearray((bad / "sound.mxf").read_bytes())
    content[-1] ^= 1
    (bad / "sound.mxf").write_bytes(content)
    shutil.copy(short_clip, files / "=clip ü.mov")
    (files / "clip.de.srt").write_bytes("1\r\n00:00:00,500 --> 00:00:01,500\r\n<i>Grüße</i> & Co\r\n".encode("cp1252"))
    (files / "broken.srt").write_text("1\n00:00:00,500 --> 00:99:01,500\nno\n")
    await client.ready()
    jobs = {
        "good": await client.submit("IMF_ANALYZE", sourceUri=made.folder.as_uri(), destinationUri=f"{files}/reports/"),
        "bad": await client.submit("IMF_ANALYZE", sourceUri=f"{bad}/ASSETMAP.xml", destinationUri=f"{files}/reports/"),
        "sidecar": await client.submit(
            "SIDECAR_IMPORT",
            sourceUri=(files / "clip.de.srt").as_uri(),
            itemId="VX-7",
            destinationUri=f"{files}/item/clip.vtt",
            targetFormat="webvtt",
        ),
        "broken": await client.submit(
            "SIDECAR_IMPORT", sourceUri=f"{files}/broken.srt", destinationUri=f"{files}/item/"
        ),
        "list": await client.submit(
            "LIST_ITEMS", sourceUri=f"{files}/", destinationUri=f"{files}/items.csv", extension="mov,mxf"
        ),
    }
    ended = {name: await client.until(id) for name, id in jobs.items()}
    assert {name: job["status"] for name, job in ended.items()} == {
        "good": "FINISHED", "bad": "FAILED_TOTAL", "sidecar": "FINISHED", "broken": "FAILED_TOTAL", "list": "FINISHED",
    }, ended  # fmt: skip

    good, wrong = ended["good"], ended["bad"]
    assert data(good, "imfValid") == ["true"] and data(good, "cplId") == [made.ids["CPL.xml"]]
    assert (data(good, "cplTitle"), data(good, "cplDuration")) == (["A & Ω"], ["0.833333"])
    report = json.loads((files / "reports" / "good_imf.json").read_text("utf-8"))
    assert json.loads(data(good, "imfReport")[0]) == report and report["valid"]
    assert [task["step"] for task in good["log"]["task"]] == [100, 300, 400, 800, 850]
    assert good["log"]["task"][1]["progress"]["unit"] == "bytes"
    assert "sound.mxf has another hash" in data(wrong, "errorMessage")[0] and data(wrong, "imfValid") == ["false"]
    statuses = {asset["id"]: asset["status"] for asset in json.loads(data(wrong, "imfReport")[0])["assets"]}
    assert (statuses[made.ids["sound.mxf"]], statuses[made.ids["picture.mxf"]]) == ("wrongHash", "ok")

    (event,) = pysubs2.load(str(files / "item" / "clip.vtt"))
    assert (event.start, event.end, html.unescape(event.plaintext)) == (500, 1500, "Grüße & Co")
    sidecar = ended["sidecar"]
    assert (data(sidecar, "sidecarLanguage"), data(sidecar, "cueCount")) == (["de"], ["1"])
    assert data(sidecar, "itemId") == data(sidecar, "item") == ["VX-7"]
    assert data(ended["broken"], "sidecarProblem") == ["Line 2: '00:99:01,500' is no time; write 00:01:02,500."]

    with (files / "items.csv").open(encoding="utf-8", newline="") as lines:
        rows = {row["uri"].rpartition("/")[2]: row for row in csv.DictReader(lines)}
    assert sorted(rows) == ["%3Dclip%20%C3%BC.mov", "picture.mxf", "sound.mxf"]
    clip = rows["%3Dclip%20%C3%BC.mov"]
    judge = MediaInfo.parse(str(short_clip))
    picture, sound = judge.video_tracks[0], judge.audio_tracks[0]
    assert clip["path"] == "'=clip ü.mov", "a spreadsheet takes it for no formula"
    assert (clip["width"], clip["height"], clip["channels"], clip["sampleRate"]) == (
        str(picture.width), str(picture.height), str(sound.channel_s), str(sound.sampling_rate),
    )  # fmt: skip
    assert abs(float(clip["duration"]) * 1000 - judge.general_tracks[0].duration) < 2
    assert int(clip["size"]) == short_clip.stat().st_size == judge.general_tracks[0].file_size
    assert data(ended["list"], "itemCount") == ["5"] and data(ended["list"], "mediaCount") == ["5"]
    assert sorted(path.name for path in (files / "item").iterdir()) == ["clip.vtt"]
    assert not [path for path in files.rglob("*") if ".vidijob-" in path.name], "something is left in the making"
