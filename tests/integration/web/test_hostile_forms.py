"""Forms that are none, by who has proved nothing yet: every place that reads forms refuses them, and says so in its own way."""

from __future__ import annotations

from tests.integration.engine.conftest import Engine
from tests.integration.serving import TYPES, served
from vidijob.store.database import Database

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
#: Of which type, and packed as what, if it says so.
HOSTILE: dict[str, tuple[str, str | None, bytes]] = {
    "no boundary": ("multipart/form-data", None, b"--x"),
    "a part without a name": (PARTS, None, b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n"),
    "a part without an end": (PARTS, None, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\na'),
    "a part with a head that is none": (PARTS, None, b"--x\r\nno head\r\n\r\na\r\n--x--\r\n"),
    "a part with too long a head": (PARTS, None, b"--x\r\nA: " + b"a" * 20_000 + b"\r\n\r\na\r\n--x--\r\n"),
    "a part with too many heads": (PARTS, None, b"--x\r\n" + b"A: b\r\n" * 300 + b"\r\na\r\n--x--\r\n"),
    "a part coded in no known way": (
        PARTS,
        None,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: \xff\r\n\r\na\r\n--x--\r\n',
    ),
    "not packed as it says": (FORM, "gzip", b"a=b"),
    "parts not packed as they say": (PARTS, "deflate", b"garbage"),
    "no charset that there is": (f"{FORM}; charset=nonsense", None, b"a=b"),
    "half a sign": (f"{FORM}; charset=unicode_escape", None, rb"username=\ud800&client_id=\ud800"),
    "not in its charset": (FORM, None, b"a=\xff"),
}


async def test_a_form_that_is_none_is_refused(database: Database) -> None:
    answers = {}
    async with Engine(database, dict(TYPES)) as engine, served(engine) as client:
        for name, (type, packed, body) in HOSTILE.items():
            headers = {"Content-Type": type} | ({"Content-Encoding": packed} if packed else {})
            old = await client.post("/azure/v2/OAuth2-13", data=body, headers=headers)
            new = await client.post("/azure/tenant/oauth2/token", data=body, headers=headers)
            gis = await client.post("/arcgis/tokens/generateToken?f=json", data=body, headers=headers)
            codes = [old.status, new.status, (await gis.json(content_type=None))["error"]["code"]]
            answers[name] = codes, {"invalid_request" in await reply.text() for reply in (old, new)}
    assert answers == dict.fromkeys(HOSTILE, ([400, 400, 400], {True}))
