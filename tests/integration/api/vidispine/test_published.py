"""The OpenAPI document and the XSD, as anybody may read them."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from lxml import etree

from tests.integration.api.vidispine.conftest import JSON, XML, Api
from vidijob import resources


async def test_the_openapi_document(api: Api) -> None:
    reply = await api("GET", "/openapi.json", user=None, accept=None, headers={"Host": "jobs.example.org:81"})
    assert reply.status == 200
    assert reply.json["openapi"] == "3.1.0"
    assert reply.json["info"]["version"] == version("vidijob")
    assert reply.json["servers"] == [{"url": "http://jobs.example.org:81"}]
    assert reply.json["components"]["securitySchemes"]["password"] == {"type": "http", "scheme": "basic"}
    assert reply.json["paths"]["/API/job/{id}"]["get"]["operationId"] == "getAPIJobById"
    assert (await api("GET", "/openapi.json", user=None, headers={"Host": "no host"})).status == 400
    assert (await api("PUT", "/openapi.json", user=None)).status == 405


async def test_the_xsd(api: Api) -> None:
    reply = await api("GET", "/schemas/vidispine.xsd", user=None, accept=None)
    assert reply.headers["Content-Type"] == XML
    assert reply.body == (resources.schemas() / "vidispine.xsd").read_bytes()
    etree.XMLSchema(etree.fromstring(reply.body))
    assert (await api("GET", "/schemas/..%2Fsql%2Fschema.sql", user=None)).status == 404


@pytest.mark.parametrize("path", ["/openapi.json", "/schemas/vidispine.xsd"])
async def test_a_copy_that_is_known_is_not_sent_again(api: Api, path: str) -> None:
    first = await api("GET", path, user=None)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"].startswith("public")
    again = await api("GET", path, user=None, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert (await api("GET", path, user=None, headers={"If-None-Match": '"other"'})).body == first.body


@pytest.mark.parametrize("accept", [JSON, XML, "text/plain", "*/*"])
async def test_what_is_only_text_is_text_for_everybody(api: Api, accept: str) -> None:
    initialised = await api("POST", "/APIinit", user=None, accept=accept)
    assert initialised.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert initialised.text == "The database is initialised."
    validated = await api("GET", "/API/task-definition/jobtype/TRANSCODE/step/100/validate", accept=accept)
    assert (validated.status, validated.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
