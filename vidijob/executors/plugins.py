"""Executors of other packages: entry points of the group ``vidijob.executors``.

The name of an entry point is what a task definition's ``bean`` says. It points to something callable, a class as a rule,
that takes the server's ``Storage`` (``vidijob.executors.storage``), the guard of files, and returns an ``Executor``
(``vidijob.executors.base``)::

    [project.entry-points."vidijob.executors"]
    acme = "acme_vidijob:AcmeExecutor"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from vidijob.errors import SetupError
from vidijob.executors import shipped
from vidijob.executors.base import Executor
from vidijob.executors.storage import Storage

GROUP = "vidijob.executors"


def load(storage: Storage) -> Mapping[str, Executor]:
    """Return the executors of all installed packages; raises ``SetupError`` for one that cannot be had."""
    found: dict[str, Executor] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        source = f"{point.name} = {point.value}"
        if point.name in found or point.name in shipped.METHODS:
            raise SetupError(f"The executor {source}: another has that name; uninstall one of the two packages.")
        try:
            executor = point.load()(storage)
        except Exception as error:
            raise SetupError(f"The executor {source} cannot be loaded: {type(error).__name__}: {error}.") from error
        missing = [name for name in ("methods", "short", "problems", "run", "is_gone") if not hasattr(executor, name)]
        if missing:
            raise SetupError(f"The executor {source} is none: it has no {', '.join(missing)}.")
        found[point.name] = executor
    return found
