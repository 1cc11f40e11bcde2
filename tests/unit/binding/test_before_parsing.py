"""A tag with very many attributes is refused before it is parsed, in whichever encoding, and nothing else is."""

from __future__ import annotations

from xml.parsers import expat

import pytest

from vidijob.api.vidispine.documents import SimpleMetadataDocument
from vidijob.binding import xml
from vidijob.binding.before_parsing import MOST_ATTRIBUTES, crowded
from vidijob.errors import Unreadable

ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"]


def tag(number: int, *, quote: str = '"', between: str = " ", value: str = "x>=") -> str:
    """Return an element with so many attributes, after a line of its own."""
    attributes = between.join(f"a{place}={quote}{value}{quote}" for place in range(number))
    return f"<root>\n<field {attributes}/></root>"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("written", [{}, {"quote": "'"}, {"between": "\n"}, {"between": " \t\r\n "}, {"value": "="}])
def test_more_attributes_than_there_may_be(encoding: str, written: dict[str, str]) -> None:
    assert crowded(tag(MOST_ATTRIBUTES + 1, **written).encode(encoding)) == 2
    assert crowded(tag(MOST_ATTRIBUTES, **written).encode(encoding)) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_letters_whose_halves_look_like_a_tag_hide_nothing(encoding: str) -> None:
    assert crowded(tag(MOST_ATTRIBUTES + 1, value="\u3c3c\u3c00").encode(encoding)) == 2


@pytest.mark.parametrize(
    "text", ["=" * 100_000, "a = 'x' " * 20_000, '&lt;a href="x" id="y"&gt;' * 20_000, "key=value\n" * 20_000]
)
def test_text_is_no_tag_whatever_is_in_it(text: str) -> None:
    for body in (
        f"<root>{text}</root>",
        f"<root><![CDATA[b {text}]]><!--b {text}--></root>",
        f'<root a="1">{text}<b c="{text.replace(chr(34), chr(39))}"/></root>',
    ):
        expat.ParserCreate().Parse(body.encode(), True)
        assert crowded(body.encode()) is None


def test_the_reader_of_requests_refuses_it_at_once() -> None:
    number = 900_000
    body = b"<SimpleMetadataDocument" + b"".join(b' a%d=""' % place for place in range(number)) + b"/>"
    with pytest.raises(Unreadable) as refused:
        xml.read(SimpleMetadataDocument, body[: 10 * 1024 * 1024])
    assert "Line 1: An element has more than 10000 attributes." in str(refused.value)
