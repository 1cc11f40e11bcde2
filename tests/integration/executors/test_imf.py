"""IMF_ANALYZE from its first step to its last, on real packages."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests import packages
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Outcome, Wait
from vidijob.executors.imf import files
from vidijob.executors.imf.executor import ImfExecutor
from vidijob.executors.storage import Storage, uri_of


@pytest.fixture(scope="session")
def essence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a second of picture and of sound, in MXF."""
    folder = tmp_path_factory.mktemp("essence")
    packages.essence(folder)
    return folder


@pytest.fixture
def imf(storage: Storage) -> ImfExecutor:
    return ImfExecutor(storage)


async def analyze(imf: ImfExecutor, source: Path, **data: str) -> tuple[Outcome, Job, Any]:
    """Run a job to its end; returns its outcome, itself and its report."""
    job = Job("IMF_ANALYZE", imf, sourceUri=uri_of(source), **data)
    outcome = await job.run()
    return outcome, job, json.loads(job.data["imfReport"][0]) if "imfReport" in job.data else None


def codes(report: Any) -> list[tuple[str, str]]:
    """Return what kinds of findings there are."""
    return [(finding["severity"], finding["code"]) for finding in report["findings"]]


@pytest.mark.parametrize(
    ("cpl", "pkl", "algorithm"),
    [
        (packages.CPL_2013, packages.PKL_2007, None),
        (packages.CPL_2016, packages.PKL_2016, packages.SHA_1),
        (packages.CPL_2020, packages.PKL_2016, packages.SHA_256),
    ],
)
async def test_a_valid_package(
    imf: ImfExecutor, root: Path, essence: Path, cpl: str, pkl: str, algorithm: str | None
) -> None:
    made = packages.write(root / "package", essence, cpl=cpl, pkl=pkl, algorithm=algorithm)
    outcome, job, report = await analyze(imf, made.folder, destinationUri=f"{root}/reports/")
    assert isinstance(outcome, Done), outcome
    assert report["valid"] and report["findings"] == [], report
    assert {key: job.data[key] for key in job.data if key.startswith(("imfV", "imfF", "cpl", "asset"))} == {
        "imfValid": ["true"],
        "imfFinding": [],
        "assetCount": ["4"],
        "cplId": [made.ids["CPL.xml"]],
        "cplTitle": ["A & Ω"],
        "cplKind": ["feature"],
        "cplEditRate": ["24"],
        "cplDuration": ["0.833333"],
    }
    (composition,) = report["compositions"]
    assert composition["duration"] == 20 and composition["mainImage"] == [made.ids["picture.mxf"]]
    assert composition["mainAudio"] == [made.ids["sound.mxf"]] and len(composition["segments"]) == 2
    image = composition["segments"][0]["sequences"][1]
    assert image["kind"] == "MainImageSequence"
    (resource,) = image["resources"]
    assert (resource["entryPoint"], resource["sourceDuration"], resource["intrinsicDuration"]) == (4, 10, 24)
    assert {asset["id"]: asset["status"] for asset in report["assets"]} == {
        id: "packingList" if name == "PKL.xml" else "ok" for name, id in made.ids.items()
    }
    assert {asset.get("hashAlgorithm") for asset in report["assets"]} == {
        "SHA-256" if algorithm == packages.SHA_256 else "SHA-1", None,
    }  # fmt: skip
    assert job.data["fileUri"] == [uri_of(root / "reports" / "package_imf.json")]
    assert json.loads((root / "reports" / "package_imf.json").read_text("utf-8")) == report
    assert os.listdir(root / "reports") == ["package_imf.json"]
    assert not [key for key in job.data if key == "vidijob_receipt"]
    told = next(step for step in job.steps if step.method == "checkAssets")
    whole = sum((made.folder / name).stat().st_size for name in ("picture.mxf", "sound.mxf", "CPL.xml"))
    assert told.told[-1] == (whole, whole, "bytes") and told.told == sorted(told.told)
    assert [part.events for part in told.parts] == [["start", "finish"]] * 3


