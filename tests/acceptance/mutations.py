"""Documents that somebody has spoilt: by accident, by a bug, or on purpose. Pure, and the same for the same seed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lxml import etree

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
XML, JSON = "application/xml", "application/json"
MEGABYTE = 1 << 20

#: Values that a database, a parser or a type of numbers may stumble over, as text.
TEXTS = (
    "", " ", "\t\n", "0", "-1", "1e400", "NaN", "INF", "-INF", "Infinity", "null", "true", "0x10", "1_000", "٣", "\uff11",
    "32767", "32768", "65536", "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807",
    "9223372036854775808", "9" * 40, "9" * 5000, "1" + "0" * 400 + ".5", "x" * 300, "ü" * 300, "💥", "\ufeff", "\u202e",
    "\u2028", "\x7f", "\x85", "'; DROP TABLE job; --", "%00", "%", "_", "*", "**********a", "\\", "\\u0000", "../../etc",
    "(a+)+$", "[", "(?P<x>", "a{99999}", "{{}}", "${x}", "<b>", "]]>", "VX-1", "VX-0", "KP-1", "VX-" + "9" * 31, "READY",
    "IMMEDIATE", "2020-02-30T25:61:61Z", "0001-01-01T00:00:00Z", "99999-12-31T23:59:59Z", "-2020-01-01T00:00:00Z",
    "http://[::1", "http://a b/", "file:///etc/passwd", "http://169.254.169.254/", "javascript:x", "admin", "_administrator",
    "a,b", "a=b", "a:StringArray", "/", ".", "..", "all", "none", "NONE", "script", "run",
)  # fmt: skip
#: What JSON can hold beyond these: other types, and what XML could not carry.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, -0.0, 2**15, 2**31, 2**63, -(2**63) - 1, 10**50, [], {}, [[]], [{}], {"": ""},
    [None], {"value": None}, {"key": 1}, "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\x01", "\ufffe", [1, "2", None],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent, and what it is said to be."""

    content: bytes
    #: ``Content-Type``, ``Content-Encoding``.
    headers: Mapping[str, str]
    #: What was done to it.
    story: str


