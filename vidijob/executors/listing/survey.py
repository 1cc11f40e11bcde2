"""Runs as a process of its own: looks into many media files, one after the other, and prints what is in each as a line of JSON.

``python -I survey.py INSPECTION FORMATS``, with the paths on standard input, separated by NUL. ``INSPECTION`` is the program that
looks into one file (``media/inspection.py``); starting it for each of thousands of files would take longer than looking.
A file that crashes or hangs the libraries ends this process; whoever started it sees which file that was, and goes on after it.
"""

import importlib.util
import json
import os
import resource
import sys
from typing import Any

#: Bytes of address space; seconds of processor time for each file.
_MEMORY = 4 * 1024**3
_SECONDS = 20


def main() -> None:
    """Print what is in the files that standard input names."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    specification = importlib.util.spec_from_file_location("inspection", sys.argv[1])
    assert specification is not None and specification.loader is not None
    inspection = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(inspection)
    for path in sys.stdin.buffer.read().split(b"\0"):
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU,
            (int(used.ru_utime + used.ru_stime) + _SECONDS, resource.getrlimit(resource.RLIMIT_CPU)[1]),
        )
        answer: dict[str, Any]
        try:
            *streams, answer = inspection.inspect(sys.argv[2], os.fsdecode(path))
            answer = {**answer, "streams": streams}
        except ImportError as error:
            answer = {"missing": str(error)}
        except Exception as error:
            answer = {"error": getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
