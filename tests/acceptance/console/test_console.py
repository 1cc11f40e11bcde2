"""The console in a real browser, on a real server with real transcodes: what people do, and how every page looks in light and
in dark. Where ``VIDIJOB_TEST_SCREENSHOTS`` names a folder, a picture of each page is written there, for people to look at.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

from tests.acceptance.browsing import SHOTS
from tests.acceptance.conftest import PASSWORD
from tests.acceptance.console.conftest import Farm, Open

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SERIOUS = ("serious", "critical")
#: Every page of the console by its name; what is in braces stands for a job in that state.
PAGES = {
    "jobs": "/jobs",
    "jobs-narrowed": "/jobs?state=FAILED_TOTAL&state=FINISHED&type=TRANSCODE&type=FILE_ANALYZE",
    "jobs-none": "/jobs?q=nothing-is-called-this",
    "jobs-refused": "/jobs?q=%22",
    "job-running": "/jobs/{running}",
    "job-failed": "/jobs/{failed}",
    "job-finished": "/jobs/{finished}",
    "job-posters": "/jobs/{posters}",
    "job-waiting": "/jobs/{waiting}",
    "nothing": "/nowhere",
}
#: Those that have everything that the others have.
LOOKED_AT = ("jobs", "jobs-narrowed", "jobs-refused", "job-running", "job-failed", "job-posters", "nothing")
#: How much of the page moved without the visitor having done anything: what Chromium calls layout shift.
WATCH_SHIFTS = """() => {
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
  }).observe({type: "layout-shift"});
}"""


def row(page: Page, id: str) -> Locator:
    """Return the row of a job."""
    return page.locator(f"tr#{id}")


async def test_somebody_logs_in_with_keys_only(window: Open) -> None:
    page = await window(None, "/jobs?state=HOLD")
    await expect(page).to_have_url(re.compile("/login"))
    # The first field has the focus.
    await page.keyboard.type("operator")
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/jobs\?state=HOLD$"))
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("j")
    await expect(page).to_have_url(re.compile("/console/jobs$"))
    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_text("You have logged out.")).to_be_visible()
    await page.goto("/console/jobs")
    await expect(page).to_have_url(re.compile("/login"))


async def test_a_transcode_is_watched_as_it_runs_and_aborted(window: Open, farm: Farm) -> None:
    page = await window("operator")
    await expect(page.locator("[data-live-state=on] >> visible=true")).to_be_visible()
    source, target = (farm.storage / "long.mov").as_uri(), (farm.storage / "watched").as_uri()
    id = await farm.submit("TRANSCODE", sourceUri=source, tag="hevc", destinationUri=target + "/")
    # It comes into the table by itself, and then runs.
    await expect(row(page, id)).to_be_visible()
    await expect(row(page, id).locator(".badge")).to_have_text("Running")
    await row(page, id).get_by_role("link", name=id).click()
    bar = page.locator("#steps progress")
    await expect(bar).to_be_visible()
    await page.evaluate(WATCH_SHIFTS)
    seen = {0.0}
    async with asyncio.timeout(20):
        while len(seen) < 4:
            seen.add(await bar.evaluate("bar => bar.value"))
            await asyncio.sleep(0.1)
    await expect(page.locator("#steps .took", has_text="left")).to_be_visible()
    assert await page.evaluate("window.shifts") < 0.01
    await page.keyboard.press("a")
    await page.get_by_label("Reason, for the log").fill("the wrong <film>")
    await page.get_by_role("button", name=f"Abort {id}").click()
    await expect(page.locator("#state .badge")).to_have_text("Aborted")
    await expect(page.locator("#abort-reason")).to_contain_text("the wrong <film>")
    assert "did=" not in page.url


async def test_a_facet_is_clicked_and_taken_away(window: Open, farm: Farm) -> None:
    held = await farm.submit("TRANSCODE", hold=True, title="held")
    done = await farm.submit("FILE_ANALYZE", sourceUri=(farm.storage / "short.mov").as_uri())
    await farm.until(done, "FINISHED")
    page = await window("reader")
    facet = page.get_by_role("complementary").get_by_role("link", name=re.compile("On hold"))
    await facet.click()
    await expect(page).to_have_url(re.compile(r"\?state=HOLD$"))
    await expect(row(page, held)).to_be_visible()
    await expect(row(page, done)).to_have_count(0)
    await expect(facet).to_have_attribute("aria-current", "true")
    count = int(await facet.locator(".count").inner_text())
    # The counts are live.
    await farm.submit("TRANSCODE", hold=True)
    await expect(facet.locator(".count")).to_have_text(str(count + 1))
    await page.get_by_role("list", name="What the search is narrowed by").get_by_role("link", name="HOLD").click()
    await expect(row(page, done)).to_be_visible()


async def test_several_are_selected_aborted_and_run_again(window: Open, farm: Farm) -> None:
    ids = [await farm.submit("TRANSCODE", hold=True, title=f"many {n}") for n in range(4)]
    page = await window("operator", "/jobs?q=title%3Dmany*")
    bar = page.locator("[data-selected]")
    await expect(bar).to_be_hidden()
    await row(page, ids[3]).get_by_role("checkbox").check()
    await row(page, ids[1]).get_by_role("checkbox").click(modifiers=["Shift"])
    await expect(bar).to_contain_text("3 selected")
    # While some are selected, no row comes in between.
    extra = await farm.submit("TRANSCODE", hold=True, title="many more")
    await expect(page.get_by_role("button", name="1 more job")).to_be_visible()
    await expect(row(page, extra)).to_have_count(0)
    await bar.get_by_role("button", name="Abort…").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Abort 3 jobs?")
    await page.get_by_role("button", name="Abort 3 jobs").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("3 of 3 jobs aborted")
    await page.get_by_role("link", name="Back").click()
    await expect(row(page, ids[3]).locator(".badge")).to_have_text("Aborted")
    await expect(row(page, ids[0]).locator(".badge")).to_have_text("On hold")
    await row(page, ids[3]).get_by_role("link", name=ids[3]).click()
    await page.get_by_role("button", name="Re-run…").click()
    await page.get_by_label("Keep the copies on hold").check()
    await page.get_by_role("button", name=re.compile("^Run")).click()
    await expect(page.get_by_text("This is the new job")).to_be_visible()
    await expect(page.get_by_role("link", name=ids[3], exact=True)).to_be_visible()
    await page.get_by_role("button", name="Release").click()
    await page.get_by_role("button", name=re.compile("^Release")).click()
    await expect(page.locator("#state .badge")).not_to_have_text("On hold")


async def test_who_may_only_read_is_offered_nothing_and_refused(window: Open, farm: Farm) -> None:
    id = await farm.submit("TRANSCODE", hold=True)
    page = await window("reader", f"/jobs/{id}")
    await expect(page.get_by_role("button", name=re.compile("…$"))).to_have_count(0)
    # Even who sends the form of somebody else's page.
    await page.evaluate(
        """id => {
          const form = document.querySelector('form[action$="/logout"]');
          form.action = form.action.replace("/logout", "/jobs/selected");
          for (const [name, value] of [["do", "abort"], ["id", id], ["sure", "yes"]]) {
            const field = document.createElement("input");
            field.type = "hidden"; field.name = name; field.value = value;
            form.append(field);
          }
          form.submit();
        }""",
        id,
    )
    await expect(page.get_by_role("heading", level=1)).to_have_text("You may not do that")
    await expect(page.locator("main")).to_contain_text("The user reader lacks the role _job_write.")
    assert (await farm.call("GET", f"/job/{id}"))["status"] == "HOLD"


async def test_all_can_be_read_without_scripts(window: Open, farm: Farm) -> None:
    id = await farm.submit("FILE_ANALYZE", sourceUri=(farm.storage / "short.mov").as_uri(), title="plain")
    await farm.until(id, "FINISHED")
    page = await window("operator", "/jobs?q=title%3Dplain", java_script_enabled=False)
    await row(page, id).get_by_role("link", name=id).click()
    await expect(page.locator("#state .badge")).to_have_text("Finished")
    await expect(page.locator("#log")).to_contain_text("FINISHED")
    await expect(page.locator("#timeline svg").first).to_be_visible()
    await page.get_by_role("button", name="Delete…").click()
    await page.get_by_role("button", name=f"Delete {id}").click()
    await expect(page.get_by_text("The job is deleted.")).to_be_visible()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(farm: Farm) -> dict[str, str]:
    """Jobs in the states that pages differ by."""
    short, out = (farm.storage / "short.mov").as_uri(), (farm.storage / "looks").as_uri() + "/"
    (farm.storage / "torn.mov").write_bytes(b"torn")
    jobs = {
        "posters": await farm.submit("THUMBNAIL", sourceUri=short, destinationUri=out, createPosters="00:00:00:10"),
        "finished": await farm.submit(
            "TRANSCODE", sourceUri=short, tag="lowres", destinationUri=out, title="Evening news"
        ),
        "failed": await farm.submit("FILE_ANALYZE", priority="HIGH", sourceUri=(farm.storage / "torn.mov").as_uri()),
        "waiting": await farm.submit("COPY_FILE", sourceUri=(farm.storage / "gone.mov").as_uri(), destinationUri=out),
    }
    await farm.until(jobs["finished"], "FINISHED")
    await farm.until(jobs["posters"], "FINISHED")
    await farm.until(jobs["failed"], "FAILED_TOTAL")
    await farm.until(jobs["waiting"], "WAITING")
    long = (farm.storage / "long.mov").as_uri()
    jobs["running"] = await farm.submit("TRANSCODE", priority="HIGHEST", sourceUri=long, tag="hevc", destinationUri=out)
    await farm.until(jobs["running"], "STARTED")
    return jobs


async def test_the_pictures_that_a_job_made_are_seen(window: Open, shown: dict[str, str]) -> None:
    page = await window("reader", f"/jobs/{shown['posters']}")
    picture = page.locator(".pictures img")
    await expect(picture).to_have_js_property("naturalWidth", 160)
    await expect(picture).to_have_attribute("alt", "short_poster.jpg")


async def look(page: Page, name: str, found: dict[str, list[str]]) -> None:
    """Note what axe holds for serious, in light and, where it is only about colours, in dark; keep pictures of both."""
    for scheme, options in (("light", None), ("dark", {"runOnly": ["color-contrast", "link-in-text-block"]})):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        answer: Any = (await Axe().run(page, options=options)).response
        wrong = [
            f"{one['id']} ({one['impact']}): {', '.join(node['html'][:120] for node in one['nodes'][:3])}"
            for one in answer["violations"]
            if one["impact"] in SERIOUS
        ]
        if wrong:
            found[f"{name} in {scheme}"] = wrong
        await keep(page, f"{name}-{scheme}")


async def keep(page: Page, name: str) -> None:
    """Write a picture, where somebody wants to look at it."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