class Mutations:
    """Makes bodies out of the documents in a folder of pairs, ``*/document.xml`` and ``*/document.json``."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._random = Random(seed)
        self._xml: dict[str, list[bytes]] = {}
        self._json: dict[str, list[bytes]] = {}
        for file in sorted(folder.glob("*/document.xml")):
            content = file.read_bytes()
            root = etree.QName(etree.fromstring(content)).localname
            self._xml.setdefault(root, []).append(content)
            self._json.setdefault(root, []).append(file.with_suffix(".json").read_bytes())

    def bodies(self, roots: Sequence[str], number: int) -> Iterator[Body]:
        """Yield so many bodies, most of them made of documents with one of these roots."""
        random = self._random
        for _ in range(number):
            strange = not roots or random.random() < 0.05
            root = random.choice(list(self._xml) if strange else list(roots))
            if random.random() < 0.5:
                yield self._body(XML, random.choice(self._xml[root]), (*_XML, *_BYTES))
            else:
                yield self._body(JSON, random.choice(self._json[root]), (*_JSON, *_BYTES))

    def _body(self, type: str, content: bytes, ways: Sequence[Way]) -> Body:
        random, story = self._random, []
        # One in a hundred is as it was, that the good ones are counted, too.
        for _ in range(random.choice((1, 1, 1, 2, 3)) if random.random() > 0.01 else 0):
            way = random.choice(ways)
            story.append(way.__name__.strip("_"))
            content = way(random, content)
        # Rarely, since they take long: values of a megabyte.
        if random.random() < 0.002:
            story.append("large")
            content = content.replace(b"a", b"a" * (MEGABYTE // max(content.count(b"a"), 1)))
        headers = {"Content-Type": type}
        chance = random.random()
        if chance < 0.02:
            headers["Content-Type"] = random.choice(
                (f"{type}; charset=utf-16", f"{type};charset=klingon", "text/xml", "text/plain", "image/png", "x", "a/b+json",
                 "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", JSON if type == XML else XML)
            )  # fmt: skip
        elif chance < 0.03:
            headers = {}
        elif chance < 0.04:
            story.append("compressed")
            how, made = random.choice(
                (("gzip", gzip.compress(content)), ("deflate", zlib.compress(content)), ("gzip", content), ("deflate", content),
                 ("br", content), ("identity", content), ("klingon", content), ("gzip", gzip.compress(content)[:-9]))
            )  # fmt: skip
            headers["Content-Encoding"], content = how, made
        return Body(content, headers, f"{type} {' '.join(story)}")


Way = Callable[[Random, bytes], bytes]


# What can be done to any text.


def _truncated(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _flipped(random: Random, content: bytes) -> bytes:
    changed = bytearray(content or b" ")
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _with_bytes(random: Random, content: bytes) -> bytes:
    place = random.randrange(len(content) + 1)
    strange = (
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xef\xbf\xbe",
        b"\xf4\x90\x80\x80",
        b"&",
        b"<",
        b'"',
        b"]]>",
    )
    return content[:place] + random.choice((*strange, random.randbytes(20))) + content[place:]


def _without_a_part(random: Random, content: bytes) -> bytes:
    start = random.randrange(len(content) + 1)
    return content[:start] + content[start + random.randrange(60) :]


def _with_a_part_twice(random: Random, content: bytes) -> bytes:
    start = random.randrange(len(content) + 1)
    part = content[start : start + random.randrange(200)]
    return content[:start] + part * random.choice((2, 2, 3, 50)) + content[start + len(part) :]


def _in_another_code(random: Random, content: bytes) -> bytes:
    code = random.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp037", "utf-7"))
    return content.decode("utf-8", "replace").encode(code, "replace")


def _surrounded(random: Random, content: bytes) -> bytes:
    around = random.choice(
        (b" ", b"\n" * 1000, b"\x00", b"x", b"{}", b"<a/>", b"\xef\xbb\xbf", b"// no", b"<!-- x -->")
    )
    return content + around if random.random() < 0.5 else around + content


def _nothing_of_it(random: Random, content: bytes) -> bytes:
    return random.choice(
        (b"", b" ", b"0", b"null", b"<", b"{", b"[", b'"', b"<a/>", b"{}", b"[]", b"[{}]", b"\x1f\x8b", b"---")
    )


_BYTES = (
    _truncated,
    _flipped,
    _with_bytes,
    _without_a_part,
    _with_a_part_twice,
    _in_another_code,
    _surrounded,
    _nothing_of_it,
)


# What can be done to XML.


def _xml(change: Callable[[Random, etree._Element], None]) -> Way:
    """Return a way that changes a tree; what is no XML any more is left as it is."""

    def way(random: Random, content: bytes) -> bytes:
        try:
            root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, ValueError):
            return content
        change(random, root)
        return etree.tostring(root, encoding="UTF-8")

    way.__name__ = change.__name__
    return way


def _any(random: Random, root: etree._Element) -> etree._Element:
    return random.choice(list(root.iter("*")))


def _leaf(random: Random, root: etree._Element) -> etree._Element:
    return random.choice([element for element in root.iter("*") if not len(element)])


def _carried(text: str) -> str:
    return "".join(one for one in text if one >= " " or one in "\t\n")


@_xml
def _other_text(random: Random, root: etree._Element) -> None:
    _leaf(random, root).text = _carried(random.choice(TEXTS))


@_xml
def _other_attribute(random: Random, root: etree._Element) -> None:
    element = _any(random, root)
    name = random.choice(
        [*element.attrib, "id", "count", "synchronous", "minCount", "total", "fieldValue", "remove", "x"]
    )
    element.set(name, _carried(random.choice(TEXTS)))


@_xml
def _element_twice(random: Random, root: etree._Element) -> None:
    element = _any(random, root)
    parent = element.getparent()
    if parent is not None:
        for _ in range(random.choice((1, 2, 300))):
            parent.append(deepcopy(element))


@_xml
def _element_gone(random: Random, root: etree._Element) -> None:
    element = _any(random, root)
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


@_xml
def _shuffled(random: Random, root: etree._Element) -> None:
    element = _any(random, root)
    children = list(element)
    random.shuffle(children)
    element[:] = children


@_xml
def _renamed(random: Random, root: etree._Element) -> None:
    names = ("x", "a" * 50_000, "JobDocument", "TaskDefinitionDocument", "field", "ünïcode", "_", "xml-x")
    space = random.choice((f"{{{NAMESPACE}}}", "{urn:other}", ""))
    _any(random, root).tag = space + random.choice(names)


@_xml
def _deep(random: Random, root: etree._Element) -> None:
    place = _any(random, root)
    for _ in range(random.choice((1, 60, 240))):
        place = etree.SubElement(place, root.tag)


@_xml
def _children_in_a_leaf(random: Random, root: etree._Element) -> None:
    leaf = _leaf(random, root)
    for name in random.choice((("key", "value"), ("x",), (etree.QName(leaf).localname,))):
        etree.SubElement(leaf, f"{{{NAMESPACE}}}{name}").text = "x"


@_xml
def _huge_attribute(random: Random, root: etree._Element) -> None:
    _any(random, root).set(random.choice(("id", "x", "name")), "9" * random.choice((5_000, 120_000)))


@_xml
def _instance(random: Random, root: etree._Element) -> None:
    name, value = random.choice(
        (("nil", "true"), ("type", "xs:string"), ("schemaLocation", "urn:x http://127.0.0.1:9/x"), ("nil", "x"))
    )
    _any(random, root).set(f"{{http://www.w3.org/2001/XMLSchema-instance}}{name}", value)


@_xml
def _beside(random: Random, root: etree._Element) -> None:
    element = _any(random, root)
    element.append(
        random.choice(
            (etree.Comment("x"), etree.ProcessingInstruction("x", "y"), etree.Element("{urn:x}include", href="/"))
        ),
    )


def _declared(random: Random, content: bytes) -> bytes:
    end = content.find(b"?>") + 2 if content.startswith(b"<?xml") else 0
    code = random.choice(("UTF-16", "klingon", "ISO-8859-1", "UTF-7", "ebcdic-cp-us", "us-ascii", "x" * 999, "UTF-8"))
    version = random.choice(("1.0", "1.1", "9"))
    return f'<?xml version="{version}" encoding="{code}"?>'.encode() + content[end:]


def _with_a_doctype(random: Random, content: bytes) -> bytes:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    doctype, use = random.choice(
        (
            (f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]>', "&l11;"),
            ('<!DOCTYPE a [<!ENTITY x "' + "x" * 60_000 + '">]>', "&x;" * 200),
            ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
            ('<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>', "&x;"),
            ('<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>', "x"),
            ('<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:9/x.dtd">', "x"),
            ('<!DOCTYPE a [<!ATTLIST field mode CDATA "add">]>', "x"),
            ("<!DOCTYPE a [", "x"),
            ("", "&nothing;"),
        )
    )
    end = content.find(b"?>") + 2 if content.startswith(b"<?xml") else 0
    start = content.find(b"</")
    body = content[end:start] + use.encode() + content[start:] if start > end else content[end:]
    return content[:end] + doctype.encode() + body


def _with_a_reference(random: Random, content: bytes) -> bytes:
    place = content.find(b"</")
    code = random.choice(
        ("#0", "#x0", "#xD800", "#x110000", "#xFFFE", "#1", "#x1F4A5", "#99999999999999", "amp", "lt", "#")
    )
    return content[:place] + f"&{code};".encode() + content[place:]


def _nested(random: Random, content: bytes) -> bytes:
    depth = random.choice((100, 1_000, 20_000))
    name = random.choice((b"a", b"subJob", b"groupList"))
    return b"<" + (b"><").join([name] * depth) + b">" + (content if random.random() < 0.5 else b"")


def _many_attributes(random: Random, content: bytes) -> bytes:
    attributes = b"".join(b' a%d="x"' % number for number in range(random.choice((3, 5000))))
    return content.replace(b">", attributes + b">", random.choice((1, 2)))


def _other_namespace(random: Random, content: bytes) -> bytes:
    other = random.choice((b"urn:other", b"", NAMESPACE.upper().encode(), b"x" * 20_000, NAMESPACE.encode() + b"/"))
    return content.replace(NAMESPACE.encode(), other)


def _section(random: Random, content: bytes) -> bytes:
    return content.replace(
        b"</", b"<![CDATA[<&" + random.choice((b"]]>", b"]]]]>", b"x" * 5000 + b"]]>", b"")) + b"</", 1
    )


_XML: tuple[Way, ...] = (
    *(_other_text,) * 6, *(_other_attribute,) * 2, _element_twice, _element_gone, _shuffled, _renamed, _deep,
    _children_in_a_leaf, _many_attributes, _huge_attribute, _instance, _beside, _declared, _with_a_doctype, _with_a_reference,
    _nested, _other_namespace, _section,
)  # fmt: skip


# What can be done to JSON.


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a value, or the first few hundred, as what holds it and the key there."""
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left and len(found) < 500:
        where = left.pop(0)
        pairs = where.items() if isinstance(where, dict) else enumerate(where) if isinstance(where, list) else ()
        for key, inner in pairs:
            found.append((where, key))
            left.append(inner)
    return found


