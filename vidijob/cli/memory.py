"""How a process of the server gives memory back to the system: what the C library is told before anything is served.

glibc takes a block of 128 KiB or more from the system, and gives it back, by itself, but the first time that such a block
is freed it raises that limit to the size of the block, and twice that is what it keeps of free memory at the end of each
heap, of which threads have one each. One password is enough: argon2 works in a block of 19 MiB. From then on every large
body is cut out of a heap, and its room stays with the process for good, in splinters.
"""

from __future__ import annotations

import ctypes
import os

#: The names of glibc's ``malloc.h``.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: A block of so many bytes is the system's again as soon as it is freed: what glibc begins with.
_OWN_BLOCK = 128 * 1024
#: So many free bytes at the end of a heap are kept for the next request.
_KEPT = 1024 * 1024


def give_back() -> bool:
    """Let what is freed go back to the system, for the life of this process; tells whether there was anything to do.

    Another C library is left as it is, and so is one that the environment has settings for (``MALLOC_…``).
    """
    if any(name.startswith("MALLOC_") for name in os.environ) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return False
    # To set one of them is what ends the raising of both.
    return bool(tune(_MMAP_THRESHOLD, _OWN_BLOCK) and tune(_TRIM_THRESHOLD, _KEPT))
