"""``vidijob`` as it is, which on ``SIGUSR1`` writes down how much of its memory is in use, into the file ``in-use``.

What the system says of a process does not show a small leak: it fills the room that others have left. This does.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from pathlib import Path

from vidijob.__main__ import main

_NUMBERS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Allocated(ctypes.Structure):
    """glibc's ``struct mallinfo2``: bytes, most of them."""

    _fields_ = [(name, ctypes.c_size_t) for name in _NUMBERS]


def _write(*_: object) -> None:
    gc.collect()
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Allocated
    allocated = ask()
    # Python's small objects have a room of their own, and are counted; the C library knows bytes.
    Path("in-use.new").write_text(f"{sys.getallocatedblocks()} {allocated.uordblks + allocated.hblkhd}")
    os.replace("in-use.new", "in-use")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _write)
    main()
