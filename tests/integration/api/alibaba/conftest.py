"""The MPS face on a real database, in process, and a client that signs by itself, from the vendor's description of how."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from lxml import etree
from yarl import URL

from tests.integration import serving
from tests.integration.engine.conftest import Engine
from tests.integration.serving import Client, served
from vidijob.access import ROLES
from vidijob.api.alibaba.call import Options
from vidijob.engine.access_keys import AccessKeys
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.store import users
from vidijob.store.database import Database

USERS = {"ann": list(ROLES), "reader": ["_job_read"], "nobody": []}


class Reply(serving.Reply):
    """An answer, in either form."""

    @property
    def json(self) -> Any:
        """The body as JSON; its headers must say so."""
        assert self.headers["Content-Type"] == "application/json;charset=utf-8"
        return json.loads(self.body)

    @property
    def xml(self) -> etree._Element:
        """The body as XML; its headers must say so."""
        assert self.headers["Content-Type"] == "text/xml;charset=utf-8"
        return etree.fromstring(self.body)

    @property
    def code(self) -> str:
        """Why it was refused; nothing where it was not."""
        found = self.json
        assert (self.status == 200) == ("Code" not in found), found
        return str(found.get("Code", ""))


def encode(text: str) -> str:
    return quote(text, safe="-_.~")


def stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Key:
    """A key and its secret."""

    id: str
    secret: str

    def v1(self, action: str, given: Mapping[str, str], method: str = "GET", **changed: str | None) -> dict[str, str]:
        """Return the parameters of a call that is signed the older way; ``None`` leaves one out."""
        every = {
            "Action": action, "Version": "2014-06-18", "AccessKeyId": self.id, "Format": "JSON",
            "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureNonce": str(uuid4()),
            "Timestamp": stamp(), "SignatureType": "", **given, **changed,
        }  # fmt: skip
        sent = {name: value for name, value in every.items() if value is not None}
        pairs = "&".join(
            f"{encode(name)}={encode(value)}" for name, value in sorted(sent.items()) if name != "Signature"
        )
        text = f"{method}&%2F&{encode(pairs)}"
        made = base64.b64encode(hmac.new(f"{self.secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()
        return sent if "Signature" in changed else {"Signature": made, **sent}

    def v3(
        self, action: str, query: Mapping[str, str], host: str, body: bytes = b"", method: str = "POST", **changed: str
    ) -> dict[str, str]:
        """Return the headers of a call that is signed the newer way."""
        headers = {
            "host": host, "x-acs-action": action, "x-acs-version": "2014-06-18", "x-acs-date": stamp(),
            "x-acs-signature-nonce": str(uuid4()), "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
            "accept": "application/json",
        }  # fmt: skip
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        names = sorted(headers)
        pairs = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(query.items()))
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        canonical = "\n".join((method, "/", pairs, lines, ";".join(names), headers["x-acs-content-sha256"]))
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        made = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.id},SignedHeaders={';'.join(names)},Signature={made}"
        )
        return headers


@dataclass
class Mps:
    """A client, as any program is one."""

    client: Client
    key: Key
    keys: dict[str, Key] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Where the server is."""
        return f"127.0.0.1:{self.client.port}"

    async def send(
        self,
        method: str = "GET",
        path: str = "/mps/",
        query: Mapping[str, str] | str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | BytesIO | None = None,
    ) -> Reply:
        """Send a request exactly so."""
        text = query if isinstance(query, str) else "&".join(f"{encode(k)}={encode(v)}" for k, v in query.items())
        url = URL(f"http://{self.host}{path}{'?' + text if text else ''}", encoded=True)
        skip = ["Accept", "User-Agent", "Content-Type"]
        async with self.client.session.request(
            method, url, data=body, headers=headers, skip_auto_headers=skip
        ) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def __call__(self, action: str, *, user: str | None = None, **given: Any) -> Reply:
        """Call an action; what is not text is sent as JSON."""
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in given.items()
            if value is not None
        }
        key = self.keys[user] if user else self.key
        if sum(map(len, texts.values())) < 4000:
            return await self.send(query=key.v1(action, texts))
        form = "&".join(f"{encode(name)}={encode(value)}" for name, value in key.v1(action, texts, "POST").items())
        return await self.send(
            "POST", headers={"Content-Type": "application/x-www-form-urlencoded"}, body=form.encode()
        )

    async def pipeline(self, **given: Any) -> str:
        """Make a pipeline and return its id."""
        return str((await self("AddPipeline", **{"Name": "p", **given})).json["Pipeline"]["Id"])

    async def submit(self, pipeline: str, *outputs: dict[str, Any], **given: Any) -> Reply:
        """Submit jobs that read ``in/a.mov``."""
        every = {
            "Input": {"Bucket": "in", "Location": "oss-cn-hangzhou", "Object": "a.mov"},
            "OutputBucket": "out",
            "OutputLocation": "oss-cn-hangzhou",
            "Outputs": list(outputs) or [{"OutputObject": "o.mp4", "TemplateId": "mp4"}],
            "PipelineId": pipeline,
            **given,
        }
        return await self("SubmitJobs", **every)

    async def job(self, pipeline: str, **output: Any) -> str:
        """Submit a job and return its id."""
        reply = await self.submit(pipeline, {"OutputObject": "o.mp4", "TemplateId": "mp4", **output})
        return str(reply.json["JobResultList"]["JobResult"][0]["Job"]["JobId"])

    async def shown(self, id: str) -> dict[str, Any]:
        """Return a job."""
        (found,) = (await self("QueryJobList", JobIds=id)).json["JobList"]["Job"]
        return dict(found)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The engine behind the face; its loops run when a test starts them."""
    async with Engine(database, dict(JOB_TYPES)) as engine:
        await engine.write_types()
        yield engine


@pytest.fixture
def rate() -> int:
    """How often each key may call each action within a second."""
    return 1000


@pytest.fixture
async def mps(engine: Engine, database: Database, tmp_path: Path, rate: int) -> AsyncIterator[Mps]:
    """A client of a server with a few users, each with a key."""
    keys = {}
    for name, roles in USERS.items():
        await users.add(database, name, "hash", roles)
        keys[name] = Key(*await AccessKeys(database).add(name))
    options = Options((tmp_path,), frozenset({"mp4", "proxy"}), rate)
    async with served(engine, mps_options=options) as client:
        yield Mps(client, keys["ann"], keys)
