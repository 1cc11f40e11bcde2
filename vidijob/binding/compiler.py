"""Turns plans into functions: a writer is generated as Python source, one function per shape, so that writing costs
what joining strings by hand costs. What the source says is the codec's business.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Compiler(Generic[Key]):
    """Functions made on demand, one per key, that may call each other and themselves."""

    def __init__(self, generate: Callable[[Key, Compiler[Key]], str], names: Mapping[str, object]) -> None:
        """Take what generates the source of ``def FUNCTION(...)`` for a key, and the names that the source may use."""
        self._generate = generate
        self._globals: dict[str, Any] = dict(names)
        self._names: dict[Key, str] = {}
        self._functions: dict[Key, Callable[..., Any]] = {}
        self._lock = threading.RLock()

    def function(self, key: Key) -> Callable[..., Any]:
        """Return the function of a key."""
        try:
            return self._functions[key]
        except KeyError:
            with self._lock:
                return self._functions.setdefault(key, self._globals[self.name(key)])

    def name(self, key: Key) -> str:
        """Return the name under which generated source calls the function of a key."""
        with self._lock:
            if key in self._names:
                return self._names[key]
            # Known before it is compiled: a class may nest in itself.
            name = self._names[key] = f"write_{len(self._names)}"
            source = self._generate(key, self).replace("FUNCTION", name, 1)
            exec(compile(source, f"<{key}>", "exec"), self._globals)
            return name
