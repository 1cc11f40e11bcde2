"""Graphs as PNG, drawn by Graphviz where it is installed. What is drawn is not known here."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from pathlib import Path

from vidijob.errors import NotImplementedHere
from vidijob.executors import process

_log = logging.getLogger(__name__)

#: In seconds; a graph of two hundred steps takes less than one.
_LONGEST = 20.0
#: In bytes: many high and wide boxes make a picture of gigabytes, before it is written.
_MEMORY = 512 * 1024 * 1024


def can_draw() -> bool:
    """Tell whether Graphviz is installed."""
    return shutil.which("dot") is not None


async def png(dot: str) -> bytes:
    """Return a graph in the language of Graphviz as PNG; raises ``NotImplementedHere`` where it cannot be drawn."""
    if not can_draw():
        raise NotImplementedHere(
            "A PNG needs Graphviz (the program dot), which this server does not have; SVG needs none."
        )
    with tempfile.TemporaryDirectory(prefix="vidijob-graph-") as name:
        source, target = Path(name) / "graph.dot", Path(name) / "graph.png"
        await asyncio.to_thread(source.write_text, dot, "utf-8")
        try:
            async with asyncio.timeout(_LONGEST):
                command = ["dot", "-Tpng", "-o", str(target), str(source)]
                ended = await process.run(command, folder=Path(name), memory=_MEMORY)
        except TimeoutError:
            raise NotImplementedHere(
                f"Graphviz did not draw the graph within {_LONGEST:.0f} s; SVG needs none."
            ) from None
        if ended.code != 0 or not await asyncio.to_thread(target.exists):
            # Its complaints may name folders of ours: they are for the log.
            _log.warning("dot ended with %d: %s", ended.code, ended.complaints)
            raise NotImplementedHere("Graphviz could not draw the graph; the server's log says why. SVG needs none.")
        return await asyncio.to_thread(target.read_bytes)
