"""EXPORT: copies with side files."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from lxml import etree

from tests.integration.executors.steps import Job
from vidijob import resources
from vidijob.executors.base import Done, Fail
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.storage import uri_of

TITLE = "a <b> & \"c\" 'd' ü \N{CLAPPER BOARD}\x00\x1b]]>\r\n"


def read(path: Path) -> dict[str, str]:
    """Return the fields of a side file."""
    if path.suffix == ".json":
        return {field["key"]: field["value"] for field in json.loads(path.read_bytes())["field"]}
    root = etree.parse(path).getroot()
    schema = etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd"))
    schema.assertValid(root)
    return {field[0].text or "": field[1].text or "" for field in root}


@pytest.mark.parametrize("kind", ["json", "xml"])
async def test_puts_a_side_file_beside_each_copy(files: FileExecutor, root: Path, kind: str) -> None:
    names = ["a.mov", "ü #1?.mov"]
    for name in names:
        (root / name).write_bytes(name.encode())
    data = {"sourceUri": [str(root / name) for name in names], "destinationUri": f"{root}/out/", "title": TITLE}
    job = Job("EXPORT", files, **data, exportMetadata=kind)
    assert isinstance(await job.run(), Done)
    assert sorted(os.listdir(root / "out")) == sorted([*names, *(f"{name}.{kind}" for name in names)])
    assert job.data["fileUri"] == [uri_of(root / "out" / name) for name in names]
    assert job.data["metadataUri"] == [uri_of(root / "out" / f"{name}.{kind}") for name in names]
    for name in names:
        fields = read(root / "out" / f"{name}.{kind}")
        title = fields.pop("title")
        assert title == (TITLE if kind == "json" else TITLE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd"))
        assert fields == {
            "jobId": "VX-1",
            "user": "admin",
            "sourceUri": uri_of(root / name),
            "fileUri": uri_of(root / "out" / name),
            "fileSize": str(len(name.encode())),
            "checksum": hashlib.sha256(name.encode()).hexdigest(),
            "checksumAlgorithm": "SHA-256",
        }


async def test_all_or_none(files: FileExecutor, root: Path) -> None:
    (root / "a.mov").write_bytes(b"x")
    data = {"sourceUri": str(root / "a.mov"), "destinationUri": str(root / "out" / "b.mov"), "exportMetadata": "xml"}
    job = Job("EXPORT", files, **data)
    await job.until("finish")
    (root / "out" / "b.mov.xml").write_bytes(b"somebody's")
    assert isinstance(await job.attempt("finish"), Fail)
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root / "out") == ["b.mov.xml"]
    outcome = await Job("EXPORT", files, **data).run()
    assert isinstance(outcome, Fail) and "b.mov.xml exists already" in outcome.reason
    assert isinstance(await Job("EXPORT", files, **data, overwrite="true").run(), Done)
    assert read(root / "out" / "b.mov.xml")["fileSize"] == "1"


async def test_an_unknown_kind_is_refused(files: FileExecutor, root: Path) -> None:
    (root / "a.mov").write_bytes(b"x")
    outcome = await Job(
        "EXPORT", files, sourceUri=f"{root}/a.mov", destinationUri=f"{root}/b.mov", exportMetadata="yaml"
    ).run()
    assert outcome == Fail("exportMetadata is yaml; give json or xml, or nothing.")
    assert os.listdir(root) == ["a.mov"]
