"""Every answer that a test of the face gets is held against the OpenAPI document: its status, its type, its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from vidijob.api.vidispine.routes import FACE
from vidijob.errors import Invalid
from vidijob.web import openapi
from vidijob.web.routing import target

#: What no operation describes: a method that is not there, and a fault of ours, which has tests of its own.
_ELSEWHERE = (405, 500)


@cache
def _document() -> openapi.Object:
    return openapi.document(FACE)


@cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference, "components": _document()["components"]})


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail where an answer is not as the document says; what is not of this face is not looked at."""
    operation = _operation(method, path)
    if operation is None or status in _ELSEWHERE:
        return
    where = f"{method} {path} → {status}"
    said: Any = operation["responses"].get(str(status))
    assert said is not None, f"{where} is not in the OpenAPI document"
    if "$ref" in said:
        said = _document()["components"]["responses"][said["$ref"].rpartition("/")[2]]
    # Names of headers are the same in any letter case.
    assert {name.lower() for name in said.get("headers", ())} <= {name.lower() for name in headers}, where
    media = headers.get("Content-Type", "").partition(";")[0]
    if method == "HEAD" or ("content" not in said and not body):
        return
    assert media in said.get("content", ()), f"{where}: {media} is not in the OpenAPI document"
    if media == "application/json":
        _validator(said["content"][media]["schema"]["$ref"]).validate(json.loads(body))


def _operation(method: str, path: str) -> openapi.Object | None:
    path = path.partition("?")[0]
    # The longest prefix first: /API is the beginning of all.
    for prefix in sorted(FACE.tables, key=len, reverse=True):
        if path.startswith(prefix):
            try:
                route, _, _ = FACE.tables[prefix].find(method, target(path.removeprefix(prefix)).segments)
            except Invalid:
                return None
            found = "/".join((prefix, *route.segments)) if route is not None else ""
            return None if route is None else _document()["paths"][found][route.method.lower()]
    return None