async def test_the_asset_map_may_be_named_and_no_report_be_wanted(imf: ImfExecutor, root: Path, essence: Path) -> None:
    made = packages.write(root / "a package ü", essence)
    outcome, job, report = await analyze(imf, made.asset_map)
    assert isinstance(outcome, Done) and report["valid"]
    assert "fileUri" not in job.data and sorted(os.listdir(root)) == ["a package ü"]


def spoil(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


async def test_wrong_hashes_wrong_sizes_missing_and_extra_files_fail_the_job_after_its_report(
    imf: ImfExecutor, root: Path, essence: Path
) -> None:
    made = packages.write(root / "package", essence)
    spoil(made.folder / "picture.mxf")
    with (made.folder / "CPL.xml").open("a") as file:
        file.write("\n")
    (made.folder / "sound.mxf").unlink()
    (made.folder / "notes").mkdir()
    (made.folder / "notes" / "read me.txt").write_text("hello")
    (made.folder / "outside").symlink_to("/etc")
    outcome, job, report = await analyze(imf, made.folder, destinationUri=f"{root}/report.json")
    assert isinstance(outcome, Fail) and "The package is not valid. The file of the asset" in outcome.reason
    assert "3 further findings" in outcome.reason
    assert codes(report) == [
        ("error", "missing"), ("error", "wrongHash"), ("error", "wrongSize"), ("warning", "extraFiles"),
    ]  # fmt: skip
    statuses = {asset["id"]: asset["status"] for asset in report["assets"]}
    assert statuses[made.ids["picture.mxf"]] == "wrongHash" and statuses[made.ids["CPL.xml"]] == "wrongSize"
    assert statuses[made.ids["sound.mxf"]] == "missing"
    assert report["extraFiles"] == ["notes/read me.txt"], "a link is not followed"
    assert job.data["imfValid"] == ["false"] and len(job.data["imfFinding"]) == 4
    assert json.loads((root / "report.json").read_text("utf-8")) == report, "the report was published all the same"
    parts = next(step.parts for step in job.steps if step.method == "checkAssets")
    assert [part.events[-1] for part in parts] == [
        "fail: has another hash than its packing list says", "fail: has another size than its packing list says",
    ]  # fmt: skip
    again = Job("IMF_ANALYZE", imf, sourceUri=uri_of(made.folder), reportOnly="true")
    assert isinstance(await again.run(), Done) and again.data["imfValid"] == ["false"]


@pytest.mark.parametrize(
    "path",
    ["../outside.mxf", "%2e%2e/outside.mxf", "/etc/passwd", "file:///etc/passwd", "a/../../outside.mxf", "link.mxf"],
)
async def test_a_path_that_leads_out_of_the_package_is_not_read(
    imf: ImfExecutor, root: Path, essence: Path, path: str
) -> None:
    made = packages.write(root / "package", essence)
    (made.folder / "sound.mxf").rename(root / "outside.mxf")
    (made.folder / "link.mxf").symlink_to(root / "outside.mxf")
    made.edit("ASSETMAP.xml", "<Path>sound.mxf", f"<Path>{path}")
    outcome, _, report = await analyze(imf, made.folder)
    assert isinstance(outcome, Fail) and "not read" in outcome.reason
    assert codes(report) == [("error", "pathRefused"), ("warning", "extraFiles")]
    assert {asset["id"]: asset["status"] for asset in report["assets"]}[made.ids["sound.mxf"]] == "refused"


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "words"),
    [
        ("CPL.xml", "<SourceDuration>10<", "<SourceDuration>30<", "composition", "plays 30 edit units from 4"),
        ("CPL.xml", "<SourceDuration>10<", "<SourceDuration>9<", "composition", "do not last alike"),
        ("CPL.xml", "<EditRate>24 1</EditRate><Total", "<EditRate>24 0</EditRate><Total", "composition", "'24 0'"),
        ("CPL.xml", "<IntrinsicDuration>24<", "<IntrinsicDuration>" + "9" * 5000 + "<", "composition", "that is none"),
        ("CPL.xml", "<EntryPoint>4<", "<EntryPoint>-4<", "composition", "that is none"),
        ("CPL.xml", "<SegmentList>", "<Segments>", "unreadable", "mismatched tag"),
        (
            "CPL.xml",
            "<CompositionPlaylist",
            "<!DOCTYPE x [<!ENTITY a 'b'>]><CompositionPlaylist",
            "unreadable",
            "DOCTYPE",
        ),
        ("CPL.xml", "<SegmentList>", "<a>" * 100 + "</a>" * 100 + "<SegmentList>", "unreadable", "nested more than 64"),
        ("PKL.xml", "<PackingList", "<Packing", "unreadable", "mismatched tag"),
        ("PKL.xml", packages.SHA_1, "http://example.org/#md5", "unknownAlgorithm", "kind that is not known"),
        ("PKL.xml", "<Hash>", "<Hash>!", "noHash", "has no hash"),
        ("ASSETMAP.xml", "<PackingList>true", "<PackingList>false", "noPackingList", "nothing can be checked"),
        ("ASSETMAP.xml", "<Path>CPL.xml", "<Path>", "pathRefused", "not one below the package"),
    ],
)
async def test_lists_that_contradict_themselves(
    imf: ImfExecutor, root: Path, essence: Path, name: str, old: str, new: str, code: str, words: str
) -> None:
    made = packages.write(root / "package", essence)
    made.edit(name, old, new)
    outcome, job, report = await analyze(imf, made.folder)
    assert isinstance(outcome, Fail), job.data
    assert ("error", code) in codes(report), report["findings"]
    assert [finding for finding in report["findings"] if finding["code"] == code and words in finding["text"]], report


