"""Who may call: each scheme, what is refused and how, and that a refused call has changed nothing."""

from __future__ import annotations

import asyncio
import os
import random
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from tests.integration.api.alibaba.conftest import Key, Mps, encode, stamp
from tests.integration.engine.conftest import Engine
from vidijob.api.alibaba.faults import TABLE
from vidijob.api.alibaba.routes import ACTIONS
from vidijob.store import users
from vidijob.store.database import Database

UNKNOWN = {"PipelineIds": "0" * 32}
UPPER_UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")


async def count(mps: Mps) -> int:
    """Return how many pipelines there are."""
    return int((await mps("SearchPipeline")).json["TotalCount"])


@pytest.mark.parametrize("path", ["/mps/", "/mps", "/"])
async def test_the_older_way_by_get_and_by_post(mps: Mps, path: str) -> None:
    query = mps.key.v1("AddPipeline", {"Name": "ü +%2B *~/&="})
    reply = await mps.send("GET", path, query)
    assert reply.json["Pipeline"]["Name"] == "ü +%2B *~/&="
    assert reply.headers["x-acs-request-id"] == reply.json["RequestId"]
    assert UPPER_UUID.fullmatch(reply.json["RequestId"])
    form = mps.key.v1("AddPipeline", {"Name": "a b"}, "POST")
    body = "&".join(f"{encode(k)}={encode(v)}" for k, v in form.items()).replace("%20", "+").encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await mps.send("POST", path, headers=headers, body=body)).json["Pipeline"]["Name"] == "a b"
    # Some of it here, some there.
    form = mps.key.v1("AddPipeline", {"Name": "c"}, "POST")
    body = f"Name={form.pop('Name')}".encode()
    assert (await mps.send("POST", path, form, headers, body)).json["Pipeline"]["Name"] == "c"


@pytest.mark.parametrize("path", ["/mps/", "/mps", "/"])
async def test_the_newer_way(mps: Mps, path: str) -> None:
    query = {"Name": "ü +%2B *~/&="}
    reply = await mps.send("POST", path, query, mps.key.v3("AddPipeline", query, mps.host))
    assert reply.json["Pipeline"]["Name"] == "ü +%2B *~/&="
    body = b"Name=a+b"
    headers = mps.key.v3(
        "AddPipeline", {}, mps.host, body, content_type="application/x-www-form-urlencoded", accept="application/xml"
    )
    reply = await mps.send("POST", path, "", headers, body)
    assert reply.xml.findtext("Pipeline/Name") == "a b"


async def test_what_is_at_the_root_and_no_call_is_left_alone(mps: Mps) -> None:
    assert (await mps.send("GET", "/")).status == 404
    assert (await mps.send("GET", "/mps/nothing")).status == 404


async def test_xml_is_what_is_answered_where_nothing_is_said(mps: Mps) -> None:
    reply = await mps.send(query=mps.key.v1("SearchPipeline", {}, Format=None))
    assert [child.tag for child in reply.xml] == ["RequestId", "TotalCount", "PageNumber", "PageSize", "PipelineList"]
    assert reply.xml.tag == "SearchPipelineResponse"
    reply = await mps.send(query=mps.key.v1("CancelJob", {"JobId": "0" * 32}, Format="xml"))
    assert (reply.status, reply.xml.tag) == (404, "Error")
    assert [child.tag for child in reply.xml] == ["RequestId", "HostId", "Code", "Message"]
    assert reply.xml.findtext("HostId") == mps.host


