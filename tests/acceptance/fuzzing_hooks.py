"""What schemathesis is told beside its settings; it loads this file by its path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis
from lxml import etree

_SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "schemas" / "vidispine.xsd"))


@schemathesis.check
def xml_is_valid_by_our_schema(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Every answer that is XML is a document of the XSD."""
    if response.headers.get("content-type", [""])[0].startswith("application/xml") and response.content:
        _SCHEMA.assertValid(etree.fromstring(response.content))


@schemathesis.hook
def filter_path_parameters(context: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> bool:
    """Leave alone whoever sends the requests, and its roles: without a login nothing more would be found."""
    names = path_parameters or {}
    return names.get("username") != "admin" and not str(names.get("group", "")).startswith("_")