async def test_a_supplemental_package_and_an_unknown_namespace_are_only_odd(
    imf: ImfExecutor, root: Path, essence: Path
) -> None:
    made = packages.write(
        root / "package", essence, cpl="http://example.org/cpl", pkl="http://www.smpte-ra.org/ns/2067-2/2020"
    )
    (made.folder / "sound.mxf").unlink()
    for name in ("ASSETMAP.xml", "PKL.xml"):
        text = (made.folder / name).read_text()
        start = text.index(f"<Asset><Id>urn:uuid:{made.ids['sound.mxf']}")
        (made.folder / name).write_text(text[:start] + text[text.index("</Asset>", start) + 8 :])
    outcome, _, report = await analyze(imf, made.folder)
    assert isinstance(outcome, Done), outcome
    assert codes(report) == [("warning", "unknownNamespace"), ("warning", "elsewhere")]
    assert report["packingLists"][0]["standard"] == "ST 2067-2:2020"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no element found"),
        (b"\x00\xff\xfe binary", "Line 1"),
        (b"<AssetMap>", "no element found"),
        (b"<html/>", "no asset map: its root is html"),
        (b"<!DOCTYPE AssetMap SYSTEM 'file:///etc/passwd'><AssetMap/>", "A DOCTYPE is not read"),
        (b"<?xml version='1.0' encoding='UTF-7'?><AssetMap/>", "UTF-7 is not read"),
    ],
)
async def test_an_asset_map_that_cannot_be_read_fails_the_job_at_once(
    imf: ImfExecutor, root: Path, content: bytes, words: str
) -> None:
    (root / "package").mkdir()
    (root / "package" / "ASSETMAP.xml").write_bytes(content)
    outcome, job, _ = await analyze(imf, root / "package")
    assert isinstance(outcome, Fail) and words in outcome.reason, outcome
    assert [step.method for step in job.steps] == ["setUp", "cleanUp"]