async def test_nobody_is_shut_out(window: Open, farm: Farm, shown: dict[str, str]) -> None:
    found: dict[str, list[str]] = {}
    await look(await window(None, "/login"), "login", found)
    page = await window("admin", "/jobs")
    for name in LOOKED_AT:
        await page.goto("/console" + PAGES[name].format(**shown))
        await look(page, name, found)
    await page.goto("/console/jobs")
    await page.locator("tbody input[type=checkbox]").first.check()
    await look(page, "selected", found)
    await page.get_by_role("button", name="Abort…").click()
    await look(page, "sure", found)
    await page.get_by_role("button", name="Shortcuts").click()
    await look(page, "keys", found)
    assert found == {}


async def test_nothing_is_cut_off_on_a_narrow_screen(window: Open, farm: Farm, shown: dict[str, str]) -> None:
    page = await window("admin", "/jobs", viewport={"width": 360, "height": 740})
    wide = {}
    for name, path in PAGES.items():
        await page.goto("/console" + path.format(**shown))
        wide[name] = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        await keep(page, f"{name}-narrow")
    assert {name: over for name, over in wide.items() if over > 0} == {}
    await page.get_by_label("Menu").click()
    await keep(page, "menu-narrow")
    await page.locator("[data-menu]").get_by_role("link", name="Jobs").click()
    await page.wait_for_url("**/console/jobs")
