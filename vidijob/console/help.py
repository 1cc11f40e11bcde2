"""The help pages: Markdown of ``vidijob.help`` as HTML, with nothing of HTML in it taken as such."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from aiohttp import web
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from vidijob import help as pages
from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.errors import NotFound
from vidijob.web.routing import Open, Route

_CALL = re.compile(r"vidijob help ([a-z]+)")
_FILE = re.compile(r"([a-z]+)\.md(#.*)?")


@dataclass(frozen=True, slots=True)
class Written:
    """A page as HTML."""

    body: Markup
    #: Its parts: an anchor and a heading each.
    parts: Sequence[tuple[str, str]]


async def listing(visit: Visit) -> web.StreamResponse:
    """Show which pages there are."""
    return visit.page("help.html", pages=pages.pages(), page=None, written=None)


async def show(visit: Visit) -> web.StreamResponse:
    """Show one page."""
    topic = visit.path["topic"]
    if topic not in pages.TOPICS:
        raise NotFound("help page", topic)
    return visit.page("help.html", pages=pages.pages(), page=pages.page(topic), written=_written(topic, visit.root))


@cache
def _written(topic: str, root: str) -> Written:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(pages.page(topic).text)
    parts = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            words = tokens[place + 1].content
            anchor = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
            token.attrSet("id", anchor)
            parts.append((anchor, words))
        elif token.type == "table_open":
            token.attrSet("class", "table")
        elif token.type == "inline" and token.children is not None:
            token.children = [one for child in token.children for one in _linked(child, root)]
    body = markdown.renderer.render(tokens, markdown.options, {})
    # What is wide moves sideways by itself, also without a mouse.
    for open, close in (("<table", "</table>"), ("<pre>", "</pre>")):
        body = body.replace(open, f'<div class="scroll" tabindex="0" role="region" aria-label="Example">{open}')
        body = body.replace(close, f"{close}</div>")
    return Written(Markup(body), parts)


def _linked(token: Token, root: str) -> list[Token]:
    """Return a token, as a link where it tells to call another page; a link to the file of another leads to that page."""
    if token.type == "link_open":
        file = _FILE.fullmatch(str(token.attrGet("href")))
        if file is not None and file[1] in pages.TOPICS:
            token.attrSet("href", f"{root}/help/{file[1]}{file[2] or ''}")
        return [token]
    called = _CALL.fullmatch(token.content) if token.type == "code_inline" else None
    if called is None or called[1] not in pages.TOPICS:
        return [token]
    link = Token("link_open", "a", 1, attrs={"href": f"{root}/help/{called[1]}"})
    return [link, token, Token("link_close", "a", -1)]


_ROUTES: list[Route[View]] = [
    Route("GET", "/help", listing, Open.TO_USERS),
    Route("GET", "/help/{topic}", show, Open.TO_USERS),
]
ROOM = Room(_ROUTES, Entry("Help", "/help", "help", Open.TO_USERS, "h"))
