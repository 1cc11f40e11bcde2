"""Makes the picture of the console that the README shows: ``uv run python -m tests.screenshot``. A real server, real jobs."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp
from PIL import Image

from tests.acceptance.browsing import browsing, open_window
from tests.acceptance.conftest import PASSWORD, Client, Installation, make_clip

TARGET = Path(__file__).parents[1] / "vidijob" / "help" / "console.png"
_WIDE, _HIGH = 1280, 800


async def fill(client: Client, storage: Path) -> str:
    """Let jobs end, fail, wait, queue and run; returns one that runs."""
    clip = make_clip(storage / "clip.mov", 2, "320x180").as_uri()
    film = make_clip(storage / "film.mov", 90, "1280x720").as_uri()
    out = storage.as_uri() + "/out"
    ended = [
        await client.submit("TRANSCODE", sourceUri=clip, destinationUri=f"{out}/trailer.mp4", tag="lowres"),
        await client.submit("THUMBNAIL", sourceUri=clip, destinationUri=f"{out}/posters/"),
        await client.submit("ANALYZE", "HIGH", sourceUri=clip),
        await client.submit("COPY_FILE", "LOW", sourceUri=clip, destinationUri=f"{out}/archive.mov"),
        await client.submit("FILE_ANALYZE", sourceUri=clip),
        await client.submit("COPY_FILE", sourceUri=clip, destinationUri="file:///etc/clip.mov"),
        await client.submit("EXPORT", sourceUri=clip, destinationUri=f"{out}/export/"),
    ]
    for job in ended:
        await client.until(job)
    for name in ("tape-12.mov", "tape-13.mov"):
        await client.submit(
            "TRANSCODE", "HIGH", sourceUri=f"{storage.as_uri()}/{name}", destinationUri=f"{out}/", tag="h264"
        )
    running = [
        await client.submit("TRANSCODE", "HIGHEST", sourceUri=film, destinationUri=f"{out}/film-{tag}.mp4", tag=tag)
        for tag in ("h264", "hevc", "lowres")
    ]
    await client.until_transcoding(running[0])
    for number in range(4):
        await client.submit("TRANSCODE", sourceUri=film, destinationUri=f"{out}/reel-{number}.mp4", tag="lowres")
    return running[0]


async def shoot(folder: Path) -> Path:
    """Return a picture of the table of jobs."""
    installation = Installation(folder)
    installation.storage.mkdir()
    installation.run("serve")
    try:
        async with aiohttp.ClientSession() as session, browsing() as browser:
            client = Client(session, installation)
            await client.ready()
            await fill(client, installation.storage)
            window = await open_window(browser, client.api.replace("/API", "/console"), folder)
            await window.page.set_viewport_size({"width": _WIDE, "height": _HIGH})
            await window.log_in("admin", PASSWORD)
            await window.go("/jobs")
            await window.page.wait_for_selector('[data-live-state="on"] >> visible=true')
            await asyncio.sleep(3)
            return await window.shoot("console")
    finally:
        installation.end()


def main() -> None:
    """Make the picture, small."""
    with tempfile.TemporaryDirectory() as folder:
        picture = asyncio.run(shoot(Path(folder)))
        Image.open(picture).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(TARGET, optimize=True)
    sys.stdout.write(f"{TARGET}: {TARGET.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
