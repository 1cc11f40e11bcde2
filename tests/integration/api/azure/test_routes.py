"""The way in: tokens, redirection, what there is, and every error in the format that was asked for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lxml import etree

from tests.integration.api.azure.conftest import ATOM, ENCODER, MINIMAL, PASSWORD, VERBOSE, Media
from tests.integration.engine.conftest import Engine
from vidijob.api.azure.documents import MODEL
from vidijob.executors.base import Done, Outcome, StepContext

EDM = "{http://schemas.microsoft.com/ado/2009/11/edm}"


async def test_both_token_services(media: Media) -> None:
    # A library leaves a blank before the next parameter.
    old = await media.client.post(
        "/azure/v2/OAuth2-13", headers={"Content-Type": "application/x-www-form-urlencoded"},
        data=f"grant_type=client_credentials&client_id=account001&client_secret={PASSWORD.replace(' ', '+')} &scope=urn%3awindowsazuremediaservices",
    )  # fmt: skip
    assert old.headers["Cache-Control"] == "no-store"
    issued = await old.json()
    assert list(issued) == ["token_type", "access_token", "expires_in", "scope"] and issued["expires_in"] == "21600"
    given = {"client_id": "account001", "client_secret": PASSWORD, "resource": "https://rest.media.azure.net"}
    new = await (await media.client.post("/azure/some-tenant/oauth2/token", data=given)).json()
    assert new["token_type"] == "Bearer" and int(new["expires_on"]) > 1_700_000_000
    for token in (issued["access_token"], new["access_token"]):
        assert (await media("GET", "api/Jobs", token=token)).status == 200
    for wrong in (
        {"client_id": "account001", "client_secret": "wrong"},
        {},
        {"client_id": "\x00", "client_secret": "x" * 2000},
    ):
        refused = await media.client.post("/azure/v2/OAuth2-13", data=wrong)
        assert refused.status == 401 and list(await refused.json()) == ["error", "error_description"]
    other = await media.client.post("/azure/v2/OAuth2-13", data={**given, "grant_type": "password"})
    assert other.status == 400 and (await other.json())["error"] == "unsupported_grant_type"


async def test_the_bootstrap_redirects_and_does_nothing(media: Media) -> None:
    asset = await media.asset()
    for method, path in (
        ("GET", "API"),
        ("GET", "API/"),
        ("POST", "API/Jobs"),
        ("DELETE", "API/Jobs('x')"),
        ("POST", "API/$batch"),
        ("DELETE", "API%2FJobs%28%27x%27%29"),
    ):
        reply = await media(method, path, media.job(asset) if method == "POST" else None, token="none")
        assert reply.status == 301 and reply.headers["Location"].endswith("/azure/api/")
    assert (await media("GET", "api/Jobs/$count")).text == "0"


async def test_what_there_is(media: Media) -> None:
    assert (await media("GET", "api/")).d == {"EntitySets": list(MODEL.entities)}
    assert json.loads((await media("GET", "api", accept=MINIMAL)).body)["value"][0] == {"name": "Jobs", "url": "Jobs"}
    assert '<collection href="Jobs">' in (await media("GET", "api/", accept="*/*")).text
    metadata = await media("GET", "api/$metadata?api-version=2.11", accept="application/xml")
    tree = etree.fromstring(metadata.body)
    entities = {one.get("Name"): one for one in tree.iter(f"{EDM}EntityType")}
    assert set(entities) == {shape.name for shape in MODEL.entities.values()}
    for shape in MODEL.entities.values():
        names = [one.get("Name") for one in entities[shape.name].iter(f"{EDM}Property")]
        assert names == list(shape.properties)
        assert [one.get("Name") for one in entities[shape.name].iter(f"{EDM}NavigationProperty")] == list(shape.links)
    functions = [one.get("Name") for one in tree.iter(f"{EDM}FunctionImport")]
    assert functions == ["CancelJob", "GetProtectionKeyId", "GetProtectionKey"]
    known = {f"{MODEL.namespace}.{one.get('Name')}" for one in tree.iter() if one.get("Name")}
    for end in tree.iter(f"{EDM}End"):
        assert end.get("Type") is None or end.get("Type") in known


async def test_processors(media: Media) -> None:
    query = "$top=1&$filter=Name%20eq%20'Media%20Encoder%20Standard'&$orderby=Version%20desc"
    (found,) = (await media("GET", f"api/MediaProcessors?{query}")).d["results"]
    assert found["Version"] == "1.1" and list(found)[1:] == ["Id", "Description", "Name", "Sku", "Vendor", "Version"]
    assert (await media("GET", f"api/MediaProcessors('{ENCODER}')")).d["Name"] == "Windows Azure Media Encoder"
    assert (
        await media("GET", "api/MediaProcessors('nb:mpid:UUID:00000000-0000-0000-0000-000000000000')")
    ).status == 404


async def test_assets_and_files(media: Media) -> None:
    id = await media.asset("clip's one.mp4")
    assert (await media("MERGE", f"api/Assets('{id}')", {"Name": "other", "State": 9})).status == 204
    asset = (await media("GET", "api/Assets?$filter=Name%20eq%20'other'%20and%20State%20eq%200")).d["results"][0]
    assert (
        asset["Id"] == id
        and asset["Uri"].startswith("file:///")
        and asset["Files"]["__deferred"]["uri"].endswith("/Files")
    )
    (file,) = (await media("GET", f"api/Assets('{id}')/Files")).d["results"]
    assert (file["ContentFileSize"], file["IsPrimary"]) == ("17", True)
    changed = {"Name": "../../elsewhere.mp4", "ParentAssetId": "x", "ContentFileSize": 18}
    assert (await media("MERGE", f"api/Files('{file['Id']}')", changed)).status == 204
    (file,) = (await media("GET", f"api/Assets('{id}')/Files")).d["results"]
    assert (file["Name"], file["ParentAssetId"], file["ContentFileSize"]) == ("clip's one.mp4", id, "18")
    (same,) = (await media("GET", f"api/Files?$filter=ParentAssetId%20eq%20'{id}'%20and%20IsPrimary%20eq%20true")).d[
        "results"
    ]
    assert same["Id"] == file["Id"]
    by_id = await media("GET", f"api/Files?$filter=Id%20eq%20'{file['Id']}'%20and%20startswith(Id,'nb:cid')")
    assert len(by_id.d["results"]) == 1
    for name in ("../x", "a/b", "", ".hidden", "x" * 300):
        assert (await media("POST", "api/Files", {"Name": name, "ParentAssetId": id})).status == 400
    unknown = "nb:cid:UUID:00000000-0000-0000-0000-000000000000"
    assert (await media("POST", "api/Files", {"Name": "x", "ParentAssetId": unknown})).status == 404
    empty = (await media("POST", "api/Assets", {})).d["Id"]
    assert "has no file" in (await media("POST", "api/Jobs", media.job(empty))).message
    named = (await media("POST", "api/Assets", {"AlternateId": "file:///media/a.mov"})).d["Id"]
    assert (await media("POST", "api/Jobs", media.job(named))).status == 201


async def test_a_value_by_itself_is_written_as_in_atom(media: Media) -> None:
    job = await media.submit()
    whole = (await media("GET", f"api/Jobs('{job}')")).d
    assert (await media("GET", f"api/Jobs('{job}')/Created/$value")).text == whole["Created"].removesuffix("Z")
    assert (await media("GET", f"api/Jobs('{job}')/RunningDuration/$value")).text == "0"
    (file,) = (await media("GET", "api/Files?$filter=ContentFileSize%20eq%2017")).d["results"]
    assert (await media("GET", f"api/Files('{file['Id']}')/IsPrimary/$value")).text == "true"
    assert (await media("GET", f"api/Files('{file['Id']}')/ContentFileSize/$value")).text == "17"


async def test_no_number_and_no_truth_is_nothing(media: Media) -> None:
    """Clients written for the service have no place for it, and fail where they meet it."""
    asset = await media.asset()
    sent = {"Name": "second.mp4", "ParentAssetId": asset, "IsEncrypted": None}
    made = (await media("POST", "api/Files", sent)).d
    assert (made["IsEncrypted"], made["IsPrimary"], made["ContentFileSize"]) == (False, False, "0")
    query = "IsPrimary%20eq%20false%20and%20IsEncrypted%20eq%20false%20and%20ContentFileSize%20eq%200"
    (found,) = (await media("GET", f"api/Files?$filter={query}")).d["results"]
    assert found["Id"] == made["Id"]
    assert (await media("MERGE", f"api/Files('{made['Id']}')", {"IsPrimary": None})).status == 204
    assert (await media("GET", f"api/Files('{made['Id']}')/IsPrimary")).d == {"IsPrimary": False}


async def test_what_is_not_possible_says_what_is(media: Media) -> None:
    job = await media.submit()
    for method, path, allowed in (
        ("PUT", "api/Jobs", "GET, HEAD, POST"),
        ("POST", f"api/Jobs('{job}')", "GET, HEAD, MERGE, PATCH, PUT, DELETE"),
        ("DELETE", f"api/Jobs('{job}')/Name", "GET, HEAD"),
        ("POST", "api/MediaProcessors", "GET, HEAD"),
        ("POST", "api/", "GET, HEAD"),
    ):
        refused = await media(method, path, {})
        assert (refused.status, refused.headers["Allow"]) == (405, allowed), path
    missing = await media("GET", "api/CancelJob")
    assert (missing.status, missing.message) == (400, "The parameter jobid is missing: jobid='…'.")


async def test_the_files_of_an_asset_are_deleted_by_an_operation(media: Media, engine: Engine) -> None:
    id = await media.asset()
    prefer = {"Prefer": "respond-async"}
    started = await media("DELETE", f"api/Assets('{id}')", headers=prefer)
    operation = started.headers["operation-id"]
    assert (started.status, started.body) == (202, b"") and re.fullmatch(r"nb:opid:UUID:[0-9a-f-]{36}", operation)
    again = await media("DELETE", f"api/Assets('{id}')", headers=prefer)
    assert again.status == 400 and json.loads(again.body)["error"]["code"] == "OperationInProgress"
    # As the page asks for it, and in the order of its answer.
    asked = {"MaxDataServiceVersion": "3.0;NetFx", "x-ms-version": "2.11"}
    reply = await media("GET", f"api/Operations('{operation}')", accept=MINIMAL, headers=asked)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
    document = json.loads(reply.body)
    assert list(document) == ["odata.metadata", "Id", "State", "TargetEntityId", "ErrorCode", "ErrorMessage"]
    assert document["odata.metadata"].endswith("/api/$metadata#Operations/@Element")
    assert document["State"] == "InProgress" and document["TargetEntityId"] == id and document["ErrorCode"] is None

    async def done(step: StepContext) -> Outcome:
        return Done()

    from tests.integration.engine.conftest import ScriptedExecutor

    engine.worker(ScriptedExecutor(setUpDelete=done, delete=done, cleanUp=done), name="file")
    engine.scheduler()
    await engine.until("VX-1")
    assert (await media("GET", f"api/Operations('{operation}')/State")).d == {"State": "Succeeded"}
    assert (await media("GET", f"api/Assets('{id}')")).status == 404
    assert (await media("GET", f"api/Operations('{operation}')")).d["State"] == "Succeeded"


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("junk", 400, "InvalidIdentifierFormat"),
        ("nb:jid:UUID:ab66eff9-8945-4323-9f91-d257a695899b", 400, "InvalidIdentifierFormat"),
        ("nb:opid:UUID:ab66eff9-8945-4323-9f91-d257a695899b", 404, "OperationNotFound"),
    ],
)
async def test_an_operation_that_is_none(media: Media, key: str, status: int, code: str) -> None:
    reply = await media("GET", f"api/Operations('{key}')")
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (status, code)
    id = await media.submit()
    other = await media("GET", f"api/Operations('{id.replace('jid', 'opid')}')")
    assert other.status == 404


async def test_an_operation_that_failed_says_why(media: Media, engine: Engine) -> None:
    from tests.integration.engine.conftest import ScriptedExecutor
    from vidijob.executors.base import Fail

    async def fail(step: StepContext) -> Outcome:
        return Fail("sourceUri names a file that is not there")

    id = await media.asset()
    operation = (await media("DELETE", f"api/Assets('{id}')", headers={"Prefer": "respond-async"})).headers[
        "operation-id"
    ]
    engine.worker(ScriptedExecutor(setUpDelete=fail, delete=fail, cleanUp=fail), name="file")
    engine.scheduler()
    await engine.until("VX-1")
    found = (await media("GET", f"api/Operations('{operation}')")).d
    assert (found["State"], found["ErrorCode"]) == ("Failed", "ResourceNotFound") and "not there" in found[
        "ErrorMessage"
    ]
    assert (await media("GET", f"api/Assets('{id}')")).d["State"] == 0


async def test_an_error_in_three_formats(media: Media) -> None:
    path = "api/Nothing"
    verbose = await media("GET", path)
    assert (verbose.status, verbose.message) == (404, "Resource not found for the segment 'Nothing'.")
    light = json.loads((await media("GET", path, accept="application/json")).body)
    assert light == {"odata.error": json.loads(verbose.body)["error"]}
    atom = await media("GET", path, accept=ATOM)
    assert atom.headers["Content-Type"] == "application/xml;charset=utf-8"
    assert re.search(r"<m:error [^>]*><m:code></m:code><m:message xml:lang=\"en-US\">Resource not found", atom.text)


async def test_who_may_not(media: Media) -> None:
    for token in ("none", "", "x" * 5000):
        refused = await media("GET", "api/Jobs", token=token)
        assert (refused.status, refused.body) == (401, b"")
    id = await media.submit()
    await media.log_in("nobody")
    assert (await media("GET", f"api/Jobs('{id}')")).status == 403
    await media.log_in("reader")
    assert (await media("GET", f"api/Jobs('{id}')")).status == 200
    for method, path, body in (
        ("POST", "api/Jobs", media.job("nb:cid:UUID:00000000-0000-0000-0000-000000000000")), ("POST", "api/Assets", {}),
        ("MERGE", f"api/Jobs('{id}')", {"Name": "x"}), ("DELETE", f"api/Jobs('{id}')", None), ("GET", f"api/CancelJob?jobid='{id}'", None),
    ):  # fmt: skip
        assert (await media(method, path, body)).status == 403, path
    assert (await media("GET", f"api/Jobs('{id}')")).d["State"] == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("api/Jobs?$filter=Name%20eq%20'a", 400), ("api/Jobs?$filter=Nmae%20eq%201", 400), ("api/Jobs?$filter=startswith(Id,'nb')", 400),
        ("api/Jobs?$orderby=Name%20sideways", 400), ("api/Jobs?$top=-1", 400), ("api/Jobs?$expand=Tasks", 400), ("api/Jobs?$what=1", 400), ("api/Jobs?$select=Nope", 400),
        ("api/Jobs?$filter=Name%20eq%20'x'%3B%20DROP%20TABLE%20job", 400), ("api/Jobs?$skip=99999999999", 400), ("api/Jobs?x=%ff", 400),
        ("api/Jobs('nb:jid:UUID:7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab')", 404), ("api/Jobs('%00')", 404), ("api/Jobs('x')/y/z", 404), ("api/%ff", 400),
        ("api/Jobs('x'", 404), ("api/$value", 404), ("api/Jobs/$value", 404), ("api/CancelJob?jobid='x'", 404), ("api/CancelJob", 400),
        ("api/" + "(" * 3000, 404), ("api/Tasks('nb:tid:UUID:7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab')", 404), ("api/Assets('x')/Files", 404),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_for(media: Media, path: str, status: int) -> None:
    reply = await media("GET", path)
    assert reply.status == status, reply.text
    assert reply.message


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (VERBOSE, b"{"), (VERBOSE, b"[" * 100_000), (VERBOSE, b"[]"), (VERBOSE, b"\xff"), (VERBOSE, b'{"d": 5}'), (VERBOSE, b"{'Name': '" + b"\\" * 1001 + b"'"),
        (VERBOSE, b'"' + b'\\"' * 200_000), (VERBOSE, b"'" + b"\\'" * 200_000),
        ("application/atom+xml", b"<entry>"), ("application/atom+xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><entry>&b;</entry>"), ("application/atom+xml", b"<entry/>"),
        ("application/atom+xml", b"<a>" * 10_000), ("application/atom+xml", b"<d:TaskBody> <x" * 20_000), ("application/atom+xml", b"\x00"),
        ("application/atom+xml", b'<?xml version="1.0" encoding="nonsense"?><entry/>'), (VERBOSE, b'{"Name": "x", "__proto__": {}}'),
        (VERBOSE, b'{"Options": true}'), (VERBOSE, b'{"Options": "1e9"}'), (VERBOSE, b'{"Name": {"a": 1}}'), (VERBOSE, b"{}" + b" " * 3_000_000),
    ],
)  # fmt: skip
async def test_a_hostile_body_is_refused(media: Media, type: str, body: bytes) -> None:
    for path in ("api/Jobs", "api/Assets", "api/NotificationEndPoints", "api/JobTemplates"):
        reply = await media("POST", path, body, type=type)
        assert reply.status == 400, (path, reply.text)
    assert (await media("GET", "api/Assets/$count")).text == "0"


async def test_texts_in_single_quotes_and_atom_are_read(media: Media) -> None:
    made = await media("POST", "api/Assets", """{"Name": 'it\\'s "quoted"', 'Options': '0'}""", type="application/json")
    assert made.status == 201 and made.d["Name"] == 'it\'s "quoted"'
    entry = (
        '<entry xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><content type="application/xml"><m:properties>'
        '<d:Name>by &amp; Atom</d:Name><d:Options m:type="Edm.Int32">1</d:Options><d:AlternateId m:null="true"/></m:properties></content></entry>'
    )
    atom = await media("POST", "api/Assets", entry, type="application/atom+xml", accept=ATOM)
    assert (
        atom.status == 201
        and "<d:Name>by &amp; Atom</d:Name>" in atom.text
        and '<d:AlternateId m:null="true" />' in atom.text
    )


@pytest.mark.parametrize(
    ("type", "charset", "head"),
    [
        ("application/atom+xml", "utf-16", ""), ("application/atom+xml", "latin-1", '<?xml version="1.0" encoding="ISO-8859-1"?>'),
        ("application/atom+xml;charset=ISO-8859-1", "latin-1", '<?xml version="1.0" encoding="utf-8"?>'),
        # A library says so of what is not.
        ("application/atom+xml", "utf-8", '<?xml version="1.0" encoding="utf-16"?>'),
        ("application/json;charset=ISO-8859-1", "latin-1", None), ("application/json", "utf-16", None),
    ],
)  # fmt: skip
async def test_a_body_is_read_in_its_charset(media: Media, type: str, charset: str, head: str | None) -> None:
    data = "http://schemas.microsoft.com/ado/2007/08/dataservices"
    entry = (
        f'{head}<entry xmlns="http://www.w3.org/2005/Atom" xmlns:d="{data}" xmlns:m="{data}/metadata"><content '
        'type="application/xml"><m:properties><d:Name>Zoë</d:Name></m:properties></content></entry>'
    )
    body = '{"Name": "Zoë"}' if head is None else entry
    made = await media("POST", "api/Assets", body.encode(charset), type=type)
    assert made.status == 201 and made.d["Name"] == "Zoë", made.text


async def test_ids_of_requests_are_echoed(media: Media) -> None:
    headers: dict[str, Any] = {"x-ms-client-request-id": "mine", "client-request-id": "also mine"}
    reply = await media("GET", "api/Jobs", headers=headers)
    assert reply.headers["x-ms-client-request-id"] == "mine" and reply.headers["client-request-id"] == "also mine"
    assert re.fullmatch(r"[0-9a-f-]{36}", reply.headers["request-id"])
    assert reply.headers["request-id"] == reply.headers["x-ms-request-id"]
