"""What the executors of this program can do, by name: known also where none of them is built (a server without workers)."""

from __future__ import annotations

from collections.abc import Mapping

#: Executor → its methods.
METHODS: Mapping[str, frozenset[str]] = {
    "media": frozenset({"setUp", "checkSource", "transcode", "checkResult", "finish", "cleanUp"}),
    "file": frozenset({"setUp", "transfer", "verify", "finish", "cleanUp"}),
    "shape": frozenset({"setUp", "checkMedia", "analyze", "compare", "finish", "cleanUp"}),
    "analysis": frozenset({"setUp", "checkSource", "analyze", "finish", "cleanUp"}),
    "thumbnail": frozenset({"setUp", "checkSource", "create", "finish", "cleanUp"}),
    "script": frozenset({"run"}),
    "shell": frozenset({"run"}),
    "http": frozenset({"post"}),
}