LATE, EARLY = (timedelta(minutes=minutes) for minutes in (-16, 16))


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"AccessKeyId": None}, 400, "MissingAccessKeyId"),
        ({"AccessKeyId": "nobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"AccessKeyId": "\x00"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"Timestamp": None}, 400, "MissingParameter"),
        ({"Timestamp": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2026-01-01T00:00:00+00:00"}, 400, "InvalidTimeStamp.Format"),
        ({"Timestamp": LATE}, 400, "InvalidTimeStamp.Expired"),
        ({"Timestamp": EARLY}, 400, "InvalidTimeStamp.Expired"),
        ({"SignatureNonce": None}, 400, "MissingParameter"),
        ({"SignatureNonce": "x" * 129}, 400, "InvalidParameter"),
        ({"SignatureNonce": "\x00"}, 400, "InvalidParameter"),
        ({"SignatureMethod": "HMAC-SHA256"}, 400, "IncompleteSignature"),
        ({"SignatureVersion": "2.0"}, 400, "IncompleteSignature"),
        ({"Signature": None}, 400, "MissingParameter"),
        ({"Signature": "bm9uZQ=="}, 400, "SignatureDoesNotMatch"),
        ({"Signature": "ü"}, 400, "SignatureDoesNotMatch"),
        ({"Version": None}, 400, "MissingParameter"),
        ({"Version": "2015-01-01"}, 400, "InvalidVersion"),
        ({"Action": None}, 400, "MissingParameter"),
        ({"Action": "CanceJob"}, 404, "InvalidAction.NotFound"),
        ({"Action": "canceljob"}, 404, "InvalidAction.NotFound"),
    ],
)
async def test_what_is_refused_of_the_older_way(mps: Mps, changed: dict[str, object], status: int, code: str) -> None:
    texts = {
        name: stamp(datetime.now(UTC) + value) if isinstance(value, timedelta) else value
        for name, value in changed.items()
    }
    reply = await mps.send(query=mps.key.v1("AddPipeline", {"Name": "p"}, **texts))  # type: ignore[arg-type]
    assert (reply.status, reply.code) == (status, code)
    assert list(reply.json) == ["RequestId", "HostId", "Code", "Message"]
    assert await count(mps) == 0


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"authorization": "ACS3-HMAC-SHA256 nonsense"}, 400, "IncompleteSignature"),
        (
            {"authorization": "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=00"},
            400,
            "IncompleteSignature",
        ),
        ({"authorization": "Basic YTpi"}, 400, "IncompleteSignature"),
        ({"x-acs-date": "now"}, 400, "InvalidTimeStamp.Format"),
        ({"x-acs-date": LATE}, 400, "InvalidTimeStamp.Expired"),
        ({"x-acs-date": ""}, 400, "MissingParameter"),
        ({"x-acs-version": "2015-01-01"}, 400, "InvalidVersion"),
        ({"x-acs-action": "Nothing"}, 404, "InvalidAction.NotFound"),
        # A signature is for one action, one number, one host.
        ({"x-acs-action": "SearchPipeline"}, 400, "SignatureDoesNotMatch"),
        ({"x-acs-signature-nonce": "another"}, 400, "SignatureDoesNotMatch"),
        ({"host": "another"}, 400, "SignatureDoesNotMatch"),
        ({"x-acs-content-sha256": "0" * 64}, 400, "IncompleteSignature"),
    ],
)
async def test_what_is_refused_of_the_newer_way(mps: Mps, changed: dict[str, object], status: int, code: str) -> None:
    moments = {
        name.replace("-", "_"): stamp(datetime.now(UTC) + value)
        for name, value in changed.items()
        if isinstance(value, timedelta)
    }
    headers = mps.key.v3("AddPipeline", {"Name": "p"}, mps.host, b"", **moments)
    headers |= {name: str(value) for name, value in changed.items() if not isinstance(value, timedelta)}
    reply = await mps.send("POST", "/mps/", {"Name": "p"}, headers)
    assert (reply.status, reply.code) == (status, code)
    assert await count(mps) == 0


async def test_what_is_not_signed_is_not_believed(mps: Mps) -> None:
    # Another parameter, another value, another method; an action in a header that the older way does not sign.
    query = mps.key.v1("AddPipeline", {"Name": "p"})
    for changed in ({**query, "Role": "r"}, {**query, "Name": "q"}):
        assert (await mps.send(query=changed)).code == "SignatureDoesNotMatch"
    assert (await mps.send("POST", query=query)).code == "SignatureDoesNotMatch"
    query = mps.key.v1("SearchPipeline", {"Name": "p"})
    assert "TotalCount" in (await mps.send(query=query, headers={"x-acs-action": "AddPipeline"})).json
    # Another query, another body.
    headers = mps.key.v3("AddPipeline", {"Name": "p"}, mps.host)
    assert (await mps.send("POST", "/mps/", {"Name": "q"}, headers)).code == "SignatureDoesNotMatch"
    assert (await mps.send("POST", "/mps/", {"Name": "p"}, headers, b"x")).code == "IncompleteSignature"
    assert await count(mps) == 0


