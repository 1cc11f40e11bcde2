"""The files that the examples on the pages of the job types speak of; real ones, made here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests import packages
from vidijob.executors.media import ffmpeg

EDL = """TITLE: An example

001  CLIP     V     C        00:00:02:00 00:00:03:00 01:00:00:00 01:00:01:00
002  CLIP     V     C        00:00:00:00 00:00:00:12 01:00:01:12 01:00:02:00
"""


def prepare(folder: Path) -> None:
    """Make them."""
    make_clip(folder / "clip.mov")
    for name in ("move.mov", "delete.mov"):
        shutil.copy(folder / "clip.mov", folder / name)
    (folder / "cut.edl").write_text(EDL)
    packages.make(folder / "package")
    (folder / "clip.en.srt").write_text("1\n00:00:00,500 --> 00:00:02,500\nA test picture.\n", "utf-8")


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
