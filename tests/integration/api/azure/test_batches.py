"""Batches: the page's own example, changesets that are done whole or not at all, and what is none."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.api.azure.conftest import BODY, ENCODER, Media
from vidijob.api.azure import messages, orders
from vidijob.binding import tree
from vidijob.binding.tree import Node
from vidijob.engine.records import NewRecord, Records
from vidijob.odata import bodies
from vidijob.store.database import Database

PAGE = Path(__file__).parent / "page"
REQUEST = (PAGE / "batch_request.txt").read_bytes()
RESPONSE = (PAGE / "batch_response.txt").read_bytes()
TYPE = "multipart/mixed; boundary=batch_c8ccf56a-87f6-4a61-bfa2-46aac3bb87d9"
ASKED = {"DataServiceVersion": "1.0", "MaxDataServiceVersion": "3.0", "Accept-Charset": "UTF-8", "x-ms-version": "2.11"}
#: The ids that the example names.
ASSET = "33662ded-f00b-4020-9fcf-4c4a22070c01"
ENDPOINT = "36e510df-8560-4bae-a698-87723f677e98"
#: The answer's headers as the page shows them.
HEADERS = ["Cache-Control", "Content-Length", "Content-Type", "Server", "request-id", "x-ms-request-id", "X-Content-Type-Options", "DataServiceVersion", "X-Powered-By", "Date"]  # fmt: skip


async def known(database: Database) -> None:
    """Make what the example takes for granted: an asset with a file, and an end point."""
    asset = orders.asset_document({}, Path("/nowhere"))
    records = Records(database)
    await records.add_all(
        [
            NewRecord(orders.FACE, "asset", "BigBuckBunny", "account001", asset, id=_uuid(ASSET)),
            NewRecord(orders.FACE, "file", "BigBuckBunny.mp4", "account001", {"IsPrimary": True}, parent=_uuid(ASSET)),
            NewRecord(
                orders.FACE, messages.ENDPOINT, "c9251969", "account001",
                {"EndPointType": 1, "EndPointAddress": "notifications"}, id=_uuid(ENDPOINT),
            ),
        ]
    )  # fmt: skip


def _uuid(text: str) -> UUID:

    return UUID(text)


def outline(node: Node) -> list[object]:
    """Return the names of an element and of all in it, with their types."""
    return [node.name, node.attributes.get("type"), [outline(child) for child in node.children]]


def parts(body: bytes) -> list[tuple[list[str], bytes]]:
    """Return the HTTP answers in a batch: status line and names of headers, and body."""
    found = []
    for piece in re.split(rb"\r?\n--changesetresponse_[^\r\n]+", body)[1:]:
        _, http, rest = piece.replace(b"\r\n", b"\n").partition(b"HTTP/1.1")
        head, _, content = rest.partition(b"\n \n" if b"\n \n" in rest else b"\n\n")
        if http:
            lines = [line.strip().decode() for line in head.splitlines()]
            found.append(([lines[0], *(line.split(":")[0] for line in lines[1:] if line)], content.strip()))
    return found


@pytest.mark.parametrize("line", [b"\n", b"\r\n"])
async def test_the_example_of_the_page_is_answered_as_it_shows(media: Media, database: Database, line: bytes) -> None:
    await known(database)
    body = REQUEST.replace(b"\n", line)
    reply = await media("POST", "api/$batch", body, type=TYPE, accept="multipart/mixed", headers=ASKED)
    assert reply.status == 202 and set(HEADERS) <= set(reply.headers), reply.text
    assert reply.headers["DataServiceVersion"] == "1.0;"
    assert re.fullmatch(r"multipart/mixed; boundary=batchresponse_[0-9a-f-]{36}", reply.headers["Content-Type"])
    boundary = reply.headers["Content-Type"].partition("boundary=")[2]
    assert reply.text.startswith(f"--{boundary}\r\n") and reply.text.rstrip().endswith(f"--{boundary}--")
    ours, theirs = parts(reply.body), parts(re.sub(rb"[ \t]+\n", b"\n", RESPONSE))
    assert len(ours) == len(theirs) == 2
    for (head, content), (expected, example) in zip(ours, theirs, strict=True):
        assert head == expected == ["201 Created", *expected[1:]]
        mine = tree.read(content)
        shown = tree.read(bodies._escaped(example), encoding="utf-8")
        assert outline(mine) == outline(shown)
    job, task = (tree.read(content) for _, content in ours)
    properties = {node.name: node.text for node in job.child("content").child("properties").children}  # type: ignore[union-attr]
    assert properties["Name"] == "My MP4 to Smooth Streaming encoding job" and properties["State"] == "0"
    (found,) = (await media("GET", f"api/Jobs('{properties['Id']}')/Tasks")).d["results"]
    assert found["Name"] == "My Mp4 to Smooth Task" and found["Configuration"] == "H264 Smooth Streaming 720p"
    assert found["TaskBody"].lstrip().startswith('<?xml version="1.0" encoding="utf-16"?>')
    assert task.child("id").text.endswith(f"Tasks('{found['Id'].replace(':', '%3A')}')")  # type: ignore[union-attr]
    whole = (await media("GET", f"api/Jobs('{properties['Id']}')")).d
    (subscription,) = whole["JobNotificationSubscriptions"]["results"]
    assert list(subscription.items()) == [
        ("TargetJobState", 2),
        ("NotificationEndPointId", f"nb:nepid:UUID:{ENDPOINT}"),
    ]


def changeset(*requests: str, boundary: str = "b", inner: str = "c") -> str:
    """Return a batch with one changeset of requests in verbose JSON."""
    wrapped = "".join(
        f"--{inner}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n{one}\r\n"
        for number, one in enumerate(requests, 1)
    )
    return f"--{boundary}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n{wrapped}--{inner}--\r\n--{boundary}--\r\n"


def post(url: str, body: str) -> str:
    """Return a request that makes something."""
    return f"POST {url} HTTP/1.1\r\nContent-Type: application/json;odata=verbose\r\nAccept: application/json;odata=verbose\r\n\r\n{body}"


def job(asset: str) -> str:
    """Return a job without tasks."""
    return f'{{"Name": "j", "InputMediaAssets": [{{"__metadata": {{"uri": "Assets(\'{asset}\')"}}}}]}}'


def one_task() -> str:
    """Return a task."""
    body = BODY.replace('"', '\\"')
    return f'{{"Configuration": "x", "MediaProcessorId": "{ENCODER}", "TaskBody": "{body}"}}'


async def send(media: Media, body: str | bytes, type: str = "multipart/mixed; boundary=b") -> tuple[int, str]:
    """Send a batch."""
    reply = await media("POST", "api/$batch", body, type=type, accept="multipart/mixed")
    return reply.status, reply.text


async def test_a_changeset_is_done_whole_or_not_at_all(media: Media) -> None:
    asset = await media.asset()
    bad = one_task().replace("JobInputAsset(0)", "JobInputAsset(3)")
    status, text = await send(media, changeset(post("Jobs", job(asset)), post("$1/Tasks", bad)))
    assert status == 202 and text.count("HTTP/1.1 ") == 1 and "HTTP/1.1 400 Bad Request" in text
    assert "changesetresponse" not in text
    status, text = await send(
        media, changeset(post("Jobs", job(asset)), post("$1/Tasks", one_task()), post("Jobs", job(asset)))
    )
    assert "HTTP/1.1 400" in text and (await media("GET", "api/Jobs/$count")).text == "0"
    status, text = await send(
        media, changeset(post("/azure/api/Jobs", job(asset)), post("/azure/api/$1/Tasks", one_task()))
    )
    assert text.count("HTTP/1.1 201 Created") == 2 and "Content-ID: 1" in text and "Content-ID: 2" in text, text
    assert (await media("GET", "api/Jobs/$count")).text == "1"


async def test_a_request_of_a_batch_may_say_in_a_header_what_it_is(media: Media) -> None:
    asset = await media.asset()
    head = f"POST Assets('{asset}') HTTP/1.1\r\nX-HTTP-Method: MERGE\r\nContent-Type: application/json"
    status, text = await send(media, changeset(f'{head}\r\n\r\n{{"Name": "renamed"}}'))
    assert status == 202 and "HTTP/1.1 204 No Content" in text, text
    assert (await media("GET", f"api/Assets('{asset}')/Name")).d == {"Name": "renamed"}


async def test_requests_outside_of_changesets_are_answered_each(media: Media) -> None:
    id = await media.submit()
    get = f"GET Jobs('{id}')/State HTTP/1.1\r\nAccept: application/json\r\n\r\n"
    missing = "GET Jobs('nb:jid:UUID:7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab') HTTP/1.1\r\n\r\n"
    pieces = "".join(
        f"--b\r\nContent-Type: application/http\r\n\r\n{one}\r\n"
        for one in (get, missing, get.replace("Jobs", "Nothing"))
    )
    status, text = await send(media, pieces + "--b--")
    assert status == 202
    assert [code for code in re.findall(r"HTTP/1\.1 (\d+)", text)] == ["200", "404", "404"]
    assert '"value":0' in text and "Resource not found for the segment 'Nothing'" in text


async def test_a_template_with_its_parts(media: Media) -> None:
    part = "nb:ttid:UUID:071370A3-E63E-4E81-A099-AD66BCAC3789"
    body = (
        f'<jobTemplate><taskBody taskTemplateId=\\"{part}\\"><inputAsset>JobInputAsset(0)</inputAsset>'
        "<outputAsset>JobOutputAsset(0)</outputAsset></taskBody></jobTemplate>"
    )
    template = post("JobTemplates", f'{{"Name": "t", "JobTemplateBody": "{body}"}}')
    inner = post(
        "$1/TaskTemplates", f'{{"Id": "{part}", "Configuration": "x", "MediaProcessorId": "{ENCODER}", "Name": "p"}}'
    )
    _, text = await send(media, changeset(template, inner))
    assert text.count("HTTP/1.1 201 Created") == 2, text
    assert (await media("GET", "api/JobTemplates/$count")).text == "1"
    _, text = await send(media, changeset(template, inner))
    assert "HTTP/1.1 409" in text and (await media("GET", "api/JobTemplates/$count")).text == "1"


async def test_a_changeset_of_any_set(media: Media) -> None:
    good, bad = post("Assets", '{"Name": "a"}'), post("Assets", '{"Nmae": "b"}')
    _, text = await send(media, changeset(good, good, bad))
    assert text.count("HTTP/1.1 ") == 1 and "HTTP/1.1 400" in text
    assert (await media("GET", "api/Assets/$count")).text == "0"
    _, text = await send(media, changeset(good, good))
    assert text.count("HTTP/1.1 201 Created") == 2, text
    assert (await media("GET", "api/Assets/$count")).text == "2"
    # Not of two, nor what the first has none of.
    for other in (post("NotificationEndPoints", "{}"), post("$1/Files", "{}"), post("Operations", "{}")):
        _, text = await send(media, changeset(good, other))
        assert text.count("HTTP/1.1 ") == 1 and "HTTP/1.1 400" in text
    _, text = await send(media, changeset(post("Operations", "{}"), post("Operations", "{}")))
    assert "HTTP/1.1 405" in text
    await media.log_in("reader")
    _, text = await send(media, changeset(good, good))
    assert "HTTP/1.1 403" in text and (await media("GET", "api/Assets/$count")).text == "2"


@pytest.mark.parametrize(
    ("type", "body"),
    [
        ("multipart/mixed", b"--b--"), ("text/plain; boundary=b", b"--b--"), ("multipart/mixed; boundary=b", b""), ("multipart/mixed; boundary=b", b"--b"),
        ("multipart/mixed; boundary=b", b"--b\r\n" * 5000 + b"--b--"), ("multipart/mixed; boundary=b", b"--b\r\nno header\r\n\r\n--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: application/http\r\n\r\nno request\r\n--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 500 + b"--b--"),
        ("multipart/mixed; boundary=(((", b"--(((\r\n\r\n--(((--"), ("multipart/mixed; boundary=b", b"\xff" * 100_000 + b"\r\n--b--\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\n" + b"a: b\r\n" * 200 + b"\r\n--b--"),
    ],
)  # fmt: skip
async def test_what_is_no_batch_is_refused(media: Media, type: str, body: bytes) -> None:
    reply = await media("POST", "api/$batch", body, type=type, accept="application/json;odata=verbose")
    assert reply.status in (202, 400), reply.text
    if reply.status == 202:
        assert "HTTP/1.1 2" not in reply.text
    assert (await media("GET", "api/Jobs/$count")).text == "0"


@pytest.mark.parametrize(
    "request_line",
    ["GET Jobs HTTP/1.1", "DELETE Nothing('x') HTTP/1.1", "POST https://elsewhere/Jobs HTTP/1.1", "POST $9/Tasks HTTP/1.1", "POST $1 HTTP/1.1", "PATCH Jobs HTTP/1.1"],
)  # fmt: skip
async def test_what_no_changeset_holds_is_refused(media: Media, request_line: str) -> None:
    for body in (
        changeset(f"{request_line}\r\n\r\n{{}}"),
        changeset(post("Jobs", "{}"), f"{request_line}\r\n\r\n{{}}"),
    ):
        status, text = await send(media, body)
        assert status == 202 and re.search(r"HTTP/1\.1 4\d\d", text) and "HTTP/1.1 2" not in text, text
