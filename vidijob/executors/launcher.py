"""Becomes the program to be started, after asking the kernel to kill it when the process that started it is gone.

It runs on its own, as ``python -I -S launcher.py PARENT PROGRAM ARGUMENT…``, and imports nothing of ours. A hook between
fork and exec (``preexec_fn``) could do the same, but is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Tie this process to the thread of its parent that started it; ends it where that is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have gone before the kernel knew what to do then.
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """Tie this process to its parent, put back the signals that Python or whoever started us changed, and become the
    program.
    """
    die_with(int(sys.argv[1]))
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
