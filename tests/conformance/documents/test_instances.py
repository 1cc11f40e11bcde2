"""Any document that a class allows is valid, and the same again when it went through XML and JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.binding.strategies import documents as instances
from vidijob.api.vidispine import documents
from vidijob.binding import json, xml, xsd

ROOTS = [element.local_name for element in xsd.load("vidispine.xsd").elements.values()]


def canonical(body: bytes) -> bytes:
    return bytes(etree.tostring(etree.fromstring(body), method="c14n"))


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=15)
@given(data=st.data())
def test_from_xml_to_json_and_back(root: str, data: st.DataObject) -> None:
    cls: type[Any] = getattr(documents, root)
    document = data.draw(instances(cls, depth=1))
    sent = xml.write(document)
    assert xsd.accepts(etree.fromstring(sent), "vidispine.xsd")
    read = xml.read(cls, sent)
    again = json.read(cls, json.write(read))
    assert read == document == again
    assert canonical(xml.write(again)) == canonical(sent)
