"""The help pages, as Markdown beside this file: what the command line and the console show. It knows neither of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from vidijob.errors import NotFound

#: The pages, in the order in which they are listed.
TOPICS = (
    "commands",
    "jobtypes",
    "files",
    "executors",
    "problems",
    "webhooks",
    "users",
    "settings",
    "containers",
    "systemd",
    "scaling",
    "sites",
    "capacity",
    "dask",
    "hardening",
    "backup",
    "failover",
    "upgrade",
    "metrics",
    "vidicore",
    "figures",
    "faults",
    "design",
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    topic: str
    #: Its first line, without the mark of a heading.
    title: str
    #: The paragraph after it, in one line.
    summary: str
    #: The whole, in Markdown.
    text: str


def page(topic: str) -> Page:
    """Return a page; raises ``NotFound``."""
    if topic not in TOPICS:
        raise NotFound("help page", topic)
    text = files(__name__).joinpath(f"{topic}.md").read_text("utf-8")
    title, _, rest = text.partition("\n")
    summary = re.sub(r"\s+", " ", rest.strip().partition("\n\n")[0])
    return Page(topic, title.removeprefix("# "), summary, text)


def pages() -> tuple[Page, ...]:
    """Return all pages."""
    return tuple(map(page, TOPICS))
