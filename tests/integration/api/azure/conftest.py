"""The face of Azure Media Services on a real database, in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.integration import serving
from tests.integration.engine.conftest import Engine, task
from tests.integration.serving import PASSWORD, Client, served
from vidijob.access import ROLES
from vidijob.api.azure.messages import Teller
from vidijob.engine.identities import Identities
from vidijob.engine.watcher import Watcher
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.model import JobType
from vidijob.store.database import Database

USERS = {"account001": list(ROLES), "reader": ["_job_read"], "nobody": []}
VERBOSE = "application/json;odata=verbose"
MINIMAL = "application/json;odata=minimalmetadata"
ATOM = "application/atom+xml,application/xml"
ENCODER = "nb:mpid:UUID:70bdc2c3-ebf4-42a9-8542-5afc1e55d217"
BODY = (
    '<?xml version="1.0" encoding="utf-16"?><taskBody><inputAsset>JobInputAsset(0)</inputAsset>'
    '<outputAsset assetCreationOptions="0" assetName="Output asset">JobOutputAsset(0)</outputAsset></taskBody>'
)


class Reply(serving.Reply):
    """An answer in one of the forms of OData."""

    @property
    def d(self) -> Any:
        """What a body in verbose JSON holds."""
        assert "odata=verbose" in self.headers["Content-Type"], self.text
        return json.loads(self.body)["d"]

    @property
    def message(self) -> str:
        """What is wrong, in verbose JSON."""
        error = json.loads(self.body)["error"]
        assert list(error) == ["code", "message"] and list(error["message"]) == ["lang", "value"]
        return str(error["message"]["value"])


class Media:
    """A client of the face, as any program is one."""

    def __init__(self, client: Client, root: Path) -> None:
        self.client = client
        self.root = root
        self.token = ""

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: str | None = VERBOSE,
        type: str = VERBOSE,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send a request to a path below the root, exactly as written; an object as JSON."""
        sent = {"Authorization": f"Bearer {self.token if token is None else token}", **(headers or {})}
        if accept is not None:
            sent["Accept"] = accept
        if body is not None:
            sent["Content-Type"] = type
        data = (
            body
            if isinstance(body, bytes | None)
            else body.encode()
            if isinstance(body, str)
            else json.dumps(body).encode()
        )
        url = URL(str(self.client.make_url("/azure/")) + path, encoded=True)
        skip = ["Accept", "Content-Type"]
        async with self.client.session.request(
            method,
            url,
            data=data if data is None else BytesIO(data),
            headers=sent,
            skip_auto_headers=skip,
            allow_redirects=False,
        ) as answer:
            reply = Reply(answer.status, answer.headers, await answer.read())
        assert reply.status != 500, reply.text
        return reply

    async def log_in(self, user: str) -> None:
        """Have a token of a user."""
        given = {"grant_type": "client_credentials", "client_id": user, "client_secret": PASSWORD, "scope": "urn:x"}
        answer = await self.client.post("/azure/v2/OAuth2-13", data=given)
        self.token = (await answer.json())["access_token"]

    async def asset(self, name: str = "BigBuckBunny.mp4") -> str:
        """Make an asset with one file, and return its id."""
        made = await self("POST", "api/Assets", {"Name": name})
        assert made.status == 201, made.text
        file = {"Name": name, "ParentAssetId": made.d["Id"], "IsPrimary": "true", "ContentFileSize": "17"}
        assert (await self("POST", "api/Files", file)).status == 201
        return str(made.d["Id"])

    def job(self, asset: str, name: str = "NewTestJob", **more: Any) -> dict[str, Any]:
        """Return a job of one task as the page has it."""
        uri = f"https://media.windows.net/api/Assets('{asset.replace(':', '%3A')}')"
        one_task = {"Configuration": "H.264 HD 720p VBR", "MediaProcessorId": ENCODER, "TaskBody": BODY}
        return {"Name": name, "InputMediaAssets": [{"__metadata": {"uri": uri}}], "Tasks": [one_task], **more}

    async def submit(self, name: str = "NewTestJob", **more: Any) -> str:
        """Submit a job and return its id."""
        made = await self("POST", "api/Jobs", self.job(await self.asset(), name, **more))
        assert made.status == 201, made.text
        return str(made.d["Id"])


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The engine behind the face; its loops run when a test starts them."""
    async with Engine(database, {**JOB_TYPES, "WORK": JobType("WORK", (task(100), task(200)))}) as engine:
        yield engine


@pytest.fixture
async def media(engine: Engine, tmp_path: Path) -> AsyncIterator[Media]:
    """A client who has logged in with all roles."""
    async with served(engine, USERS, storage_root=tmp_path) as client:
        media = Media(client, tmp_path)
        await media.log_in("account001")
        yield media


@pytest.fixture
async def watcher(engine: Engine, database: Database) -> AsyncIterator[Watcher]:
    """Who tells of jobs."""
    watcher = Watcher(database, engine.bell, Teller(await Identities(database).uuids()))
    watcher.start()
    yield watcher
    await watcher.stop()
