"""The executors of this server by name: what a task definition's ``bean`` may say. It knows no job types."""

from __future__ import annotations

from collections.abc import Mapping

from vidijob.errors import NotFound
from vidijob.executors.base import Executor


class Registry:
    """Names and the executors behind them."""

    def __init__(self, executors: Mapping[str, Executor]) -> None:
        self._executors = dict(executors)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, in the order they were given in."""
        return tuple(self._executors)

    def get(self, name: str) -> Executor:
        """Return an executor, or raise ``NotFound``."""
        try:
            return self._executors[name]
        except KeyError:
            raise NotFound("Executor", name) from None

    def has(self, name: str, method: str) -> bool:
        """Tell whether there is such an executor and it can do that."""
        executor = self._executors.get(name)
        return executor is not None and method in executor.methods

    @property
    def short(self) -> tuple[str, ...]:
        """Return the methods that take only moments, each as ``executor.method``."""
        return tuple(f"{name}.{method}" for name, executor in self._executors.items() for method in executor.short)

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the types of problems that some executor can look after."""
        return tuple(sorted({type for executor in self._executors.values() for type in executor.problems}))

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether the condition of a problem holds no longer, by those who can look after it."""
        for executor in self._executors.values():
            if type in executor.problems and await executor.is_gone(type, data):
                return True
        return False