def _json(change: Callable[[Random, Any, Any], None]) -> Way:
    """Return a way that changes something in a parsed document; what cannot be parsed any more is left as it is."""

    def way(random: Random, content: bytes) -> bytes:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            return content
        places = _places(document)
        if not places:
            return content
        change(random, *random.choice(places))
        return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")

    way.__name__ = change.__name__
    return way


@_json
def _other_value(random: Random, where: Any, key: Any) -> None:
    where[key] = random.choice((*VALUES, *TEXTS))


@_json
def _same_as_text(random: Random, where: Any, key: Any) -> None:
    where[key] = json.dumps(where[key])


@_json
def _in_a_list(random: Random, where: Any, key: Any) -> None:
    where[key] = [where[key]] * random.choice((1, 2, 500))


@_json
def _out_of_its_list(random: Random, where: Any, key: Any) -> None:
    if isinstance(where[key], list) and where[key]:
        where[key] = where[key][0]


@_json
def _key_gone(random: Random, where: Any, key: Any) -> None:
    del where[key]


@_json
def _other_key(random: Random, where: Any, key: Any) -> None:
    if isinstance(where, dict):
        where[random.choice(("x", "x" * 100_000, "", key.upper(), "\x00", "\ud800", "__proto__", "value"))] = where.pop(
            key
        )


