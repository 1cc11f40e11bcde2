"""The original schema, where there is one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

XS = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema:
    """The schema of a 4.9 server with what newer servers added to the documents here."""
    given = os.environ.get("VIDIJOB_ORACLE")
    if not given:
        pytest.skip("VIDIJOB_ORACLE does not name the folder of an original schema")
    folder = tmp_path_factory.mktemp("oracle")
    for name in ("common.xsd", "transcoder.xsd"):
        shutil.copy(Path(given) / name, folder / name)
    tree = etree.parse(str(Path(given) / "xmlSchema.xsd"))
    started = tree.find(f".//{XS}complexType[@name='JobType']//{XS}element[@name='started']")
    jobs = tree.find(f".//{XS}complexType[@name='JobListType']//{XS}element[@name='job']")
    assert started is not None
    assert jobs is not None
    started.addnext(etree.Element(f"{XS}element", name="finished", type="xs:dateTime", minOccurs="0"))
    jobs.addnext(
        etree.Element(f"{XS}element", name="facet", type="tns:FacetType", minOccurs="0", maxOccurs="unbounded")
    )
    for type_, last in (("TaskDefinitionType", "critical"), ("TaskDefinitionListType", "task")):
        element = tree.find(f".//{XS}complexType[@name='{type_}']//{XS}element[@name='{last}']")
        assert element is not None
        element.addnext(etree.Element(f"{XS}element", name="metadata", type="tns:SimpleMetadataType", minOccurs="0"))
    tree.write(str(folder / "xmlSchema.xsd"))
    return xmlschema.XMLSchema(str(folder / "xmlSchema.xsd"))
