"""Clients that are not ours against a server that runs as a process: the PyPI package ``vidispine-adapter``, and one that
holds every body, sent or received, against our schema.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree
from vidispine import Vidispine
from vidispine.base import EntityBase
from vidispine.errors import APIError, NotFound

from tests.acceptance.conftest import PASSWORD, Client, Installation
from vidijob import resources

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"


def source_and_target(storage: Path, name: str, size: int = 1000) -> tuple[Path, str, str]:
    """Make a file, all holes; returns it and the URIs of a copy's source and target."""
    file = storage / name
    with file.open("wb") as made:
        made.truncate(size)
    return file, file.as_uri(), (storage / f"copy of {name}").as_uri()


def too_large(storage: Path) -> int:
    """Return a size for which the disk has no room."""
    return shutil.disk_usage(storage).free + (1 << 36)


def until(read: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 30) -> Any:
    """Ask again and again until the answer is one that is wanted; returns it."""
    end = time.monotonic() + seconds
    while True:
        found = read()
        if wanted(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)


async def test_the_adapter_from_pypi(installation: Installation, client: Client) -> None:
    installation.run("serve")
    await client.ready()
    await asyncio.to_thread(_adapter, f"http://127.0.0.1:{installation.port}", installation.storage)


def _adapter(url: str, storage: Path) -> None:
    """Follow a job through its life as a program with this package does; what it lacks goes through its request layer."""
    server = Vidispine(url=url, user="admin", password=PASSWORD)
    assert server.version()["component"]
    assert "COPY_FILE" in server.client.get("jobtype")["uri"]
    assert server.job.list_problems() == {}

    # Create, with a body, and follow to the end.
    _, source, target = source_and_target(storage, "a.bin")
    fields = [{"key": "sourceUri", "value": source}, {"key": "destinationUri", "value": target}]
    made = server.client.post("job", params={"type": "COPY_FILE", "priority": "HIGH"}, json={"field": fields})
    assert list(made) == ["jobId", "user", "started", "status", "type", "priority"] and made["status"] == "READY"
    id = made["jobId"]
    job = until(lambda: server.job.get(id), lambda job: job["status"] not in ("READY", "STARTED"))
    assert job["status"] == "FINISHED" and len(job["log"]["task"]) == job["totalSteps"]
    data = server.client.get(f"job/{id}", params={"metadata": "true"})["data"]
    assert {"key": "fileUri", "value": target} in data

    # List: by parameters, and by the matrix parameters that the package writes.
    listed = server.client.get("job", params={"user": "false", "sort": "jobId desc", "first": 0, "number": 10})
    assert listed["hits"] == 1 and [one["jobId"] for one in listed["job"]] == [id]
    assert server.client.get("job/", params={"jobmetadata": f"sourceUri={source}"})["hits"] == 1

    class Jobs(EntityBase):  # type: ignore[misc]
        entity = "job"

    matrix = Jobs(server.client)._build_url(
        matrix_params={"state": "FINISHED", "user": "false", "sort": "startTime desc"}
    )
    assert matrix == "job;state=FINISHED;user=false;sort=startTime%20desc"
    assert server.client.get(matrix)["hits"] == 1
    found = server.client.put("job/search/", json={"facet": [{"field": "type", "count": True, "name": "JobTypes"}]})
    assert found["facet"] == [{"field": "type", "count": [{"value": 1, "fieldValue": "COPY_FILE"}], "name": "JobTypes"}]

    # A problem: no room for the copy. It goes when the file is smaller.
    large, source, target = source_and_target(storage, "b.bin", too_large(storage))
    fields = [{"key": "sourceUri", "value": source}, {"key": "destinationUri", "value": target}]
    held = server.client.post("job", params={"type": "COPY_FILE"}, json={"field": fields})["jobId"]
    problems = until(server.job.list_problems, bool)
    (problem,) = problems["problem"]
    assert problem["type"] == "OUT_OF_STORAGE" and problem["job"] == [held]
    assert server.client.get(f"job/{held}/problem") == problems
    waiting = until(lambda: server.job.get(held), lambda job: job["status"] == "WAITING")
    assert waiting["waiting"]["resourceType"] == "OUT_OF_STORAGE"
    os.truncate(large, 10)
    assert server.client.post(f"job/problem/{problem['id']}/retry") == ""
    until(lambda: server.job.get(held), lambda job: job["status"] == "FINISHED")
    assert server.job.list_problems() == {}

    # Re-run, priority, abort, delete.
    again = server.client.post(f"job/{held}/re-run", params={"priority": "LOW"})
    assert again["jobId"] != held and again["priority"] == "LOW"
    until(lambda: server.job.get(again["jobId"]), lambda job: job["status"] in ("FINISHED", "FAILED_TOTAL"))
    source_and_target(storage, "b.bin", too_large(storage))
    fields[1]["value"] += ".second"
    third = server.client.post("job", params={"type": "COPY_FILE"}, json={"field": fields})["jobId"]
    until(lambda: server.job.get(third), lambda job: job["status"] == "WAITING")
    assert server.client.put(f"job/{third}", params={"priority": "HIGHEST"}) == ""
    assert server.job.get(third)["priority"] == "HIGHEST"
    with pytest.raises(APIError, match=r'"invalidInput":\{'):
        server.client.delete("job", params={"id": f"{id},{third}"})
    assert server.client.delete(f"job/{third}", params={"reason": "not needed", "cleanup": "false"}) == ""
    until(lambda: server.job.get(third), lambda job: job["status"] == "ABORTED")
    assert server.client.delete("job", params={"id": f"{id},{third}"}) == ""
    with pytest.raises(NotFound, match='"notFound":{"type":"Job","id":"' + third):
        server.job.get(third)

    # What is refused.
    with pytest.raises(APIError, match="invalidInput"):
        server.client.post("job", params={"type": "NOPE"})
    with pytest.raises(APIError, match="notAuthorized"):
        Vidispine(url=url, user="admin", password="wrong").job.list_problems()