async def test_what_is_larger_than_any_list_is_not_read(
    imf: ImfExecutor, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_XML", 100)
    (root / "package").mkdir()
    (root / "package" / "ASSETMAP.xml").write_bytes(b" " * 101)
    outcome, _, _ = await analyze(imf, root / "package")
    assert isinstance(outcome, Fail) and "has 101 bytes; at most 100 are read" in outcome.reason


async def test_sources_that_are_no_packages(imf: ImfExecutor, root: Path, tmp_path: Path, essence: Path) -> None:
    outside = packages.write(tmp_path / "outside", essence)
    (root / "link").symlink_to(outside.folder)
    (root / "half").mkdir()
    (root / "half" / "ASSETMAP.xml").symlink_to(outside.asset_map)
    (root / "empty").mkdir()
    for source, words in (
        (outside.folder, "outside the storage roots"),
        (root / "link", "outside the storage roots"),
        (root / "half", "leads out of the package"),
        (root / "empty", "it has no ASSETMAP.xml"),
    ):
        outcome, _, _ = await analyze(imf, source)
        assert isinstance(outcome, Fail) and words in outcome.reason, outcome
    outcome, _, _ = await analyze(imf, root / "later")
    assert isinstance(outcome, Wait) and outcome.data == {"source": uri_of(root / "later")}
    outcome = await Job("IMF_ANALYZE", imf, sourceUri=f"{root}/later/").run()
    assert isinstance(outcome, Wait) and not await imf.is_gone(outcome.type, outcome.data)
    (root / "later").mkdir()
    assert await imf.is_gone(outcome.type, outcome.data)
    for data, words in (({"reportOnly": "maybe"}, "give true or false"), ({"destinationUri": f"{root}/../x"}, "'..'")):
        outcome, _, _ = await analyze(imf, packages.write(root / words[:4], essence).folder, **data)
        assert isinstance(outcome, Fail) and words in outcome.reason, outcome


async def test_a_long_report_is_whole_in_its_file_and_cut_in_the_data(
    imf: ImfExecutor, root: Path, essence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidijob.executors.imf.report.MOST_DATA", 1500)
    made = packages.write(root / "package", essence)
    outcome, job, report = await analyze(imf, made.folder, destinationUri=f"{root}/report.json")
    assert isinstance(outcome, Done)
    assert len(job.data["imfReport"][0].encode()) <= 1500 and report["shortened"] and "assets" not in report
    assert report["compositions"][0]["seconds"] == 0.833333
    assert len(json.loads((root / "report.json").read_text("utf-8"))["compositions"][0]["segments"]) == 2


async def test_an_attempt_is_repeated_and_an_abort_leaves_nothing(imf: ImfExecutor, root: Path, essence: Path) -> None:
    made = packages.write(root / "package", essence)
    job = Job("IMF_ANALYZE", imf, sourceUri=uri_of(made.folder), destinationUri=f"{root}/report.json")
    await job.until("analyze")
    assert isinstance(await imf.run(job.step("analyze")), Done), "killed before its result was stored"
    for method in ("analyze", "finish", "finish", "judge", "cleanUp"):
        assert isinstance(await job.attempt(method), Done)
    assert sorted(os.listdir(root)) == ["package", "report.json"]
    assert (root / "report.json").stat().st_nlink == 1

    with (made.folder / "picture.mxf").open("r+b") as file:
        file.truncate(8 * 1024**3)
    made.edit("PKL.xml", "<Size>", "<Size>x")
    other = Job("IMF_ANALYZE", imf, sourceUri=uri_of(made.folder), destinationUri=f"{root}/other.json")
    await other.until("checkAssets")
    step = other.step("checkAssets")
    task = asyncio.create_task(imf.run(step))
    async with asyncio.timeout(10):
        while len(step.told) < 2:
            await asyncio.sleep(0.01)
    before = asyncio.get_running_loop().time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - before < 2
    # However quick the reading is: it did not go on to the end.
    done, total, _ = step.told[-1]
    assert done < total / 2
    assert isinstance(await other.attempt("cleanUp"), Done)
    assert sorted(os.listdir(root)) == ["package", "report.json"]
