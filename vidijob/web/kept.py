"""What was written once and will be asked for again, as bytes, the latest used for longest; it does not know of what."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

#: What an entry takes beside its bytes: its key, its place.
_BESIDE = 400


class Kept:
    """A bounded store; what is over the bound goes, that first which was not used for longest."""

    def __init__(self, most: int) -> None:
        """Take how many bytes it may hold in all; 0: it holds nothing."""
        self._most = most
        self._held = 0
        self._entries: OrderedDict[Hashable, tuple[object, bytes]] = OrderedDict()

    @property
    def holds_any(self) -> bool:
        """Whether it may hold anything."""
        return self._most > 0

    @property
    def held(self) -> int:
        """How many bytes it holds, with what they need beside."""
        return self._held

    def version(self, key: Hashable) -> object | None:
        """Return which version there is under a key, or ``None``."""
        found = self._entries.get(key)
        return None if found is None else found[0]

    def get(self, key: Hashable, version: object) -> bytes | None:
        """Return what was kept under a key, if it is of that version."""
        found = self._entries.get(key)
        if found is None or found[0] != version:
            return None
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, version: object, content: bytes) -> None:
        """Keep something, in the place of any other version."""
        before = self._entries.pop(key, None)
        if before is not None:
            self._held -= len(before[1]) + _BESIDE
        if len(content) + _BESIDE > self._most:
            return
        self._entries[key] = version, content
        self._held += len(content) + _BESIDE
        while self._held > self._most:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._held -= len(dropped) + _BESIDE