async def test_a_wrong_secret_is_told_what_was_to_be_signed(mps: Mps) -> None:
    reply = await mps.send(query=Key(mps.key.id, "wrong").v1("SearchPipeline", {}))
    assert reply.code == "SignatureDoesNotMatch"
    words, text = reply.json["Message"].split("server string to sign is:")
    assert words == "Specified signature is not matched with our calculation. "
    assert text.startswith("GET&%2F&AccessKeyId%3D" + mps.key.id)


async def test_a_number_is_good_once_in_all_processes(mps: Mps, engine: Engine) -> None:
    query = mps.key.v1("AddPipeline", {"Name": "p"})
    together = await asyncio.gather(*(mps.send(query=query) for _ in range(5)))
    assert sorted(reply.code for reply in together) == ["", *["SignatureNonceUsed"] * 4]
    query = {"Name": "p"}
    headers = mps.key.v3("AddPipeline", query, mps.host)
    replies = [await mps.send("POST", "/mps/", query, headers) for _ in range(2)]
    assert [reply.code for reply in replies] == ["", "SignatureNonceUsed"]
    assert await count(mps) == 2
    # Who does not have the secret cannot use up the number of who has it.
    query = mps.key.v1("SearchPipeline", {})
    assert (await mps.send(query={**query, "Signature": "wrong"})).code == "SignatureDoesNotMatch"
    assert (await mps.send(query=query)).code == ""


@pytest.mark.parametrize("rate", [5])
async def test_each_key_and_action_is_throttled_for_itself(mps: Mps) -> None:
    replies = await asyncio.gather(*(mps("SearchPipeline") for _ in range(40)))
    refused = [reply for reply in replies if reply.code]
    assert {(reply.status, reply.code) for reply in refused} == {(400, "Throttling.User")}
    assert {reply.headers["x-acs-retry-after"] for reply in refused} == {"1000"}
    assert all(reply.json["Message"] == "Request was denied due to user flow control." for reply in refused)
    # Calls at the same moment do not see each other; those that come one by one do.
    assert 5 <= len(replies) - len(refused) < 40
    assert [(await mps("SearchPipeline")).code for _ in range(3)] == ["Throttling.User"] * 3
    assert (await mps("QueryPipelineList", **UNKNOWN)).code == ""
    assert (await mps("SearchPipeline", user="reader")).code == ""
    assert "x-acs-retry-after" not in (await mps("CancelJob", JobId="x")).headers


async def test_each_action_lets_in_exactly_those_with_its_role(mps: Mps) -> None:
    for action, (_, role) in ACTIONS.items():
        for user, roles in (("nobody", set()), ("reader", {"_job_read"})):
            reply = await mps(action, user=user)
            assert (reply.code == "Forbidden.RAM") == (role not in roles), (action, user)
            assert reply.status == 403 or role in roles
        assert (await mps(action)).code != "Forbidden.RAM"


