"""Each request goes where the table says: by its id, in turn, to all, to the first, or nowhere without a name."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest
from click.testing import CliRunner

from tests.integration.api.vidispine.conftest import JSON, TEXT, XML, Reply
from tests.integration.front.conftest import World
from tests.integration.serving import PASSWORD
from vidijob.api.vidispine.translate import parts
from vidijob.cli import commands


async def submit(world: World, query: str = "type=THUMBNAIL", **headers: str) -> str:
    """Submit a job through the front; returns its id."""
    reply = await world.front("POST", f"/API/job?{query}&holdJob=true", headers=headers)
    assert reply.status == 200, reply.text
    return reply.find("jobId")[0]


async def test_a_job_goes_to_the_site_that_is_named_else_to_the_first(world: World) -> None:
    assert await submit(world) == "VX-1"
    assert await submit(world, "type=THUMBNAIL&site=VY") == "VY-1"
    assert await submit(world, **{"Vidijob-Site": "VY"}) == "VY-2"
    # So does one that names a placeholder of a site.
    document = b'{"action": {"http": {"url": "http://127.0.0.1:9/", "timeout": "5"}}, "trigger": {"job": {"stop": ""}}}'
    made = await world.front(
        "POST", "/API/notification?site=VY", accept=TEXT, body=document, headers={"Content-Type": JSON}
    )
    named = made.text.rpartition("/")[2].strip()
    assert named.startswith("VY-")
    assert await submit(world, f"type=THUMBNAIL&notification={named}") == "VY-3"
    assert await submit(world, f"type=THUMBNAIL&notification={world.front.address}/API/notification/{named}") == "VY-4"
    refused = await world.front("POST", "/API/job?type=THUMBNAIL&site=VZ")
    assert refused.status == 400 and "The sites here are VX, VY." in refused.text


async def test_a_key_stands_for_one_job(world: World) -> None:
    first = await submit(world, "type=THUMBNAIL&site=VY", **{"Idempotency-Key": "order 1"})
    assert await submit(world, "type=THUMBNAIL&site=VY", **{"Idempotency-Key": "order 1"}) == first == "VY-1"


async def test_a_job_is_asked_for_at_its_site(world: World) -> None:
    await submit(world)
    await submit(world, "type=TRANSCODE&site=VY&jobmetadata=a%3d%C3%A9")
    for path in ("/API/job/VY-1?metadata=true", "/API/job/VY-1/", "/API/job/JOB-VY-1;metadata=true?&"):
        for accept in (XML, JSON, TEXT):
            ours = await world.front("GET", path, accept=accept)
            theirs = await world.sites["VY"]("GET", path, accept=accept)
            assert (ours.status, ours.body) == (theirs.status, theirs.body) and theirs.status == 200
            assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]
    known = {"If-None-Match": (await world.front("GET", "/API/job/VY-1")).headers["ETag"]}
    assert (await world.front("GET", "/API/job/VY-1", headers=known)).status == 304
    head = await world.front("HEAD", "/API/job/VY-1")
    assert (head.status, head.body) == (200, b"") and int(head.headers["Content-Length"]) > 100
    assert (await world.front("PUT", "/API/job/VY-1?priority=HIGH")).status == 200
    assert (await world.front("DELETE", "/API/job/VY-1?reason=enough")).status == 200
    again = await world.front("POST", "/API/job/VY-1/re-run?holdJob=true")
    assert again.find("jobId") == ["VY-2"] and again.find("priority") == ["HIGH"]
    assert (await world.front("GET", "/API/job/VX-1", accept=TEXT)).text == "HOLD"


@pytest.mark.parametrize("accept", [XML, JSON, TEXT])
async def test_what_is_not_there_reads_as_on_one_server(world: World, accept: str) -> None:
    for method, path in (
        ("GET", "/API/job/VZ-1"), ("GET", "/API/job/VX-77"), ("GET", "/API/job/nothing"), ("GET", "/API/job/VX-0"),
        ("DELETE", "/API/job/%20"), ("PUT", "/API/job/VZ-1?priority=LOW"), ("GET", "/API/nowhere"), ("POST", "/API/item"), ("PATCH", "/API/job/VX-1"),
        ("GET", "/API/job?sort=colour"), ("GET", "/API/job?number=x"), ("GET", "/API/job?first=-1"),
        ("GET", "/API/job?cursor=x"), ("GET", "/API/job?state=LOST"), ("GET", "/API/job?user=perhaps"),
        ("DELETE", "/API/job"), ("GET", "/API/job/%FF"),
    ):  # fmt: skip
        ours, theirs = [await caller(method, path, accept=accept) for caller in (world.front, world.one)]
        assert (ours.status, ours.body) == (theirs.status, theirs.body), path
        assert theirs.status >= 400


async def test_who_may_not_is_told_so_by_the_sites(world: World) -> None:
    for path in ("/API/job", "/API/job?number=x", "/API/job?cursor=x", "/API/job/VY-1", "/API/jobtype", "/API/token"):
        ours, theirs = [await caller("GET", path, user=None) for caller in (world.front, world.one)]
        assert (ours.status, ours.body) == (theirs.status, theirs.body) and ours.status == 401
        assert ours.headers["WWW-Authenticate"] == theirs.headers["WWW-Authenticate"]
    assert (await world.front("GET", "/API/job", user="nobody")).status == 403
    assert (await world.front("GET", "/API/job", accept="image/png")).status == 406
    # Whoever is known at one site alone is told the same, unless the other may be left out.
    await world.databases["VY"].rows("user.delete", "plain")
    assert (await world.front("GET", "/API/job", user="plain")).status == 401
    some = await world.front("GET", "/API/job?tolerateMissing=true", user="plain")
    assert (some.status, some.headers["Vidijob-Missing-Sites"]) == (200, "VY")


async def test_an_external_id_is_found_wherever_it_was_given(world: World) -> None:
    await submit(world)
    await submit(world, "type=TRANSCODE&site=VY")
    assert (await world.front("PUT", "/API/job/VY-1/external-id/order%204711")).status == 200
    assert (await world.front("GET", "/API/job/order%204711")).find("jobId") == ["VY-1"]
    assert (await world.front("PUT", "/API/job/order%204711?priority=HIGH")).status == 200
    assert (await world.front("DELETE", "/API/job/order%204711")).status == 200
    assert (await world.front("GET", "/API/job/VY-1", accept=TEXT)).text == "ABORTED_PENDING"
    assert (await world.front("GET", "/API/job/order%204712")).status == 404


async def test_jobs_are_deleted_at_one_site_at_a_time(world: World) -> None:
    ids = [
        await submit(world),
        await submit(world, "type=TRANSCODE&site=VY"),
        await submit(world, "type=TRANSCODE&site=VY"),
    ]
    for id in ids:
        assert (await world.front("DELETE", f"/API/job/{id}?cleanup=false")).status == 200
    both = await world.front("DELETE", "/API/job?id=VX-1,VY-1")
    assert both.status == 400 and "name those of each site" in both.text
    for site, caller in world.sites.items():
        assert (await caller("GET", "/API/job?number=0")).find("hits") == ["1" if site == "VX" else "2"]


async def test_lists_side_by_side(world: World) -> None:
    document = b'{"action": {"http": {"url": "http://127.0.0.1:9/", "timeout": "5"}}, "trigger": {"job": {"stop": ""}}}'
    sent = {"Content-Type": JSON}
    unnamed = await world.front("POST", "/API/job/notification", body=document, headers=sent)
    assert unnamed.status == 400 and "site=VX or site=VY" in unnamed.text
    for site in world.sites:
        assert (
            await world.front("POST", f"/API/job/notification?site={site}", body=document, headers=sent)
        ).status == 200
    listed = await world.front("GET", "/API/job/notification")
    assert [uri.rpartition("/")[2] for uri in listed.find("uri")] == ["VX-1", "VY-1"]
    # They can be followed: they begin with what the client called.
    assert all(uri.startswith(world.front.address) for uri in listed.find("uri"))
    assert (await world.front("GET", listed.find("uri")[1].removeprefix(world.front.address))).status == 200
    assert (await world.front("GET", "/API/job/notification", accept=TEXT)).text.count("\r\n") == 2
    assert (await world.front("GET", "/API/site")).find("uri") == ["VX", "VY"]
    assert (await world.front("GET", "/API/site", accept=TEXT)).text == "VX\r\nVY\r\n"
    assert (await world.front("GET", "/API/version")).find("component/siteId") == ["VX", "VY"]
    types = await world.front("GET", "/API/jobtype", accept=JSON)
    assert types.json == (await world.one("GET", "/API/jobtype", accept=JSON)).json
    assert (await world.front("POST", "/API/task-definition/jobtype/ACME_ONLY?id=20001&site=VY")).status == 200
    assert "ACME_ONLY" in (await world.front("GET", "/API/jobtype")).find("uri")
    for path in ("/API/job/problem", "/API/worker"):
        assert (await world.front("GET", path, accept=JSON)).json == {}
    assert (await world.front("GET", "/APInoauth/is-online", user=None)).status == 200


async def test_each_site_has_its_own_settings(world: World) -> None:
    path = "/API/configuration/properties/colour"
    unnamed = await world.front("PUT", path, body=b"red", headers={"Content-Type": TEXT})
    assert unnamed.status == 400 and "Each site has its own" in unnamed.text
    for site, colour in (("VX", b"red"), ("VY", b"blue")):
        named = await world.front("PUT", f"{path}?site={site}", body=colour, headers={"Content-Type": TEXT})
        assert named.status == 200, named.text
    assert (await world.front("GET", path, accept=TEXT)).text.strip() == "red"
    assert (await world.front("GET", f"{path};site=VY", accept=TEXT)).text.strip() == "blue"
    for refused in ("/API/job/problem/1/retry", "/API/job/problem/1/fail"):
        assert (await world.front("POST", refused)).status == 400
        assert (await world.front("POST", f"{refused}?site=VY")).status == 404


@pytest.mark.parametrize("accept", [TEXT, XML, JSON])
async def test_a_token_opens_every_site(world: World, accept: str) -> None:
    await submit(world)
    await submit(world, "type=TRANSCODE&site=VY")
    reply = await world.front("GET", "/API/token?seconds=60", accept=accept)
    token = reply.text if accept == TEXT else reply.find("token")[0] if accept == XML else reply.json["token"]
    assert re.fullmatch(r"VX\.[\w-]+~VY\.[\w-]+", token)
    for scheme in ("token", "Bearer"):
        login = {"Authorization": f"{scheme} {token}"}
        assert (await world.front("GET", "/API/job", headers=login)).find("hits") == ["2"]
        assert (await world.front("GET", "/API/job/VY-1", headers=login)).status == 200
    # Of one site alone it opens that.
    login = {"Authorization": f"token {token.partition('~')[2]}"}
    assert (await world.front("GET", "/API/job/VY-1", headers=login)).status == 200
    assert (await world.front("GET", "/API/job/VX-1", headers=login)).status == 401


async def test_a_list_of_one_site(world: World) -> None:
    await submit(world)
    await submit(world, "type=TRANSCODE&site=VY")
    ours = await world.front("GET", "/API/job?site=VY")
    assert ours.body == (await world.sites["VY"]("GET", "/API/job")).body


async def test_the_version_of_a_list(world: World) -> None:
    await submit(world, "type=TRANSCODE&site=VY")
    first = await world.front("GET", "/API/job")
    known = {"If-None-Match": first.headers["ETag"]}
    assert (await world.front("GET", "/API/job", headers=known)).status == 304
    await submit(world)
    assert (await world.front("GET", "/API/job", headers=known)).status == 200
    head = await world.front("HEAD", "/API/job")
    assert (head.status, head.body) == (200, b"")


async def test_a_part_is_never_long(world: World) -> None:
    part = {"Vidijob-Part": "whole"}
    site = world.sites["VX"]
    assert (await site("GET", "/API/job?sort=type", headers=part)).headers["Content-Type"] == parts.MEDIA
    many = await site("GET", "/API/job?number=501", headers=part)
    assert many.status == 400 and "at most 500 jobs" in many.text


async def test_pages_of_other_origins_may_read_lists_as_the_first_site_says(world: World) -> None:
    origin = "https://admin.example.org"
    document = f'{{"entry": [{{"response": {{"allowOrigin": "{origin}"}}}}]}}'.encode()
    put = await world.front("PUT", "/API/configuration/cors?site=VX", body=document, headers={"Content-Type": JSON})
    assert put.status == 200, put.text
    for path in ("/API/job", "/API/jobtype", "/API/job/VX-1"):
        reply = await world.front("GET", path, headers={"Origin": origin})
        assert reply.headers["Access-Control-Allow-Origin"] == origin
        assert "vidijob-missing-sites" in reply.headers["Access-Control-Expose-Headers"]
        assert "Origin" in reply.headers["Vary"]
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    assert (await world.front("OPTIONS", "/API/job", user=None, headers=asked)).status == 200


async def test_jobs_are_waited_for_and_followed_through_the_front(world: World) -> None:
    await submit(world, "type=TRANSCODE&site=VY")
    assert (await world.front("PUT", "/API/job/VY-1/external-id/order-a")).status == 200
    for path, state, change in (
        ("VY-1", "READY", ("POST", "/API/job/VY-1/release")),
        ("order-a", "ABORTED_PENDING", ("DELETE", "/API/job/order-a")),
    ):
        waiting = asyncio.create_task(world.front("GET", f"/API/job/{path}?wait=20&until={state}", accept=TEXT))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await world.front(*change)
        assert (await waiting).text == state
    for path in ("/API/job/events", "/API/job/events?id=VX-1,VY-1"):
        assert (await world.front("GET", path, accept=None)).status == 400
    followed = f"{world.front.address}/API/job/events?id=VY-1&after=0"
    login = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)}
    async with aiohttp.ClientSession() as session, session.get(followed, headers=login) as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        async with asyncio.timeout(10):
            told = b""
            while b"ABORTED_PENDING" not in told:
                told += await events.content.readany()
    assert b'"jobId":"VY-1"' in told.replace(b" ", b"")


async def test_the_command_line_works_as_with_one_server(world: World) -> None:
    for site in world.sites:
        await submit(world, f"type=TRANSCODE&site={site}")
    known = {"VIDIJOB_URL": world.front.address, "VIDIJOB_USER": "admin", "VIDIJOB_PASSWORD": PASSWORD}

    async def run(*words: str) -> str:
        ended = await asyncio.to_thread(CliRunner().invoke, commands, words, env=known)
        assert ended.exit_code == 0, ended.output
        return ended.output

    listed = await run("job", "list")
    assert "VX-1" in listed and "VY-1" in listed
    assert "VY-1" in await run("job", "show", "VY-1")
    await run("job", "release", "VY-1")
    assert (await world.sites["VY"]("GET", "/API/job/VY-1", accept=TEXT)).text == "READY"


async def test_what_is_open_to_everybody(world: World) -> None:
    for path in ("/openapi.json", "/schemas/vidispine.xsd"):
        ours, theirs = [await caller("GET", path, user=None, accept=None) for caller in (world.front, world.one)]
        assert ours.status == 200
        assert ours.body.replace(world.front.address.encode(), world.one.address.encode()) == theirs.body
    assert (await world.front("GET", "/health", user=None, accept=None)).json == {"status": "up"}
    ready: Reply = await world.front("GET", "/ready", user=None, accept=None)
    assert ready.json == {"status": "ready", "sites": {"VX": "ready", "VY": "ready"}}
    told = (await world.front("GET", "/metrics", user=None, accept=None)).text
    assert 'vidijob_site_up{site="VY"} 1.0' in told
    assert (await world.front("GET", "/console/", accept=None)).status == 404
