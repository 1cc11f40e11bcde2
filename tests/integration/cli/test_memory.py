"""A block of some size is the system's again once it is freed, also after a larger one was; in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Prints what the C library has of the system beside its heaps while a block of a megabyte is in use, in megabytes, after
# one of nineteen, as argon2 takes, was freed.
_PROGRAM = """
import ctypes, sys
from vidijob.cli.memory import give_back

told = give_back() if sys.argv[1] == "told" else None
library = ctypes.CDLL(None)

class Allocated(ctypes.Structure):
    _fields_ = [(f"n{number}", ctypes.c_size_t) for number in range(10)]

library.mallinfo2.restype = Allocated
before = library.mallinfo2().n4
password = bytearray(19 << 20)
del password
body = bytearray(1 << 20)
print(told, (library.mallinfo2().n4 - before) >> 20)
"""


def _run(how: str, **environment: str) -> str:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", _PROGRAM, how]
    return subprocess.run(command, env=mine | environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_large_block_does_not_stay_with_the_process() -> None:
    assert _run("told") == "True 1"


def test_otherwise_it_would() -> None:
    assert _run("untold") == "None 0"


@pytest.mark.parametrize(
    ("name", "value"), [("MALLOC_TRIM_THRESHOLD_", "1000000"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")]
)
def test_what_the_environment_says_counts(name: str, value: str) -> None:
    assert _run("told", **{name: value}).startswith("False")