@_json
def _many_keys(random: Random, where: Any, key: Any) -> None:
    if isinstance(where, dict):
        where.update({f"{key}{number}": where[key] for number in range(1000)})


@_json
def _deeper(random: Random, where: Any, key: Any) -> None:
    for _ in range(random.choice((1, 30, 400))):
        where[key] = random.choice(([where[key]], {str(key): where[key]}))


def _key_twice(random: Random, content: bytes) -> bytes:
    place = content.find(b"{") + 1
    other = random.choice((b'"field":1,', b'"field":[],', b'"job":null,', b'"task":{},', b'"a":1,"a":2,'))
    return content[:place] + other + content[place:]


def _bare(random: Random, content: bytes) -> bytes:
    words = (
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"9" * 6000,
        b"0x10",
        b"01",
        b"undefined",
        b"+1",
        b"1.",
        b"'x'",
        b"1e-999",
    )
    parts = content.split(b":", random.randrange(1, 6))
    head, last = parts[:-1], parts[-1]
    end = min([place for mark in (b",", b"}", b"]") if (place := last.find(mark)) >= 0] or [0])
    return b":".join([*head, random.choice(words) + last[end:]])


def _nested_lists(random: Random, content: bytes) -> bytes:
    depth = random.choice((50, 1_000, 20_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"field":', b"}"), (b'{"group":[', b"]}")))
    return opening * depth + (content + closing * depth if random.random() < 0.5 else b"")


_JSON: tuple[Way, ...] = (
    *(_other_value,) * 8, _same_as_text, _in_a_list, _out_of_its_list, _key_gone, _other_key, _many_keys, _deeper, _key_twice,
    _bare, _nested_lists,
)  # fmt: skip
