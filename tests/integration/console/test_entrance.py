"""Who comes in, and how: sessions, forms of others, roles, and the pages that say what is wrong."""

from __future__ import annotations

import hashlib
from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.integration.console.conftest import Browser
from tests.integration.engine.conftest import Engine
from tests.integration.serving import PASSWORD, served
from vidijob.engine.accounts import SESSION
from vidijob.store.database import Database


def session_of(browser: Browser) -> str:
    """Return the session that a browser has; empty: none."""
    return next((cookie.value for cookie in browser.session.cookie_jar if cookie.key == "vidijob_session"), "")


async def test_who_has_not_logged_in_does_so_and_comes_to_where_he_wanted(browser: Browser) -> None:
    shown = await browser.get("/jobs?state=READY", follow=False)
    assert (shown.status, shown.headers["Location"]) == (303, "/console/login?next=%2Fjobs%3Fstate%3DREADY")
    csrf = (await browser.get("/login")).csrf
    form = {"csrf": csrf, "name": "reader", "password": PASSWORD, "next": "/jobs?state=READY"}
    taken = await browser.post("/login", form, follow=False)
    assert (taken.status, taken.headers["Location"]) == (303, "/console/jobs?state=READY")
    assert (await browser.get("/jobs")).status == 200


async def test_a_wrong_password_is_refused_without_saying_which_users_there_are(browser: Browser) -> None:
    for name, password in (("reader", "wrong"), ("not there", PASSWORD), ("\x00", "x"), ("", "")):
        shown = await browser.send("/login", [("name", name), ("password", password)])
        assert shown.status in (400, 401), name
        assert "correct horse" not in shown.text
    assert not session_of(browser)


async def test_a_cookie_of_somebody_else_is_not_taken_over(browser: Browser) -> None:
    hostile = r'vidijob_visitor="aaaaaaaaaaaaaaaaaaaaaaaa\012Set-Cookie: x=1"'
    shown = await browser.get("/login", headers={"Cookie": hostile})
    given = SimpleCookie(next(one for one in shown.headers.getall("Set-Cookie") if "visitor" in one))
    assert shown.status == 200 and given["vidijob_visitor"].value.isprintable()
    assert "aaaa" not in given["vidijob_visitor"].value


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "/\\evil.example", "/logout"])
async def test_a_login_leads_nowhere_else(browser: Browser, following: str) -> None:
    csrf = (await browser.get("/login")).csrf
    form = {"csrf": csrf, "name": "reader", "password": PASSWORD, "next": following}
    assert (await browser.post("/login", form, follow=False)).headers["Location"] == "/console/"


async def test_the_session_is_a_cookie_that_no_script_and_no_other_site_gets(browser: Browser) -> None:
    csrf = (await browser.get("/login")).csrf
    form = {"csrf": csrf, "name": "reader", "password": PASSWORD}
    taken = await browser.post("/login", form, follow=False)
    cookie = SimpleCookie("".join(one for one in taken.headers.getall("Set-Cookie") if "vidijob_session" in one))
    morsel = cookie["vidijob_session"]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Lax", "/console")
    assert int(morsel["max-age"]) == SESSION
    assert not morsel["secure"]


async def test_behind_https_it_is_sent_over_https_only(engine: Engine, database: Database, server: object) -> None:
    async with served(engine, public_url="https://jobs.example.org/farm") as client:
        browser = Browser(client)
        shown = await browser.get("/login", follow=False)
        cookie = SimpleCookie(shown.headers["Set-Cookie"])["vidijob_visitor"]
        assert (cookie["secure"], cookie["path"]) == (True, "/farm/console")
        assert 'action="/farm/console/login"' in shown.text
        await browser.session.close()


async def test_the_database_knows_a_session_by_its_digest_so_any_process_does(
    browser: Browser, engine: Engine, database: Database
) -> None:
    await browser.log_in("reader")
    token = session_of(browser)
    async with database.session() as session:
        await session.script(
            f"DO $$ BEGIN ASSERT (SELECT count(*) = 1 FROM token WHERE encode(digest, 'hex') = "
            f"'{hashlib.sha256(token.encode()).hexdigest()}' AND expires_at < now() + interval '12 hours 1 minute'); END $$"
        )
    # Another process, or this one after a restart.
    async with served(engine) as client:
        other = Browser(client)
        assert (await other.get("/jobs", headers={"Cookie": f"vidijob_session={token}"})).status == 200
        await other.session.close()


