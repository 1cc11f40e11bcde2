"""Entities that are sent: in verbose or plain JSON, also with texts in single quotes as some clients write them, or in Atom. What
is read is a plain object: properties, links as the addresses that they lead to, and what is sent with it as objects of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from xml.sax.saxutils import escape

from vidijob.binding import tree, utf8
from vidijob.binding.tree import Node
from vidijob.errors import Invalid, Unreadable
from vidijob.odata.shapes import Shape

Object = dict[str, Any]
_MOST_ELEMENTS = 100
_LARGEST = 2 * 1024 * 1024
# What is not closed is taken to its end, or each quote in it would be tried again.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|\'((?:[^\'\\]|\\.)*)(?:\'|\\?\Z)', re.DOTALL)
#: XML that was put into a property as it is, where it ought to have been escaped; a declaration may stand at its beginning.
_RAW = re.compile(rb"<(?:\w{1,20}:)?(TaskBody|JobTemplateBody|TaskTemplateBody)(?:\s[^<>]{0,200})?>(?=\s*<[^/!])")
_RELATED = "/dataservices/related/"


def read(body: bytes, media: str | None) -> Object:
    """Return what a body says; raises ``Unreadable``."""
    if len(body) > _LARGEST:
        raise Unreadable("body", f"An entity has at most {_LARGEST} bytes.")
    if "xml" in (media or "").lower() or body.lstrip().startswith((b"<", b"\xef\xbb\xbf<")):
        # Its declaration may claim an encoding that it does not have.
        return _entry(tree.read(_escaped(body), encoding="utf-8" if utf8.wrong_at(body) is None else None))
    try:
        text = body.decode("utf-8-sig")
        document = _json(text)
        inner = document.get("d", document) if isinstance(document, dict) else None
        if not isinstance(inner, dict):
            raise Unreadable("body", "The body is an object in JSON, or an entry of Atom.")
        return _object(inner)
    except (ValueError, RecursionError) as error:
        raise Unreadable("body", f"The body is no JSON that can be read: {str(error)[:200]}.") from None


def inline(given: Mapping[str, Any], link: str) -> list[Object]:
    """Return the entities that were sent in another one, as what a link of it leads to; raises ``Invalid`` for what are none."""
    found = given.get(link) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Invalid(link, f"{link} is a list of entities.")
    return found


def checked(shape: Shape, given: Mapping[str, Any], elements: Mapping[str, Shape] | None = None) -> Object:
    """Return the properties that may be written, each as what it is; a number may come as a text.

    ``elements`` are the shapes of what collections hold. What is read-only is left out, as clients send whole entities; raises ``Invalid`` for what the entity does not have.
    """
    kept = {}
    for name, value in given.items():
        if name not in shape.properties and name not in shape.links and "." not in name:
            raise Invalid(name[:50], f"The property '{name[:50]}' does not exist on type '{shape.name}'.")
        if name in shape.writable:
            edm = shape.properties[name]
            part = (elements or {}).get(edm[1:-1]) if edm.startswith("[") else None
            kept[name] = _value(name, edm, value) if part is None else _elements(name, part, value)
    return kept


def _elements(name: str, part: Shape, value: Any) -> list[Object] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MOST_ELEMENTS or not all(isinstance(one, dict) for one in value):
        raise Invalid(name, f"{name} is a list of at most {_MOST_ELEMENTS} {part.name}.")
    return [checked(part, one) for one in value]


def _value(name: str, edm: str, value: Any) -> Any:
    if value is None or edm.startswith("["):
        return value
    wrong = Invalid(name, f"The value of the property '{name}' is no Edm.{edm}.", value=str(value)[:100])
    match edm:
        case "String":
            if not isinstance(value, str) or "\x00" in value or value.encode("utf-8", "replace").decode() != value:
                raise wrong
            return value
        case "Boolean":
            if str(value).lower() not in ("true", "false"):
                raise wrong
            return str(value).lower() == "true"
        case _:
            text = str(value).strip()
            if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}(\.0*)?", text, re.ASCII):
                raise wrong
            number = int(text.partition(".")[0])
            if edm == "Int32" and not -(2**31) <= number < 2**31:
                raise wrong
            return number


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        if "'" not in text:
            raise
        try:
            return json.loads(_QUOTED.sub(_double, text))
        except ValueError:
            raise error from None


def _double(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    inner = re.sub(r"\\'", "'", match[1])
    return '"' + re.sub(r'(?<!\\)((?:\\\\)*)"', r'\1\\"', inner).replace("\n", "\\n").replace("\r", "\\r") + '"'


def _object(given: Mapping[str, Any]) -> Object:
    plain: Object = {}
    for name, value in given.items():
        if name.endswith("@odata.bind"):
            plain[name.removesuffix("@odata.bind")] = value if isinstance(value, list) else [value]
        elif name != "__metadata" and not name.startswith("odata."):
            plain[name] = _part(value)
    return {name: value for name, value in plain.items() if value is not _NOTHING}


_NOTHING = object()


def _part(value: Any) -> Any:
    if isinstance(value, list):
        return [_part(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "__deferred" in value:
        return _NOTHING
    if "results" in value:
        return _part(value["results"])
    about = value.get("__metadata")
    if isinstance(about, dict) and set(value) == {"__metadata"} and "uri" in about:
        return about["uri"]
    return _object(value)


def _escaped(body: bytes) -> bytes:
    pieces, place = [], 0
    for match in _RAW.finditer(body):
        if match.start() < place:
            continue
        end = re.compile(rb"</(?:\w{1,20}:)?" + match[1] + rb"\s*>").search(body, match.end())
        if end is None:
            break
        inner = escape(body[match.end() : end.start()].decode("utf-8", "replace")).encode()
        pieces += [body[place : match.end()], inner]
        place = end.start()
    return b"".join([*pieces, body[place:]])


def _entry(node: Node) -> Object:
    found: Object = {}
    content = node.child("content")
    properties = (content.child("properties") if content else None) or node.child("properties")
    if properties is None:
        raise Unreadable("body", "The body is an entry of Atom with m:properties; there are none.")
    for one in properties.children:
        found[one.name] = _property(one)
    for link in node.children:
        _, related, name = link.attributes.get("rel", "").partition(_RELATED)
        if link.name != "link" or not related:
            continue
        inline = link.child("inline")
        feed = inline.child("feed") if inline else None
        entries = [one for one in feed.children if one.name == "entry"] if feed else []
        many = cast("list[Any]", found.setdefault(name, []))
        many += [_entry(one) for one in entries] if entries else [link.attributes.get("href", "")]
    return found


def _property(node: Node) -> Any:
    if node.attributes.get("null") == "true":
        return None
    if any(child.name == "element" for child in node.children) or "Collection(" in node.attributes.get("type", ""):
        return [{one.name: _property(one) for one in child.children} for child in node.children]
    return node.text
