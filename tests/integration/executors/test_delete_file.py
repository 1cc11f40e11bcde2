"""DELETE_FILE: only what was meant, and only once."""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.storage import Storage, uri_of

NAMES = ["a.mov", "ü 'x' \"#1?.mov", "-rf", "new\nline", os.fsdecode(b"no\xfftext")]


async def test_deletes_files_of_any_name(files: FileExecutor, root: Path) -> None:
    for name in (*NAMES, "kept"):
        (root / name).write_bytes(b"x")
    job = Job("DELETE_FILE", files, sourceUri=[uri_of(root / name) for name in NAMES])
    assert isinstance(await job.run(), Done)
    assert os.listdir(root) == ["kept"]
    assert job.data["deletedUri"] == [uri_of(root / name) for name in NAMES]
    assert not [key for key in job.data if key.startswith("vidijob_")]


async def test_what_is_gone_after_a_crash_counts_as_deleted(files: FileExecutor, root: Path) -> None:
    for name in NAMES:
        (root / name).write_bytes(b"x")
    job = Job("DELETE_FILE", files, sourceUri=[uri_of(root / name) for name in NAMES])
    await job.until("delete")
    (root / NAMES[0]).unlink()
    for _ in range(2):
        assert isinstance(await files.run(job.step("delete")), Done)
    assert os.listdir(root) == []


async def test_what_was_never_there_is_complained_about_before_anything_is_deleted(
    files: FileExecutor, root: Path
) -> None:
    (root / "a.mov").write_bytes(b"x")
    outcome = await Job("DELETE_FILE", files, sourceUri=[f"{root}/a.mov", f"{root}/b.mov"]).run()
    assert isinstance(outcome, Fail) and f"{root}/b.mov, which does not exist; nothing was deleted" in outcome.reason
    assert os.listdir(root) == ["a.mov"]


async def test_a_newcomer_at_the_place_of_a_deleted_file_is_kept(files: FileExecutor, root: Path) -> None:
    (root / "a.mov").write_bytes(b"x")
    job = Job("DELETE_FILE", files, sourceUri=str(root / "a.mov"))
    await job.until("delete")
    assert isinstance(await files.run(job.step("delete")), Done)
    (root / "a.mov").write_bytes(b"new")
    outcome = await job.attempt("delete")
    assert isinstance(outcome, Fail) and "it is kept" in outcome.reason
    assert (root / "a.mov").read_bytes() == b"new"


async def test_a_root_that_is_away_is_waited_for(tmp_path: Path, root: Path) -> None:
    away = tmp_path / "away"
    files = FileExecutor(Storage([root, away]))
    outcome = await Job("DELETE_FILE", files, sourceUri=str(away / "a.mov")).run()
    assert isinstance(outcome, Wait) and outcome.data == {"storage": uri_of(away)}
    away.mkdir()
    (away / "a.mov").write_bytes(b"x")
    job = Job("DELETE_FILE", files, sourceUri=str(away / "a.mov"))
    await job.until("delete")
    away.rename(tmp_path / "elsewhere")
    outcome = await job.attempt("delete")
    assert isinstance(outcome, Wait) and outcome.data == {"storage": uri_of(away)}, (
        "a root that is away is not a deletion"
    )


async def test_wrong_data_deletes_nothing(files: FileExecutor, root: Path, tmp_path: Path) -> None:
    (root / "a.mov").write_bytes(b"x")
    (root / "folder").mkdir()
    (root / "folder" / "b.mov").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"x")
    (root / "secret").symlink_to(tmp_path / "secret")
    (root / "out").symlink_to(tmp_path)
    (root / "inside").symlink_to(root / "a.mov")
    (root / ".a.mov.vidijob-VX-2-7.part.mov").write_bytes(b"x")
    before = sorted(map(str, tmp_path.rglob("*")))
    for uri, words in [
        (str(root), "outside the storage roots"),
        (f"{root}/", "outside the storage roots"),
        ("/", "names no file"),
        (str(root / "folder"), "a folder; name a file"),
        (f"{root}/folder/", "a folder; name a file"),
        (f"{root}/*", "does not exist"),
        (str(root / "secret"), "a link"),
        (str(root / "inside"), "a link"),
        (str(root / "out" / "secret"), "outside the storage roots"),
        (f"{root}/../secret", "'..' is not allowed"),
        (f"file://{root}/%2e%2e/secret", "'..' is not allowed"),
        (f"{root}/.a.mov.vidijob-VX-2-7.part.mov", "kept for files in the making"),
        ("s3://bucket/x", "only file: is allowed"),
        ("", "The job has no sourceUri"),
        ("-rf", "give an absolute path"),
    ]:
        for uris in ([uri], [str(root / "a.mov"), uri]):
            if uri == "" and len(uris) == 2:
                continue
            outcome = await Job("DELETE_FILE", files, sourceUri=uris).run()
            assert isinstance(outcome, Fail) and words in outcome.reason, (uri, outcome)
            assert sorted(map(str, tmp_path.rglob("*"))) == before
