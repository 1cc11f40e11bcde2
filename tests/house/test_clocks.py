"""Only the clock of the database decides: machines disagree about the time."""

from __future__ import annotations

import re

from tests.house.source import PACKAGE

WALL_CLOCK = re.compile(r"\b(datetime\.(now|utcnow|today)|time\.time(_ns)?|date\.today)\(")
#: Where a line of a job's log is noted or a call is stamped for whoever gets it: it is shown, nothing is decided by it here.
SHOWN = {"engine/run.py", "engine/sub_tasks.py", "web/outbound.py", "api/arcgis/token.py", "api/azure/routes.py"}
#: Where the time of a signed call is held against ours, as those who sign it expect; nothing is stored of it.
SIGNED = {"api/queues/signature.py"}


def test_nothing_that_is_stored_is_decided_by_the_clock_of_a_process() -> None:
    found = {
        str(file.relative_to(PACKAGE))
        for room in ("jobs", "store", "engine", "executors", "web", "api")
        for file in (PACKAGE / room).rglob("*.py")
        if WALL_CLOCK.search(file.read_text("utf-8"))
    }
    assert found == SHOWN | SIGNED
