"""A private, real Postgres in the data folder, for one machine and for the tests; it knows nothing of jobs.

Any number of processes share it, and it ends with the last of them, however each of them ends::

    vidijob serve ──┐ shared                      exclusive
    vidijob user ───┼────────► users.lock ◄──────────────── supervisor ──► ends Postgres, then itself
    the tests ──────┘                             (waits)     │    ▲
         │                                                    │    └── supervisor.lock, taken by a user that finds
         │ starts one when supervisor.lock is free            │        it free and handed over to what it starts
         └───────────────────────────────────────────────────►│
                                                              │ starts, restarts; dies with it (PDEATHSIG)
                                                              ▼
                     backends ◄── postmaster ◄── server.lock, held by them and nobody else: while it is
                                                 held, no second server starts on this cluster

The locks are flock: the kernel drops them with their holder, be it by kill -9, and a zombie holds none. Beside them in
``<data_dir>/postgres`` lie ``cluster`` (Postgres's own folder), ``port``, ``log`` and, while it cannot start, ``failure``.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from pathlib import Path

    from vidijob.errors import SetupError

    class EmbeddedPostgres:
        """What there is of it on Windows: a sentence."""

        def __init__(self, data_dir: Path) -> None:
            raise SetupError("The embedded Postgres does not run on Windows; give --database-url.")
else:
    from vidijob.store.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
