"""What tells of a file without any code of ours: checksums of decoded frames and samples."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from vidijob.executors.media import ffmpeg


def frames(file: Path) -> list[str]:
    """Return a checksum of each picture of a file, in the order in which they are shown."""
    arguments = ("-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
    return [line.split(",")[-1].strip() for line in _run(file, *arguments).decode().splitlines() if line[0] != "#"]


def samples(file: Path, channels: int = 1) -> bytes:
    """Return the sound of a file: 16 bits a sample, little end first."""
    return _run(file, "-map", "0:a:0", "-ac", str(channels), "-f", "s16le", "-")


def checksum(content: bytes) -> str:
    """Return a checksum that fits into a message."""
    return hashlib.sha256(content).hexdigest()[:16]


def _run(file: Path, *arguments: str) -> bytes:
    command = [str(ffmpeg.find()), "-nostdin", "-loglevel", "error", "-i", str(file), *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
