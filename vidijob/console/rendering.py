"""How templates are rendered: what they may call, everything escaped, and nothing undefined passed over."""

from __future__ import annotations

from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from vidijob.console import assets, words

_FOLDER = Path(__file__).with_name("templates")


def install(application: web.Application) -> None:
    """Let the views of an application render templates."""
    environment = aiohttp_jinja2.setup(
        application,
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        # Templates do not change under a server.
        auto_reload=False,
        enable_async=False,
    )
    environment.globals["asset"] = asset
    environment.globals["look"] = words.look
    environment.globals["now"] = words.now
    environment.filters["ago"] = words.ago
    environment.filters["moment"] = words.moment
    environment.filters["iso"] = words.iso
    environment.filters["lasting"] = words.lasting
    environment.filters["sized"] = words.sized
    environment.filters["grouped"] = words.grouped


@jinja2.pass_context
def asset(context: jinja2.runtime.Context, name: str) -> str:
    """Return the address of a file of ``static/``."""
    if name not in assets.contents():
        raise LookupError(f"There is no file {name} in {assets.FOLDER}.")
    return f"{context['visit'].root}/static/{assets.version()}/{name}"
