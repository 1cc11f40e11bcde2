"""Folders for an embedded Postgres: one never used before, and one that was."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.store.embedded.folder import (
    Folder,
)
from vidijob.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was used before and is at rest."""
    path = tmp_path_factory.mktemp("made") / "data"

    async def make() -> None:
        server = EmbeddedPostgres(path)
        await server.start()
        await server.stop()

    asyncio.run(make())
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "data")
    yield folder
    folder.close()


@pytest.fixture
def folder(empty: Folder, made: Path) -> Folder:
    subprocess.run(["cp", "-a", made, empty.path], check=True)
    return empty
