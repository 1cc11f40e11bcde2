"""Notifications of a server that runs as a process, defined as real clients do it."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from lxml import etree

from tests.acceptance.conftest import Client, Installation
from vidijob import resources

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
#: In the order of a real client: ``retry`` last, and two types.
SENT = f"""<NotificationDocument xmlns="{NAMESPACE}"><action><http synchronous="false">
  <url>http://127.0.0.1:9/jobs</url><contentType>application/json</contentType><method>POST</method><timeout>5</timeout>
  <retry>3</retry></http></action><trigger><job><stop/><filter><type>TRANSCODE</type><type>COPY_FILE</type></filter></job>
  </trigger></NotificationDocument>"""
XML = {"Content-Type": "application/xml"}


async def test_a_client_that_sets_up_its_notification(installation: Installation, client: Client) -> None:
    installation.run("serve")
    await client.ready()
    # It reads what is there, finds nothing of its own, and defines it.
    assert (await client.call("GET", "/job/notification", "application/xml"))[0] == 200
    status, body = await client.call("POST", "/job/notification", "application/xml", data=SENT, headers=XML)
    assert status == 200
    (url,) = [element.text or "" for element in etree.fromstring(body).iter("{*}uri")]
    assert url.startswith(client.api + "/job/notification/") and re.search(r"/(\w{2}-\d+)$", url)
    path = urlsplit(url).path.removeprefix("/API")
    status, body = await client.call("GET", path, "application/xml")
    tree = etree.fromstring(body)
    etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd")).assertValid(tree)
    assert status == 200
    assert [etree.QName(element).localname for element in tree.iterfind("{*}trigger/{*}job/*")] == ["stop", "filter"]
    assert [element.text for element in tree.iterfind(".//{*}type")] == ["TRANSCODE", "COPY_FILE"]
    assert [etree.QName(element).localname for element in tree.iterfind("{*}action/{*}http/*")] == [
        "retry", "contentType", "url", "method", "timeout",
    ]  # fmt: skip


async def test_behind_a_proxy(installation: Installation, client: Client) -> None:
    installation.run("serve", "--public-url", "https://jobs.example.org/")
    await client.ready()
    status, body = await client.call("POST", "/notification", data=SENT, headers=XML)
    assert (status, json.loads(body)) == (200, {"uri": ["https://jobs.example.org/API/notification/VX-1"]})
