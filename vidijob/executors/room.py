"""Looks whether there is room before anything is written. It blocks: call it in a thread."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vidijob.executors.names import shown


class NoRoom(Exception):
    """A file system has less room than is going to be written to it."""

    def __init__(self, file: Path, free: int, needed: int) -> None:
        super().__init__(f"{shown(file.parent)} has {free} bytes free and {needed} are needed; make room.")
        #: A file that was to be written.
        self.file = file


def require_room(files: Iterable[tuple[Path, int]]) -> None:
    """Raise ``NoRoom`` unless files of these sizes, in bytes, can be written; their folders are there."""
    needed: dict[int, int] = {}
    there: dict[int, Path] = {}
    for file, size in files:
        device = os.stat(file.parent).st_dev
        needed[device] = needed.get(device, 0) + size
        there[device] = file
    for device, file in there.items():
        room = os.statvfs(file.parent)
        free = room.f_bavail * room.f_frsize
        if needed[device] > free:
            raise NoRoom(file, free, needed[device])
