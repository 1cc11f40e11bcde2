"""How it is logged: for people at a terminal, plainly for a journal that keeps the time itself, or a line with one JSON object for each entry. Both say which request and which job an entry
belongs to, wherever in the program it was written.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

import orjson
from rich.console import Console
from rich.logging import RichHandler

from vidijob.observability import tracing

Form = Literal["pretty", "plain", "json"]

#: The request that is being answered, and the job that is being worked on, in this task.
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
JOB: ContextVar[str | None] = ContextVar("job", default=None)


class JsonFormatter(logging.Formatter):
    """One object in a line: time, level, logger, message, process; request, job, trace and error where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        belongs = {"request": REQUEST.get(), "job": JOB.get(), "trace": tracing.trace_id()}
        entry |= {name: value for name, value in belongs.items() if value is not None}
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            entry |= fields
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class PrettyFormatter(logging.Formatter):
    """The logger and the message, with the ids that the message does not have itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        text = super().format(record)
        missing = [value for value in (REQUEST.get(), JOB.get()) if value is not None and value not in text]
        if not missing:
            return text
        first, separator, rest = text.partition("\n")
        return f"{first} [{' '.join(missing)}]{separator}{rest}"


def configure(level: str, form: Form, *, with_process: bool) -> None:
    """Have this process log to its standard error; ``with_process`` where several write to the same one."""
    process = "%(process)d " if with_process else ""
    if form == "json":
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
    elif form == "plain":
        handler = logging.StreamHandler()
        handler.setFormatter(PrettyFormatter("%(levelname)s " + process + "%(name)s: %(message)s"))
    else:
        handler = RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=False)
        handler.setFormatter(PrettyFormatter(process + "%(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
