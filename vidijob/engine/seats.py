"""What the leader knows of the slots. Nobody else fills them, so that it need not read them all each time: it remembers where
they lie and who is in them, and asks the jobs who has ended.

That stays as quick while somebody reads from one snapshot for a long time, when whoever reads the slots themselves passes all
that they have been since: one more for each job. What it knows may be wrong: the database fills no slot that is not free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vidijob.jobs.model import Priority
from vidijob.jobs.policy import Slot
from vidijob.jobs.pools import Arrangement
from vidijob.store import slots
from vidijob.store.database import Database
from vidijob.store.limits import Limits
from vidijob.store.slots import Row


class Seats:
    """The slots of one database, as far as they are known."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[int, Row] = {}
        #: Those that may be filled once they are free, the one that was filled longest ago first: whoever fills one passes all
        #: that it was since the oldest snapshot, so that they take turns.
        self._slots: dict[int, Slot] = {}
        #: Those kept for jobs that are on their way, and those that were since it began to look: what is read may be older.
        self._kept: set[int] = set()
        self._touched: set[int] = set()

    def begin(self) -> None:
        """Begin to look: whatever is read from now on is no older than what is known now."""
        self._touched.clear()

    def know(self, stored: Limits, change: Arrangement, moved: Mapping[int, str]) -> None:
        """Take over what was read, with what was changed since: ``moved`` says where those slots lie now."""
        known = {number: self._rows[number] for number in self._kept | self._touched if number in self._rows}
        levels = {seat.number: seat.kept_for for seat in stored.seats} | change.kept_for
        self._rows = {
            **stored.rows,
            **{number: row for number, row in known.items() if number in stored.rows},
            **{number: Row(tid, None) for number, tid in moved.items() if number not in stored.rows},
        }
        self.move(moved)
        self._slots = {
            number: Slot(number, levels[number])
            for number in dict.fromkeys((*self._slots, *self._rows))
            if number in self._rows
            # Such a one is about to go.
            and levels[number] is not Priority.IMMEDIATE
            and number not in change.removed
        }

    def move(self, tids: Mapping[int, str]) -> None:
        """Remember where slots lie that were changed."""
        for number, tid in tids.items():
            if number in self._rows:
                self._rows[number].tid = tid

    def fill(self, filled: Mapping[int, Row]) -> None:
        """Remember who was put into slots."""
        self._rows |= filled
        for number in self._slots.keys() & filled.keys():
            self._slots[number] = self._slots.pop(number)

    def free(self) -> list[Slot]:
        """Return the slots that are free, as far as that is known, but for those that are kept."""
        return [
            slot for number, slot in self._slots.items() if self._rows[number].job is None and number not in self._kept
        ]

    @contextmanager
    def keeping(self, number: int) -> Iterator[None]:
        """Keep a slot for a job that is on its way."""
        self._kept.add(number)
        try:
            yield
        finally:
            self._kept.discard(number)
            self._touched.add(number)

    def tids(self) -> dict[int, str]:
        """Return where the slots lie."""
        return {number: row.tid for number, row in self._rows.items()}

    async def look(self) -> bool:
        """Ask who has ended; tells whether that is all: else the slots have to be read."""
        inside = {row.job: row for row in self._rows.values() if row.job is not None}
        if not inside:
            return True
        left = await slots.left(self._database, inside)
        for job in left.ended:
            inside[job].job = None
        return not left.others
