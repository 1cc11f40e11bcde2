"""The files that the examples on the pages of the job types speak of; real ones, made here."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import packages
from vidijob.executors.media import ffmpeg


def prepare(folder: Path) -> None:
    """Make them."""
    make_clip(folder / "clip.mov")
    packages.make(folder / "package")


def make_clip(path: Path) -> None:
    """Make three seconds of picture and tone, 320 by 180, 25 pictures a second."""
    subprocess.run(
        [
            *(str(ffmpeg.find()), "-nostdin", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
        ],
        check=True,
        timeout=60,
    )