async def test_a_user_who_is_disabled_or_gone(mps: Mps, database: Database) -> None:
    await users.set_disabled(database, "nobody", True)
    reply = await mps("SearchPipeline", user="nobody")
    assert (reply.status, reply.code) == (400, "InvalidAccessKeyId.Inactive")
    assert (await mps("SearchPipeline", user="reader")).code == ""
    await users.delete(database, "reader")
    reply = await mps("SearchPipeline", user="reader")
    assert (reply.status, reply.code) == (404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods(mps: Mps, method: str) -> None:
    reply = await mps.send(method, query=mps.key.v1("SearchPipeline", {}, method))
    assert reply.status == 405
    assert method == "HEAD" or reply.code == "UnsupportedHTTPMethod"


async def test_what_is_too_large_or_no_request_at_all(mps: Mps) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    for path in ("/mps/", "/"):
        for body in (b"a" * (1024 * 1024 + 1), b"a" * (11 * 1024 * 1024)):
            try:
                reply = await mps.send("POST", path, headers=form, body=BytesIO(body))
            except OSError:
                continue  # it hung up while we were still sending
            assert (reply.status, reply.code) == (413, "RequestEntityTooLarge")
        for body in (b"a=%FF", b"a=\xff", b"a=1&a=2", b"&".join(b"a%d=1" % n for n in range(201))):
            reply = await mps.send("POST", path, headers=form, body=body)
            assert (reply.status, reply.code) == (400, "InvalidParameter")
        reply = await mps.send("POST", path, query="a=1", headers=form, body=b"a=1")
        assert (reply.status, reply.code) == (400, "InvalidParameter")
        packed = {**form, "Content-Encoding": "gzip"}
        reply = await mps.send("POST", path, headers=packed, body=os.urandom(50))
        assert reply.status == 400
    assert await count(mps) == 0


async def test_a_form_of_parts_is_none(mps: Mps) -> None:
    """Neither way of signing knows one: what stands in it is no parameter, however it is made."""
    given = mps.key.v1("AddPipeline", {"Name": "p"}, "POST")
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in given.items())
    for body in (parts.encode() + b"--x--\r\n", parts.encode(), b"--x\r\n" * 5000, b"", b"\xff" * 100):
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        reply = await mps.send("POST", headers=kind, body=body)
        assert (reply.status, reply.xml.findtext("Code")) == (400, "MissingParameter")
        headers = mps.key.v3("AddPipeline", {}, mps.host, body, content_type=kind["Content-Type"])
        reply = await mps.send("POST", headers=headers, body=body)
        assert (reply.status, reply.code) == (400, "MissingParameter") and "Name" in reply.json["Message"]
    assert await count(mps) == 0


NAMES = (
    "JobId", "JobIds", "PipelineId", "PipelineIds", "Name", "State", "Input", "Outputs", "OutputBucket", "OutputLocation",
    "NotifyConfig", "Role", "Speed", "SpeedLevel", "PageNumber", "PageSize", "MaximumPageSize", "NextPageToken",
    "StartOfJobCreatedTimeRange", "EndOfJobCreatedTimeRange", "Unknown",
)  # fmt: skip
VALUES = (
    "", " ", ",", "\x00", "0" * 32, "f" * 32, "F" * 32, "0" * 31, "null", "{}", "[]", "[{}]", "[null]", "-1", "1e9", "9" * 30,
    "NaN", "[" * 5000, '{"a":' * 3000, "x" * 5000, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "../..",
    "Active", "Paused", "All", "Submitted", "2026-01-01T00:00:00Z", "9999-99-99T00:00:00Z", '"\\u0000"', "[1e999]",
    '{"Bucket":"in","Object":"a"}', '{"Bucket":"..","Object":"a"}', '{"Bucket":1,"Object":[]}', '{"Bucket":"in","Object":"%FF"}',
    '[{"OutputObject":"o","TemplateId":"mp4","Priority":true}]', '[{"OutputObject":"o","TemplateId":{},"Priority":"ten"}]',
    '{"Topic":"http://[","QueueName":1}', '{"Topic":"http://x y/"}', "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
)  # fmt: skip


async def test_whatever_is_said_is_answered_in_the_vendors_form(mps: Mps, engine: Engine) -> None:
    chance = random.Random(20140618)
    pipeline = await mps.pipeline()
    for _ in range(400):
        action = chance.choice(list(ACTIONS))
        given = {name: chance.choice([*VALUES, pipeline]) for name in chance.sample(NAMES, chance.randint(0, 8))}
        if chance.random() < 0.5:
            given.setdefault("PipelineId", pipeline)
        # But for the one that the test needs.
        if action == "DeletePipeline":
            continue
        reply = await mps(action, **given)
        assert reply.status in (200, 400, 403, 404), (action, given, reply.body)
        assert next(iter(reply.json)) == "RequestId" and reply.code in (*TABLE, ""), (action, given, reply.body)