@dataclass
class Answer:
    """What the server answered; its body, if it is XML, is valid."""

    status: int
    text: str
    tree: etree._Element | None

    @property
    def name(self) -> str:
        """The name of the document; nothing: there was none."""
        return "" if self.tree is None else etree.QName(self.tree).localname

    def find(self, path: str) -> list[str]:
        """Return the texts of elements: ``job/jobId``."""
        assert self.tree is not None
        steps = "/".join("{*}" + step for step in path.split("/"))
        return [element.text or "" for element in self.tree.iterfind(steps)]


class StrictClient:
    """Speaks XML and nothing else, and is as strict as ``xmllint --schema`` with all it sends and receives."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=20)
        self._schema = etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd"))
        #: The names of the documents that went over the wire.
        self.seen: set[str] = set()

    def __call__(
        self, method: str, path: str, body: str | None = None, login: str | None = f"admin:{PASSWORD}", **sent: str
    ) -> Answer:
        """Send a request; the body is the inside of a document, ``<X>…</X>``, whose namespace is put in."""
        headers = {"Accept": "application/xml", **{name.replace("_", "-"): value for name, value in sent.items()}}
        if login is not None:
            headers.setdefault("Authorization", "Basic " + b64encode(login.encode()).decode())
        content = None
        if body is not None:
            end = min(place for place in (body.find(">"), body.find(" "), body.find("/>")) if place > 0)
            content = f'<?xml version="1.0" encoding="UTF-8"?>\n{body[:end]} xmlns="{NAMESPACE}"{body[end:]}'.encode()
            self._check(etree.fromstring(content))
            headers["Content-Type"] = "application/xml"
        self._connection.request(method, "/API" + path, content, headers)
        answer = self._connection.getresponse()
        received = answer.read()
        assert int(answer.headers["Content-Length"]) == len(received)
        type = answer.headers.get("Content-Type", "").split(";")[0]
        if not received or type != "application/xml":
            assert headers["Accept"] != "application/xml" or not received, f"{method} {path}: {type}"
            return Answer(answer.status, received.decode(), None)
        assert received.startswith(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>')
        tree = etree.fromstring(received)
        self._check(tree)
        return Answer(answer.status, received.decode(), tree)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _check(self, tree: etree._Element) -> None:
        self._schema.assertValid(tree)
        self.seen.add(etree.QName(tree).localname)


async def test_a_strict_xml_client(installation: Installation, client: Client) -> None:
    installation.run("serve")
    await client.ready()
    with closing(StrictClient(installation.port)) as strict:
        await asyncio.to_thread(_jobs_in_xml, strict, installation.storage)
        await asyncio.to_thread(_notifications_in_xml, strict)
        await asyncio.to_thread(_task_definitions_in_xml, strict)
        await asyncio.to_thread(_users_in_xml, strict)
        await asyncio.to_thread(_configuration_in_xml, strict)
    # Every document that the schema has went over the wire.
    schema = etree.parse(resources.schemas() / "vidispine.xsd")
    known = {str(element.get("name")) for element in schema.getroot().iterchildren("{*}element")}
    assert known - strict.seen == set()


def _jobs_in_xml(send: StrictClient, storage: Path) -> None:
    assert send("GET", "/version").name == "VersionDocument"
    assert "COPY_FILE" in send("GET", "/jobtype").find("uri")
    assert send("GET", "/job").find("hits") == ["0"]
    assert send("GET", "/job/problem").name == "JobProblemListDocument"

    _, source, target = source_and_target(storage, "a.bin")
    body = (
        f"<SimpleMetadataDocument><field><key>sourceUri</key><value>{source}</value></field>"
        f"<field><key>destinationUri</key><value>{target}</value></field></SimpleMetadataDocument>"
    )
    made = send("POST", "/job?type=COPY_FILE&priority=HIGH&jobmetadata=acme_order%3D42", body)
    assert (made.status, made.name, made.find("status")) == (200, "JobDocument", ["READY"])
    (id,) = made.find("jobId")
    until(lambda: send("GET", f"/job/{id}").find("status"), ["FINISHED"].__eq__)
    job = send("GET", f"/job/{id}?metadata=true")
    pairs = dict(zip(job.find("data/key"), job.find("data/value"), strict=True))
    assert pairs["acme_order"] == "42" and pairs["fileUri"] == target
    assert job.find("log/task/step") == ["100", "200", "400", "800"]
    assert send("GET", f"/job/{id}", Accept="text/plain").text == "FINISHED"

    listed = send("GET", "/job;user=false;state=FINISHED?metadata=true&step=true&sort=jobId%20desc")
    assert (listed.find("hits"), listed.find("job/jobId"), listed.find("job/totalSteps")) == (["1"], [id], ["4"])
    search = (
        "<JobSearchDocument><facetFilter><field>state</field><value>FINISHED</value></facetFilter>"
        '<facet count="true" name="JobTypes"><field>type</field></facet>'
        '<facet count="true" minCount="1" maxCount="5" maxResults="10"><field>state</field></facet></JobSearchDocument>'
    )
    found = send("PUT", "/job/search?user=false", search)
    assert found.find("hits") == ["1"] and found.find("facet/count") == ["1", "1"]

    orders = (
        "<JobOrderListDocument><job><type>COPY_FILE</type><holdJob>true</holdJob></job>"
        "<job><type>COPY_FILE</type><priority>LOW</priority><holdJob>true</holdJob></job></JobOrderListDocument>"
    )
    together = send("POST", "/job/bulk", orders)
    assert (together.find("job/status"), together.find("job/priority")) == (["HOLD"] * 2, ["MEDIUM", "LOW"])
    for one in together.find("job/jobId"):
        assert send("DELETE", f"/job/{one}?cleanup=false").status == 200

    large, source, target = source_and_target(storage, "b.bin", too_large(storage))
    body = (
        f"<SimpleMetadataDocument><field><key>sourceUri</key><value>{source}</value></field>"
        f"<field><key>destinationUri</key><value>{target}</value></field></SimpleMetadataDocument>"
    )
    (held,) = send("POST", "/job?type=COPY_FILE", body).find("jobId")
    until(lambda: send("GET", f"/job/{held}").find("status"), ["WAITING"].__eq__)
    assert send("GET", f"/job/{held}").find("waiting/resourceType") == ["OUT_OF_STORAGE"]
    problem = send("GET", "/job/problem")
    assert problem.find("problem/job") == [held] == send("GET", f"/job/{held}/problem").find("problem/job")
    assert send("PUT", f"/job/{held}?priority=LOWEST").status == 200
    assert send("GET", f"/job/{held}").find("priority") == ["LOWEST"]
    again = send("POST", f"/job/{id}/re-run")
    assert again.find("priority") == ["HIGH"] and again.find("jobId") not in ([id], [held])
    assert send("PUT", f"/job/{held}/external-id/acme:7").status == 200
    assert send("GET", "/job/acme:7/external-id").name == "ExternalIdentifierListDocument"
    refused = send("DELETE", f"/job?id={held},{id}")
    assert (refused.status, refused.find("invalidInput/id")) == (400, [held])
    assert send("DELETE", f"/job/{held}?reason=not%20needed&cleanup=true").status == 200
    until(lambda: send("GET", f"/job/{held}").find("status"), ["ABORTED"].__eq__)
    assert send("DELETE", f"/job?id={held}").status == 200
    assert large.exists()

    for method, path, status, kind in (
        ("GET", f"/job/{held}", 404, "notFound"),
        ("GET", "/nothing", 404, "notFound"),
        ("POST", "/job?type=NOPE", 400, "invalidInput"),
        ("POST", "/job?type=COPY_FILE&priority=URGENT", 400, "invalidInput"),
        ("GET", "/job?first=x", 400, "invalidInput"),
        ("PUT", f"/job/{id}", 400, "invalidInput"),
    ):
        refused = send(method, path)
        assert (refused.status, refused.name, len(refused.find(kind))) == (status, "ExceptionDocument", 1), path
    unknown = send("PUT", "/job/search", "<JobSearchDocument><facet><field>foo</field></facet></JobSearchDocument>")
    assert unknown.status == 404 and unknown.find("notFound/type")
    for login in (None, "admin:wrong", "ghost:x"):
        refused = send("GET", "/job", login=login)
        assert refused.status == 401 and refused.find("notAuthorized/message") != [""]


def _notifications_in_xml(send: StrictClient) -> None:
    document = (
        "<NotificationDocument><action><http synchronous='false'><retry>3</retry>"
        "<contentType>application/json</contentType><url>http://127.0.0.1:9/x</url><method>POST</method>"
        "<timeout>5</timeout></http></action><trigger><job><stop/><filter><type>COPY_FILE</type></filter></job>"
        "</trigger></NotificationDocument>"
    )
    (url,) = send("POST", "/job/notification", document).find("uri")
    path = urlsplit(url).path.removeprefix("/API")
    assert send("GET", "/job/notification").find("uri") == [url]
    assert send("GET", f"{urlsplit(url).path.removeprefix('/API')}/delivery").name == "DeliveryListDocument"
    assert send("GET", path).find("trigger/job/filter/type") == ["COPY_FILE"]
    assert send("PUT", path, document.replace("COPY_FILE", "TRANSCODE")).status == 200
    assert send("GET", path).find("trigger/job/filter/type") == ["TRANSCODE"]
    (held,) = send("POST", "/notification", document.replace("<stop/>", "<stop/><placeholder>true</placeholder>")).find(
        "uri"
    )
    assert urlsplit(held).path.startswith("/API/notification/")
    assert send("DELETE", path).status == 200
    assert send("GET", path).status == 404
    assert send("DELETE", "/notification").status == 200


def _task_definitions_in_xml(send: StrictClient) -> None:
    types = "/task-definition/jobtype"
    assert send("POST", f"{types}/ACME_HELLO?id=20001").name == "TaskDefinitionListDocument"
    task = (
        "<description>Say hello</description><extradata/><flags>0</flags><script>job.log('hi');</script>"
        "<step>100</step><dependency><step>0</step><previous>false</previous><allPrevious>true</allPrevious></dependency>"
        "<jobType>ACME_HELLO</jobType><cleanup>false</cleanup><critical>true</critical>"
    )
    made = send(
        "POST", "/task-definition", f"<TaskDefinitionListDocument><task>{task}</task></TaskDefinitionListDocument>"
    )
    (id,) = made.find("uri")
    one = send("GET", f"/task-definition/{id}")
    assert one.name == "TaskDefinitionDocument" and one.find("script") == ["job.log('hi');"]
    body = f"<TaskDefinitionDocument>{task.replace('hello', 'good-bye')}</TaskDefinitionDocument>"
    assert send("PUT", f"{types}/ACME_HELLO/step/100", body).status == 200
    assert send("GET", f"{types}/ACME_HELLO").find("task/description") == ["Say good-bye"]
    assert "ACME_HELLO" in send("GET", "/jobtype").find("uri")
    fields = "<SimpleMetadataDocument><field><key>retries</key><value>2</value></field></SimpleMetadataDocument>"
    assert send("PUT", f"/task-definition/{id}/metadata", fields).status == 200
    assert send("GET", f"/task-definition/{id}/metadata").name == "SimpleMetadataDocument"
    assert "digraph" in send("GET", f"{types}/ACME_HELLO/graph/dot", Accept="text/plain").text
    assert send("DELETE", f"{types}/ACME_HELLO").status == 200
    assert send("GET", f"{types}/ACME_HELLO").status == 404


def _users_in_xml(send: StrictClient) -> None:
    body = (
        "<UserDocument><userName>plain</userName><realName>P. Lain</realName><password>open sesame</password>"
        "<groupList><group><groupName>_job_read</groupName></group></groupList></UserDocument>"
    )
    assert send("POST", "/user?passwordType=raw", body).status == 200
    assert send("GET", "/user").find("user/userName") == ["admin", "plain"]
    plain = send("GET", "/user/plain")
    assert plain.name == "UserDocument" and plain.find("realName") == ["P. Lain"] and plain.find("password") == []
    assert send("GET", "/user/plain/groups").find("group/groupName") == ["_job_read"]
    group = "<GroupDocument><groupName>crew</groupName><description>Whoever works</description></GroupDocument>"
    assert send("PUT", "/group/crew", group).status == 200
    assert send("PUT", "/group/crew/user/plain").status == 200
    assert send("GET", "/group/crew").find("userList/user/userName") == ["plain"]
    assert "crew" in send("GET", "/group").find("group/groupName")
    assert send("GET", "/group/crew/users").name == "UserListDocument"

    login = "plain:open sesame"
    assert send("GET", "/whoami", login=login, Accept="text/plain").text == "plain"
    assert send("GET", "/job?user=false", login=login).status == 200
    refused = send("POST", "/job?type=COPY_FILE", login=login)
    assert (refused.status, refused.find("forbidden/id")) == (403, ["_job_write"])
    (token,) = send("GET", "/token?seconds=30", login=login).find("token")
    for authorization in (f"token {token}", f"Bearer {token}"):
        assert send("GET", "/job", login=None, Authorization=authorization).status == 200
    assert send("GET", "/job", login=None, Authorization="token x").status == 401
    assert send("GET", "/whoami", RunAs="plain", Accept="text/plain").text == "plain"
    assert send("DELETE", "/user/plain").status == 200
    assert send("GET", "/job", login=login).status == 401


def _configuration_in_xml(send: StrictClient) -> None:
    assert "properties" in " ".join(send("GET", "/configuration").find("uri"))
    pools = (
        "<JobPoolListDocument><concurrentJobs>4</concurrentJobs>"
        "<pool><priorityThreshold>HIGH</priorityThreshold><size>1</size></pool></JobPoolListDocument>"
    )
    assert send("PUT", "/configuration/job-pool", pools).status == 200
    assert send("GET", "/configuration/job-pool").find("pool/priorityThreshold") == ["HIGH"]
    assert send("DELETE", "/configuration/job-pool").status == 200
    assert send("GET", "/configuration/job-pool").find("concurrentJobs") == ["4"]
    priority = (
        "<JobPriorityConfigurationDocument><job><type>COPY_FILE</type><value>LOW</value></job>"
        "</JobPriorityConfigurationDocument>"
    )
    assert send("PUT", "/configuration/job-priority", priority).status == 200
    assert send("GET", "/configuration/job-priority").find("job/value") == ["LOW"]
    assert send("DELETE", "/configuration/job-priority").status == 200
    one = "<ConfigurationPropertyDocument><key>acme</key><value>1</value></ConfigurationPropertyDocument>"
    assert send("PUT", "/configuration/properties", one).status == 200
    several = "<ConfigurationPropertyListDocument><property><key>b</key><value>2</value></property></ConfigurationPropertyListDocument>"
    assert send("PUT", "/configuration/properties", several).status == 200
    assert {"acme", "b"} <= set(send("GET", "/configuration/properties").find("property/key"))
    assert send("GET", "/configuration/properties/acme").find("value") == ["1"]
    cors = (
        "<CORSConfigurationDocument><entry><request><origin>https://a.example</origin></request>"
        "<response><allowOrigin>https://a.example</allowOrigin></response></entry></CORSConfigurationDocument>"
    )
    assert send("PUT", "/configuration/cors", cors).status == 200
    assert send("GET", "/configuration/cors").name == "CORSConfigurationDocument"
    group = "<TaskGroupDocument><name>late</name><job><type>COPY_FILE</type></job><maxConcurrency>1</maxConcurrency></TaskGroupDocument>"
    assert send("PUT", "/task-group/late", group).find("name") == ["late"]
    assert send("GET", "/task-group").find("group/name") == ["late"]
    purging = "<DatabasePurgingConfigurationDocument><job><age>30</age></job></DatabasePurgingConfigurationDocument>"
    assert send("PUT", "/configuration/purging", purging).status == 200
    assert send("GET", "/configuration/purging").find("job/age") == ["30"]
    assert send("DELETE", "/configuration/purging").status == 200
    assert len(send("GET", "/worker").find("worker/id")) == 1
    assert send("GET", "/selftest").name == "SelfTestDocument"
