"""What entities consist of, in the order in which it is written, and the document that describes them: EDMX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from vidijob.jobs.expressions import Kind

#: Property → value: text, number, truth, time, or a list of rows for a collection.
Row = Mapping[str, Any]

_KINDS = {
    "String": Kind.TEXT,
    "Int32": Kind.NUMBER,
    "Int64": Kind.NUMBER,
    "Double": Kind.NUMBER,
    "DateTime": Kind.TIME,
    "Boolean": Kind.TRUTH,
}

_ZEROS: Row = {"Int32": 0, "Int64": 0, "Double": 0.0, "Boolean": False}


@dataclass(frozen=True, slots=True)
class Shape:
    """What an entity, or an element of a collection, consists of."""

    name: str
    #: Property → its type, without ``Edm.``; the name of another shape in brackets is a collection of it.
    properties: Mapping[str, str]
    #: Of the entity set; empty for what is only an element.
    set: str = ""
    #: Link → the name of the shape that it leads to.
    links: Mapping[str, str] = field(default_factory=dict)
    #: What is written by whoever makes it.
    writable: frozenset[str] = frozenset()
    #: What is not written while it is empty.
    optional: frozenset[str] = frozenset()

    @property
    def zeros(self) -> Row:
        """Return what numbers and truths are where nobody has said: clients have no place for nothing in them."""
        return {name: _ZEROS[edm] for name, edm in self.properties.items() if edm in _ZEROS}

    def filled(self, row: Row) -> Row:
        """Return a row in which no number and no truth is nothing."""
        return {**row, **{name: zero for name, zero in self.zeros.items() if row.get(name) is None}}

    @property
    def fields(self) -> Mapping[str, Kind]:
        """Return what a filter may name."""
        return {name: _KINDS[edm] for name, edm in self.properties.items() if edm in _KINDS}


def shape(name: str, properties: str, set: str = "", links: str = "") -> Shape:
    """Read a shape from words: ``Name!:String`` is a property that may be written, ``Name?!:…`` one that is left out while it is
    empty, ``Tasks:Task`` a link.
    """
    pairs = [word.split(":") for word in properties.split()]
    return Shape(
        name,
        {name.rstrip("?!"): edm for name, edm in pairs},
        set,
        dict(link.split(":") for link in links.split()),
        frozenset(name.rstrip("?!") for name, _ in pairs if name.endswith("!")),
        frozenset(name.rstrip("?!") for name, _ in pairs if "?" in name),
    )


@dataclass(frozen=True, slots=True)
class Model:
    """All that a service has."""

    namespace: str
    container: str
    #: By the name of the set.
    entities: Mapping[str, Shape]
    #: What collections consist of, by name.
    elements: Mapping[str, Shape]
    #: Functions that are called by GET, each with its one parameter, the type of that, and the type of what it gives, if anything.
    functions: Mapping[str, tuple[str, str, str | None]]

    def edm_type(self, edm: str) -> str:
        """Return the full name of a property's type."""
        return f"Collection({self.namespace}.{edm[1:-1]})" if edm.startswith("[") else f"Edm.{edm}"

    def metadata(self) -> str:
        """Return the document that describes all entities."""
        sets = {one.name: one.set for one in self.entities.values()}
        types = [self._type("ComplexType", one) for one in self.elements.values()]
        types += [self._type("EntityType", one) for one in self.entities.values()]
        associations, ends = [], []
        for one in self.entities.values():
            for link, target in one.links.items():
                name = f"{one.name}_{link}"
                associations.append(
                    f'<Association Name="{name}"><End Type="{self.namespace}.{target}" Role="{link}" Multiplicity="*"/>'
                    f'<End Type="{self.namespace}.{one.name}" Role="{name}" Multiplicity="*"/></Association>'
                )
                ends.append(
                    f'<AssociationSet Name="{name}" Association="{self.namespace}.{name}">'
                    f'<End Role="{name}" EntitySet="{one.set}"/><End Role="{link}" EntitySet="{sets[target]}"/></AssociationSet>'
                )
        contents = [
            *(
                f'<EntitySet Name="{one.set}" EntityType="{self.namespace}.{one.name}"/>'
                for one in self.entities.values()
            ),
            *ends,
            *(
                f'<FunctionImport Name="{name}"{_returns(gives)} m:HttpMethod="GET"><Parameter Name="{given}" Type="Edm.{edm}"/></FunctionImport>'
                for name, (given, edm, gives) in self.functions.items()
            ),
        ]
        return (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">'
            '<edmx:DataServices m:DataServiceVersion="3.0" m:MaxDataServiceVersion="3.0" '
            'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
            f'<Schema Namespace="{self.namespace}" xmlns="http://schemas.microsoft.com/ado/2009/11/edm">'
            f'{"".join(types)}{"".join(associations)}<EntityContainer Name="{self.container}" '
            f'm:IsDefaultEntityContainer="true">{"".join(contents)}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
        )

    def _type(self, element: str, one: Shape) -> str:
        key = '<Key><PropertyRef Name="Id"/></Key>' if one.set else ""
        properties = [
            f"<Property Name={quoteattr(name)} Type={quoteattr(self.edm_type(edm))}"
            + (' Nullable="false"/>' if name == "Id" or edm.startswith("[") else "/>")
            for name, edm in one.properties.items()
        ]
        links = [
            f'<NavigationProperty Name="{link}" Relationship="{self.namespace}.{one.name}_{link}" '
            f'ToRole="{link}" FromRole="{one.name}_{link}"/>'
            for link in one.links
        ]
        return f'<{element} Name="{one.name}">{key}{"".join(properties)}{"".join(links)}</{element}>'


def _returns(edm: str | None) -> str:
    return "" if edm is None else f' ReturnType="Edm.{edm}"'
