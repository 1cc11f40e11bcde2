"""Entities on the wire: verbose and minimal JSON, and Atom. Pure; it does not know what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

from vidijob.odata.shapes import Model, Row, Shape

_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_DATA = "http://schemas.microsoft.com/ado/2007/08/dataservices"
_SPACES = (
    f'xmlns="http://www.w3.org/2005/Atom" xmlns:d="{_DATA}" xmlns:m="{_DATA}/metadata" '
    'xmlns:georss="http://www.georss.org/georss" xmlns:gml="http://www.opengis.net/gml"'
)


_ATOM_TYPES = frozenset({"application/atom+xml", "application/xml", "text/xml"})
_QUALITY = re.compile(r"(?:^|;)\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)")


class Format(Enum):
    """How an answer is written, by the type that says so."""

    VERBOSE = "application/json;odata=verbose;charset=utf-8"
    MINIMAL = "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
    ATOM = "application/atom+xml;charset=utf-8"


def wanted(accept: str | None, option: str | None) -> Format:
    """Choose by ``$format``, else by ``Accept``: what is liked best, of what is liked as well JSON, verbose before minimal; who
    says neither gets Atom.
    """
    liked = dict.fromkeys((Format.VERBOSE, Format.MINIMAL, Format.ATOM), 0.0)
    for part in (option or accept or "").lower().split(","):
        media, _, parameters = part.partition(";")
        quality = _QUALITY.search(parameters)
        if "json" in media:
            format = Format.VERBOSE if "verbose" in part else Format.MINIMAL
        elif media.strip() in _ATOM_TYPES:
            format = Format.ATOM
        else:
            continue
        liked[format] = max(liked[format], 1.0 if quality is None else float(quality[1]))
    best = max(liked, key=lambda format: liked[format])
    return best if liked[best] else Format.ATOM


@dataclass(frozen=True, slots=True)
class Body:
    """What is answered, in its format."""

    text: str
    type: str


def entry_url(base: str, shape: Shape, row: Row) -> str:
    """Return the address of an entity."""
    return f"{base}{shape.set}('{quote(row['Id'], safe='')}')"


class Writer:
    """Writes answers of a service in one format; ``base`` is where the sets are, with a slash at its end."""

    def __init__(self, model: Model, format: Format, base: str) -> None:
        self._model = model
        self.format = format
        self.base = base

    def url(self, shape: Shape, row: Row) -> str:
        """Return the address of an entity."""
        return entry_url(self.base, shape, row)

    def like(self, format: Format) -> Writer:
        """Return who writes the same in another format."""
        return Writer(self._model, format, self.base)

    def following(self, shape: Shape, query: Mapping[str, str]) -> str:
        """Return the address of another part of a list."""
        return f"{self.base}{shape.set}?{urlencode(query, quote_via=quote, safe='$')}"

    def entry(self, shape: Shape, row: Row, select: frozenset[str] | None = None) -> Body:
        """Write one entity."""
        match self.format:
            case Format.VERBOSE:
                return Body(_dump({"d": self._verbose(shape, row, select)}), self.format.value)
            case Format.MINIMAL:
                context = {"odata.metadata": f"{self.base}$metadata#{shape.set}/@Element"}
                return Body(_dump({**context, **self._minimal(shape, row, select)}), self.format.value)
            case Format.ATOM:
                return Body(
                    _HEAD + self._atom(shape, row, select, outermost=True),
                    "application/atom+xml;type=entry;charset=utf-8",
                )

    def feed(
        self,
        shape: Shape,
        rows: Sequence[Row],
        count: int | None,
        select: frozenset[str] | None = None,
        following: str | None = None,
    ) -> Body:
        """Write a list of entities, with how many there are in all if that was asked for, and where it goes on if it does."""
        match self.format:
            case Format.VERBOSE:
                counted = {} if count is None else {"__count": str(count)}
                results = [self._verbose(shape, row, select) for row in rows]
                on = {} if following is None else {"__next": following}
                return Body(_dump({"d": {"results": results, **counted, **on}}), self.format.value)
            case Format.MINIMAL:
                counted = {} if count is None else {"odata.count": str(count)}
                context = {"odata.metadata": f"{self.base}$metadata#{shape.set}", **counted}
                on = {} if following is None else {"odata.nextLink": following}
                values = [self._minimal(shape, row, select) for row in rows]
                return Body(_dump({**context, "value": values, **on}), self.format.value)
            case Format.ATOM:
                counted_xml = "" if count is None else f"<m:count>{count}</m:count>"
                entries = "".join(self._atom(shape, row, select, outermost=False) for row in rows)
                on_xml = "" if following is None else f'<link rel="next" href={quoteattr(following)} />'
                newest = max(
                    (row[key] for row in rows for key in ("LastModified", "Created") if row.get(key)), default=None
                )
                return Body(
                    f'{_HEAD}<feed xml:base={quoteattr(self.base)} {_SPACES}><id>{escape(self.base)}{shape.set}</id><title type="text">'
                    f"{shape.set}</title><updated>{_moment(newest)}</updated>"
                    f'<link rel="self" title="{shape.set}" href="{shape.set}" />{counted_xml}{entries}{on_xml}</feed>',
                    "application/atom+xml;type=feed;charset=utf-8",
                )

    def prop(self, name: str, edm: str, value: Any) -> Body:
        """Write one property alone."""
        match self.format:
            case Format.VERBOSE:
                return Body(_dump({"d": {name: self._json(edm, value, verbose=True)}}), self.format.value)
            case Format.MINIMAL:
                context = {"odata.metadata": f"{self.base}$metadata#{self._model.edm_type(edm)}"}
                return Body(_dump({**context, "value": self._json(edm, value, verbose=False)}), self.format.value)
            case Format.ATOM:
                text = self._property(name, edm, value).replace(
                    f"<d:{name}", f'<d:{name} xmlns:d="{_DATA}" xmlns:m="{_DATA}/metadata"', 1
                )
                return Body(_HEAD + text, "application/xml;charset=utf-8")

    def service(self) -> Body:
        """Write which sets there are."""
        match self.format:
            case Format.VERBOSE:
                return Body(_dump({"d": {"EntitySets": list(self._model.entities)}}), self.format.value)
            case Format.MINIMAL:
                sets = [{"name": name, "url": name} for name in self._model.entities]
                return Body(_dump({"odata.metadata": f"{self.base}$metadata", "value": sets}), self.format.value)
            case Format.ATOM:
                sets_xml = "".join(
                    f'<collection href="{name}"><atom:title>{name}</atom:title></collection>'
                    for name in self._model.entities
                )
                return Body(
                    f'{_HEAD}<service xml:base={quoteattr(self.base)} xmlns="http://www.w3.org/2007/app" '
                    f'xmlns:atom="http://www.w3.org/2005/Atom"><workspace><atom:title>Default</atom:title>{sets_xml}</workspace></service>',
                    "application/atomsvc+xml;charset=utf-8",
                )

    def error(self, code: str, message: str) -> Body:
        """Write what is wrong."""
        match self.format:
            case Format.VERBOSE | Format.MINIMAL:
                said = {"code": code, "message": {"lang": "en-US", "value": message}}
                return Body(
                    _dump({"error" if self.format is Format.VERBOSE else "odata.error": said}), self.format.value
                )
            case Format.ATOM:
                return Body(
                    f'{_HEAD}<m:error xmlns:m="{_DATA}/metadata"><m:code>{escape(code)}</m:code>'
                    f'<m:message xml:lang="en-US">{_text(message)}</m:message></m:error>',
                    "application/xml;charset=utf-8",
                )

    def _minimal(self, shape: Shape, row: Row, select: frozenset[str] | None) -> dict[str, Any]:
        return {
            name: self._json(edm, row.get(name), verbose=False) for name, edm in _chosen(shape, row, select).items()
        }

    def _verbose(self, shape: Shape, row: Row, select: frozenset[str] | None) -> dict[str, Any]:
        url = entry_url(self.base, shape, row)
        about = {"__metadata": {"id": url, "uri": url, "type": f"{self._model.namespace}.{shape.name}"}}
        links = {link: {"__deferred": {"uri": f"{url}/{link}"}} for link in shape.links if not select or link in select}
        return {**about, **links, **{name: self._json(edm, row.get(name), verbose=True) for name, edm in _chosen(shape, row, select).items()}}  # fmt: skip

    def _json(self, edm: str, value: Any, *, verbose: bool) -> Any:
        if edm.startswith("["):
            parts = [{name: self._json(of, part.get(name), verbose=verbose) for name, of in self._model.elements[edm[1:-1]].properties.items()} for part in value or ()]  # fmt: skip
            return {"__metadata": {"type": self._model.edm_type(edm)}, "results": parts} if verbose else parts
        if isinstance(value, datetime):
            return f"{moment(value)}Z"
        return str(value) if edm == "Int64" and value is not None else value

    def _atom(self, shape: Shape, row: Row, select: frozenset[str] | None, *, outermost: bool) -> str:
        url = entry_url(self.base, shape, row)
        relative = url.removeprefix(self.base)
        links = "".join(
            f'<link rel="{_DATA}/related/{link}" type="application/atom+xml;type=feed" title="{link}" href={quoteattr(f"{relative}/{link}")} />'
            for link in shape.links
        )
        changed = row.get("LastModified") or row.get("Created")
        properties = "".join(
            self._property(name, edm, row.get(name)) for name, edm in _chosen(shape, row, select).items()
        )
        spaces = f" xml:base={quoteattr(self.base)} {_SPACES}" if outermost else ""
        return (
            f'<entry{spaces}><id>{escape(url)}</id><category term="{self._model.namespace}.{shape.name}" scheme="{_DATA}/scheme" />'
            f'<link rel="edit" title="{shape.name}" href={quoteattr(relative)} />{links}<title /><updated>{_moment(changed)}</updated>'
            f'<author><name /></author><content type="application/xml"><m:properties>{properties}</m:properties></content></entry>'
        )

    def _property(self, name: str, edm: str, value: Any) -> str:
        if edm.startswith("["):
            parts = "".join(
                f"<d:element>{''.join(self._property(inner, of, part.get(inner)) for inner, of in self._model.elements[edm[1:-1]].properties.items())}</d:element>"
                for part in value or ()
            )
            return (
                f'<d:{name} m:type="{self._model.edm_type(edm)}">{parts}</d:{name}>'
                if parts
                else f'<d:{name} m:type="{self._model.edm_type(edm)}" />'
            )
        if value is None:
            return f'<d:{name} m:null="true" />'
        kind = "" if edm == "String" else f' m:type="{self._model.edm_type(edm)}"'
        return f"<d:{name}{kind}>{_text(plain(value))}</d:{name}>"


def plain(value: Any) -> str:
    """Return a value as it stands in Atom, and by itself (``$value``)."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def moment(at: datetime) -> str:
    """Return a time as properties have it: UTC, with as many digits of a second as there are, at most seven."""
    text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return text if at.year > 999 else "0" * (4 - len(str(at.year))) + text.lstrip("0")


def _moment(at: datetime | None) -> str:
    return "0001-01-01T00:00:00Z" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dump(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _chosen(shape: Shape, row: Row, select: frozenset[str] | None) -> Mapping[str, str]:
    if select is None and not shape.optional:
        return shape.properties
    return {
        name: edm
        for name, edm in shape.properties.items()
        if (select is None or name in select) and (name not in shape.optional or row.get(name))
    }


def _text(text: str) -> str:
    """Return a text as XML can say it: what XML has no way to write is left out."""
    kept = "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")
    return escape(kept.replace("\ufffe", "").replace("\uffff", ""), {"\r": "&#13;"})
