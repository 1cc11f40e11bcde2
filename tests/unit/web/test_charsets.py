"""Bodies that are not in UTF-8, by what their type says and how they begin."""

from __future__ import annotations

import pytest

from vidijob.web.charsets import in_utf8
from vidijob.web.negotiate import Form

PLAIN = '{"a": "Zoë"}'
LATIN = 'application/json; Charset="ISO-8859-1"'
UTF8_HEAD, LATIN_HEAD = '<?xml version="1.0" encoding="UTF-8"?>', "<?xml version='1.0' encoding='ISO-8859-1'?>"


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (PLAIN.encode(), None), (PLAIN.encode(), "application/json"), (PLAIN.encode(), "application/json;charset=utf-8"),
        (PLAIN.encode("latin-1"), LATIN), (PLAIN.encode("cp1252"), "application/json;charset=windows-1252"),
        # Many clients say what they do not do.
        (PLAIN.encode(), LATIN), (PLAIN.encode(), "application/json;charset=nonsense"),
        (PLAIN.encode("utf-16"), "application/json"), (PLAIN.encode("utf-16-le"), LATIN),
        (PLAIN.encode("utf-16-be"), "application/json;charset=utf-16be"), (b"\xfe\xff" + PLAIN.encode("utf-16-be"), None),
    ],
)  # fmt: skip
def test_json_is_read_in_every_charset_that_is_certain(body: bytes, type: str | None) -> None:
    assert in_utf8(body, type, Form.JSON) == PLAIN.encode()


@pytest.mark.parametrize("head", ["", UTF8_HEAD])
def test_xml_is_in_the_charset_of_its_type_where_it_is_not_in_utf8(head: str) -> None:
    document = f"{head}<a>Zoë</a>"
    assert in_utf8(document.encode("latin-1"), "application/xml; charset=ISO-8859-1", Form.XML) == document.encode()
    assert in_utf8(document.encode(), "application/xml; charset=ISO-8859-1", Form.XML) == document.encode()


@pytest.mark.parametrize(
    "body",
    [
        f"{LATIN_HEAD}<a>Zoë</a>".encode("latin-1"), "<a>Zoë</a>".encode("utf-16"), "<a>Zoë</a>".encode("utf-16-be"),
        b"\xff", b"", b"\xff\xfe\x00", b"<a>\x81</a>",
    ],
)  # fmt: skip
def test_what_the_reader_knows_or_nobody_does_stays_as_it_came(body: bytes) -> None:
    assert in_utf8(body, "application/xml; charset=windows-1252", Form.XML) in (body, b"\xc3\xbf")
    assert in_utf8(body, "application/xml", Form.XML) == body