async def test_logging_out_ends_the_session_everywhere(browser: Browser) -> None:
    await browser.log_in("reader")
    token = session_of(browser)
    shown = await browser.send("/logout", [], "/jobs")
    assert "You have logged out." in shown.words
    assert not session_of(browser)
    again = await browser.get("/jobs", follow=False, headers={"Cookie": f"vidijob_session={token}"})
    assert again.status == 303


async def test_a_form_without_its_token_or_with_anothers_is_refused(browser: Browser) -> None:
    strange = (await browser.get("/login")).csrf
    await browser.log_in("operator")
    for form in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": strange}):
        shown = await browser.post("/theme", {"theme": "dark", **form})
        assert shown.status == 403
        assert "This form is out of date" in shown.words
    assert (await browser.post("/theme", b"{}", headers={"Content-Type": "application/json"})).status == 400
    large = await browser.post("/theme", b"a=" + b"b" * 300_000, headers={"Content-Type": _FORM})
    assert large.status == 413


_FORM = "application/x-www-form-urlencoded"


async def test_who_has_no_role_is_shown_nothing_and_told_whom_to_ask(browser: Browser) -> None:
    shown = await browser.log_in("nobody")
    assert "vidijob user grant nobody _job_read" in shown.words
    refused = await browser.get("/jobs")
    assert refused.status == 403
    assert "The user nobody lacks the role _job_read." in refused.words
    assert 'href="/console/jobs"' not in refused.text


async def test_every_answer_forbids_what_is_inline_and_what_is_of_others(browser: Browser) -> None:
    pages = [await browser.get("/login")]
    await browser.log_in("admin")
    pages += [await browser.get(path) for path in ("/jobs", "/nowhere", "/jobs?number=x")]
    for shown in pages:
        policy = shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert " style=" not in shown.text
        assert " onclick=" not in shown.text
        assert "<script>" not in shown.text


async def test_an_address_that_is_nothing_says_so_to_users_only(browser: Browser) -> None:
    assert (await browser.get("/nowhere", follow=False)).status == 303
    await browser.log_in("reader")
    for path in ("/nowhere", "/jobs/x/y/z", "/%0a"):
        shown = await browser.get(path)
        assert shown.status == 404, path
        assert "Ids of jobs look like VX-80" in shown.words
    assert (await browser.get("/logout")).status == 405
    assert (await browser.get("/%ff")).status == 400
    assert (await browser.get("/jobs?x=%00")).status == 400


async def test_files_are_kept_by_their_address_and_need_no_login(
    browser: Browser, server: TestClient[web.Request, web.Application]
) -> None:
    text = (await browser.get("/login")).text
    address = text.partition('href="/console/static/')[2].partition('"')[0]
    shown = await browser.get(f"/static/{address}")
    assert shown.status == 200
    assert "immutable" in shown.headers["Cache-Control"]
    assert (await browser.get(f"/static/old/{address.partition('/')[2]}")).headers["Cache-Control"] == "no-store"
    assert (await browser.get("/static/x/nothing.css")).status == 404
    assert (await browser.get("/static/x/..%2fpage.py")).status == 404


async def test_a_theme_is_chosen_without_a_script(browser: Browser) -> None:
    shown = await browser.send("/theme", [("theme", "dark"), ("next", "/console/login")])
    assert '<html lang="en" data-theme="dark">' in shown.text
    assert (
        'data-theme="'
        not in (await browser.send("/theme", [("theme", "pink"), ("next", "/login")])).text.partition(">")[0]
    )


async def test_while_the_database_is_away_a_page_says_that_it_tries_again(browser: Browser, database: Database) -> None:
    await browser.log_in("reader")
    await database.close()
    shown = await browser.get("/jobs")
    assert shown.status == 503
    assert "tries again by itself" in shown.words
    assert shown.headers["Retry-After"]
