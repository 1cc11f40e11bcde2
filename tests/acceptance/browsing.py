"""A real browser, Debian's Chromium, for the tests that look at the console: whoever has none skips them."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

#: Where screenshots go for people to look at; without it they are made, and go with the test.
SHOTS = os.environ.get("VIDIJOB_TEST_SCREENSHOTS")
#: What cannot be waited away: axe calls these the worst.
_SERIOUS = ("serious", "critical")


@dataclass
class Window:
    """One page of a browser, and what went wrong in it."""

    page: Page
    base: str
    folder: Path
    #: What its console complained of.
    errors: list[str] = field(default_factory=list)
    #: Addresses of other hosts that it asked.
    strangers: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Begin to write down what goes wrong."""
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.base).netloc and not url.startswith("data:"):
            self.strangers.append(url)

    async def go(self, path: str) -> None:
        """Load a page of the console."""
        await self.page.goto(self.base + path)

    async def log_in(self, name: str, password: str) -> None:
        """Log in, and wait for the first page."""
        await self.go("/login")
        await self.page.fill("[name=name]", name)
        await self.page.fill("[name=password]", password)
        await self.page.click("button.primary")
        await self.page.wait_for_url(lambda url: "/login" not in url)

    async def faults(self, *rules: str) -> list[str]:
        """Return what axe-core finds on the page that is serious, by all its rules or some."""
        options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        found: dict[str, Any] = (await Axe().run(self.page, options=options)).response
        return [
            f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
            for one in found["violations"]
            if one["impact"] in _SERIOUS
        ]

    async def show(self, name: str) -> None:
        """Make a picture of the page as it is, where somebody wants to look at it."""
        if SHOTS:
            await self.shoot(name)

    async def shoot(self, name: str) -> Path:
        """Make a picture of the page as it is."""
        path = self.folder / f"{name}.png"
        await self.page.screenshot(path=path)
        return path


def chromium() -> str:
    """Return where Chromium is; skips the test where it is not."""
    for name in ("chromium", "chromium-browser"):
        if (found := shutil.which(name)) is not None:
            return found
    pytest.skip("there is no Chromium here: apt-get install chromium")


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Run a browser."""
    program = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


async def open_window(browser: Browser, base: str, folder: Path, *, scripts: bool = True) -> Window:
    """Open a window of its own, in which nobody has logged in."""
    context = await browser.new_context(
        viewport={"width": 1360, "height": 860},
        color_scheme="light",
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )
    shots = Path(SHOTS) if SHOTS else folder
    shots.mkdir(parents=True, exist_ok=True)
    window = Window(await context.new_page(), base, shots)
    window.listen()
    return window
