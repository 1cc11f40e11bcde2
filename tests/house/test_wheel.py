"""The wheel has everything that an installed vidijob needs."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.house.source import PACKAGE, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """A wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    if importlib.util.find_spec("hatchling") is not None:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    elif (uv := shutil.which("uv")) is not None:
        command = [uv, "build", "--wheel", "--out-dir", str(folder)]
    else:
        pytest.skip("neither hatchling nor uv is here to build a wheel with")
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=55, check=False)
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    return ZipFile(file)


def test_it_has_every_file_of_the_package(wheel: ZipFile) -> None:
    here = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here <= set(wheel.namelist())
    assert {"vidijob/py.typed", "vidijob/executors/media/presets.toml"} <= here


@pytest.mark.parametrize("folder", ["sql", "schemas"])
def test_it_has_the_folders_of_the_top_inside_the_package(wheel: ZipFile, folder: str) -> None:
    here = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert here
    for path in here:
        assert wheel.read(f"vidijob/{path.relative_to(ROOT).as_posix()}") == path.read_bytes()


def test_it_has_nothing_else(wheel: ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vidijob"}
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".log")) or "/tests/" in name]


def test_it_brings_the_command(wheel: ZipFile) -> None:
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "vidijob = vidijob.__main__:main" in wheel.read(points).decode()


def test_what_was_built_finds_its_folders(wheel: ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from vidijob import resources; from vidijob.store import migrate, queries;"
            "print(resources.sql(), resources.schemas(), len(migrate.load()), queries.query('worker.alive').name)",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    sql, schemas, _, query = ended.stdout.split()
    assert (sql, schemas) == (str(tmp_path / "vidijob" / "sql"), str(tmp_path / "vidijob" / "schemas"))
    assert query == "worker.alive"
