"""The console's pages beside the jobs, in a real browser: problems, workers, queue, types, notifications, users, help."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.browsing import Window, browsing, open_window
from tests.acceptance.conftest import PASSWORD, Client, Installation
from tests.receiver import receiving

#: Pages, and whether each follows what happens.
PAGES = {
    "problems": "/problems",
    "workers": "/workers",
    "queue": "/queue",
    "types": "/types",
    "type": "/types/TRANSCODE",
    "notifications": "/notifications",
    "notification": "/notifications/VX-1",
    "users": "/users",
    "user": "/users/reader",
    "configuration": "/configuration",
    "help": "/help",
    "help-page": "/help/settings",
}


async def make_users(client: Client) -> None:
    """Make somebody who may only read, and somebody who may act."""
    for name, roles in (("reader", ["_job_read"]), ("operator", ["_job_read", "_job_search", "_job_write"])):
        document = {"userName": name, "password": PASSWORD}
        status, body = await client.call("POST", "/user?passwordType=raw", json=document)
        assert status == 200, body
        for role in roles:
            status, body = await client.call("PUT", f"/group/{role}/user/{name}")
            assert status == 200, body


async def waiting_job(client: Client, installation: Installation, name: str) -> str:
    """Submit a job whose source is not there yet."""
    source, target = installation.storage / name, installation.storage / f"copy of {name}"
    id = await client.submit("COPY_FILE", sourceUri=source.as_uri(), destinationUri=target.as_uri())
    await client.until(id, "WAITING")
    return id


async def check_pages(window: Window, pages: dict[str, str]) -> None:
    """Look at pages in light and dark, and narrow: no serious fault, nothing wider than the screen."""
    for name, path in pages.items():
        await window.page.emulate_media(color_scheme="light")
        await window.go(path)
        await window.page.wait_for_function("document.documentElement.dataset.script !== undefined")
        assert await window.faults() == [], f"{path} in light"
        await window.show(name)
        await window.page.emulate_media(color_scheme="dark")
        assert await window.faults("color-contrast") == [], f"{path} in dark"
        await window.show(f"{name}-dark")
        await window.page.set_viewport_size({"width": 390, "height": 844})
        wide = await window.page.evaluate("document.documentElement.scrollWidth")
        await window.show(f"{name}-narrow")
        assert wide <= 390, f"{path} is {wide} pixels wide on a narrow screen"
        await window.page.set_viewport_size({"width": 1360, "height": 860})


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_an_operator_works_through_the_rooms(
    installation: Installation, client: Client, short_clip: Path, tmp_path: Path
) -> None:
    installation.run("serve", webhook_networks="127.0.0.0/8", resource="gpu=2", label="studio")
    await client.ready()
    await make_users(client)
    jobs = [await waiting_job(client, installation, name) for name in ("reel.mov", "tape.mov")]
    base = client.api.replace("/API", "/console")
    async with receiving() as receiver, browsing() as browser:
        notification = {"action": {"http": {"url": receiver.url("/jobs")}}, "trigger": {"job": {"stop": ""}}}
        status, body = await client.call("POST", "/job/notification", accept="*/*", json=notification)
        assert status == 200, body
        window = await open_window(browser, base, tmp_path)
        page = window.page
        await window.log_in("operator", PASSWORD)

        # A problem is retried: the page shows without being loaded again that it is gone.
        await window.go("/problems")
        await page.wait_for_selector('[data-live-state="on"] >> visible=true')
        assert await page.locator("section.problem").count() == 2
        (installation.storage / "reel.mov").write_bytes(short_clip.read_bytes())
        card = page.locator("section.problem", has_text="reel.mov")
        await card.get_by_role("button", name="Retry now").click()
        await page.wait_for_selector("text=queue again")
        await page.wait_for_function("document.querySelectorAll('section.problem').length === 1")
        assert (await client.until(jobs[0]))["status"] == "FINISHED"

        # One that comes meanwhile appears by itself.
        await page.evaluate("window.stays = true")
        third = await waiting_job(client, installation, "late.mov")
        await page.wait_for_selector("section.problem >> text=late.mov")
        assert await page.evaluate("window.stays")

        # All jobs of one are aborted, with a reason.
        card = page.locator("section.problem", has_text="tape.mov")
        await card.locator("summary", has_text="Abort all").click()
        await card.locator("input[name=reason]").fill("nobody wants it")
        await card.get_by_role("button", name="Abort 1 job").click()
        ended = await client.until(jobs[1])
        assert ended["status"] == "ABORTED"
        assert {"key": "abortReason", "value": "nobody wants it"} in ended["data"]
        assert window.errors == [] and window.strangers == []

        await look_as_a_reader(await open_window(browser, base, tmp_path), third)
        await look_without_scripts(await open_window(browser, base, tmp_path, scripts=False))

        admin = await open_window(browser, base, tmp_path)
        await admin.log_in("admin", PASSWORD)
        await admin.go("/notifications/VX-1")
        await admin.page.click("text=Send a test")
        await admin.page.wait_for_selector("text=it answered 200")
        told = [call.fields for call in receiver.at("/jobs") if "vidijobTest" in call.fields]
        assert len(told) == 1
        await check_pages(admin, PAGES)
        assert admin.errors == [] and admin.strangers == []


async def look_as_a_reader(window: Window, job: str) -> None:
    """What a reader may not do is not offered, and refused when it is tried."""
    page = window.page
    await window.log_in("reader", PASSWORD)
    await window.go("/problems")
    await page.wait_for_selector("section.problem >> text=late.mov")
    assert await page.get_by_role("button", name="Retry now").count() == 0
    assert await page.locator("nav >> text=Users >> visible=true").count() == 0
    id = (await page.locator("section.problem").first.get_attribute("id") or "").removeprefix("problem-")
    refused = await page.evaluate(
        """async ([id, csrf]) => {
            const form = new URLSearchParams({csrf});
            return (await fetch(`/console/problems/${id}/abort`, {method: "POST", body: form})).status;
        }""",
        [id, await page.locator("input[name=csrf]").first.get_attribute("value")],
    )
    assert refused == 403
    # The browser writes down that it was refused, and nothing else.
    assert len(window.errors) == 1 and "403" in window.errors[0], window.errors
    answer = await page.goto(window.base + "/users")
    assert answer is not None and answer.status == 403
    assert "You may not do that" in await page.inner_text("h1")


async def look_without_scripts(window: Window) -> None:
    """Everything can be read, and forms work, without scripts."""
    page = window.page
    await window.log_in("operator", PASSWORD)
    await window.go("/problems")
    assert await page.locator("section.problem", has_text="late.mov").count() == 1
    await page.locator("summary", has_text="Fail").click()
    await page.get_by_role("button", name="Let it fail").click()
    await page.wait_for_selector("text=fail as soon as their turn comes")
    for _ in range(100):
        await window.go("/problems")
        if await page.locator("section.problem").count() == 0:
            break
        await asyncio.sleep(0.1)
    assert "No job waits for anything" in await page.inner_text("main")
    await window.go("/queue?span=day")
    assert await page.locator("svg.plot").count() == 2
