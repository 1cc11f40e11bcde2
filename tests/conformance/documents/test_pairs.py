"""Documents as pairs of files, written by hand: XML → object → JSON gives the other file, and back; all XML is valid by our
schema, and by that of an old server where ``VIDIJOB_ORACLE`` names the folder that holds it.
"""

from __future__ import annotations

import json as standard
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from vidijob.api.vidispine import documents
from vidijob.binding import json, xml, xsd

FOLDER = Path(__file__).parent
PAIRS = sorted(path.parent for path in FOLDER.glob("*/document.xml"))
XS = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(params=PAIRS, ids=lambda path: path.name)
def pair(request: pytest.FixtureRequest) -> Path:
    path = request.param
    assert isinstance(path, Path)
    return path


def _class(pair: Path) -> type[documents.VidispineDocument]:
    root = etree.QName(etree.parse(str(pair / "document.xml")).getroot()).localname
    cls = getattr(documents, root)
    assert issubclass(cls, documents.VidispineDocument)
    return cls  # type: ignore[no-any-return]


def _canonical(body: bytes) -> bytes:
    tree = etree.fromstring(body, etree.XMLParser(remove_blank_text=True))
    return bytes(etree.tostring(tree, method="c14n"))


def _ordered(body: bytes) -> object:
    """Parse JSON so that the order of keys and the spelling of numbers count."""
    return standard.loads(body, object_pairs_hook=list, parse_int=str, parse_float=str)


def test_there_is_a_pair_of_each_document() -> None:
    roots = {element.local_name for element in xsd.load("vidispine.xsd").elements.values()}
    assert {_class(pair).__name__ for pair in PAIRS} == roots


def test_from_xml_to_json(pair: Path) -> None:
    document = xml.read(_class(pair), (pair / "document.xml").read_bytes())
    assert _ordered(json.write(document)) == _ordered((pair / "document.json").read_bytes())


def test_from_json_to_xml(pair: Path) -> None:
    document = json.read(_class(pair), (pair / "document.json").read_bytes())
    assert _canonical(xml.write(document)) == _canonical((pair / "document.xml").read_bytes())


def test_both_are_one_document(pair: Path) -> None:
    cls = _class(pair)
    document = xml.read(cls, (pair / "document.xml").read_bytes())
    assert document == json.read(cls, (pair / "document.json").read_bytes())
    assert document == xml.read(cls, xml.write(document))
    assert document == json.read(cls, json.write(document))


def test_valid_by_our_schema(pair: Path) -> None:
    written = xml.write(xml.read(_class(pair), (pair / "document.xml").read_bytes()))
    assert xsd.explain(_class(pair), written) is None
    assert xsd.accepts(etree.fromstring(written), "vidispine.xsd")
    assert xsd.accepts(etree.parse(str(pair / "document.xml")).getroot(), "vidispine.xsd")


def test_an_error_as_recorded_byte_for_byte() -> None:
    recorded = (FOLDER / "error-not-found" / "document.json").read_bytes().rstrip(b"\n")
    document = documents.ExceptionDocument(not_found=documents.NotFound(type="Job", id="VX-1000000"))
    assert json.write(document) == recorded


def test_valid_by_the_original_schema(pair: Path, oracle: xmlschema.XMLSchema) -> None:
    if _class(pair).__name__ not in {element.local_name for element in oracle.elements.values()}:
        pytest.skip("newer than the original schema")
    written = xml.write(xml.read(_class(pair), (pair / "document.xml").read_bytes()))
    assert list(oracle.iter_errors(written)) == []
