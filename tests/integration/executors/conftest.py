"""Real files in real storage roots, and clips that a real ffmpeg makes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.executors.peers import Peer, ftp_server, http_server
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.media import ffmpeg
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.storage import Storage

PICTURE = ("-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=3")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3")


def make(target: Path, *arguments: str) -> Path:
    """Make a file with ffmpeg."""
    command = [str(ffmpeg.find()), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments, str(target)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips: both.mp4, picture.mp4, tone.wav (3 s each) and long.mp4 (30 s, slow to transcode)."""
    folder = tmp_path_factory.mktemp("clips")
    h264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    make(folder / "both.mp4", *PICTURE, *TONE, *h264, "-c:a", "aac")
    make(folder / "picture.mp4", *PICTURE, *h264)
    make(folder / "tone.wav", *TONE)
    make(folder / "long.mp4", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=30", *h264)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A storage root."""
    folder = tmp_path / "storage"
    folder.mkdir()
    return folder


@pytest.fixture
def storage(root: Path) -> Storage:
    return Storage([root])


@pytest.fixture
def media(storage: Storage) -> MediaExecutor:
    return MediaExecutor(storage, Presets.load(), threads=2)


@pytest.fixture(scope="session")
def lossless(tmp_path_factory: pytest.TempPathFactory) -> Presets:
    """The shipped presets and ``lossless``, which keeps every bit of picture and sound."""
    folder = tmp_path_factory.mktemp("presets")
    (folder / "lossless.toml").write_text(
        '[lossless]\ndescription = "every bit"\nextension = "mkv"\nformat = "matroska"\n'
        '[lossless.video]\ncodec = "ffv1"\n[lossless.audio]\ncodec = "pcm_s16le"\nstreams = "all"\n'
    )
    return Presets.load(folder)


@pytest.fixture
def files(storage: Storage) -> FileExecutor:
    return FileExecutor(storage)


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[Peer]:
    """A server of ftp, with an empty folder."""
    folder = tmp_path / "ftp"
    folder.mkdir()
    with ftp_server(folder) as peer:
        yield peer


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[Peer]:
    """A server of http, with an empty folder."""
    folder = tmp_path / "http"
    folder.mkdir()
    async with http_server(folder) as peer:
        yield peer


@pytest.fixture
def ingest(storage: Storage) -> IngestExecutor:
    return IngestExecutor(storage, Presets.load(), threads=2)


@pytest.fixture
def place(root: Path, clips: Path) -> Callable[[str, str], Path]:
    """Return a function that puts a clip into the storage under a name."""

    def put(clip: str, name: str) -> Path:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((clips / clip).read_bytes())
        return target

    return put


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let us mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
