"""XML Schema, as a judge: a fast verdict (lxml), the words for a refusal (xmlschema), and the differences between a class
and its type. Both libraries are loaded on first use; where the files lie is the business of ``resources``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from vidijob import resources
from vidijob.binding.fields import Document
from vidijob.binding.plan import Entry, Plan, plan

if TYPE_CHECKING:
    import xmlschema
    from lxml import etree

#: A document larger than this is not explained: finding the words takes 35 times as long as the verdict, here up to a
#: tenth of a second, in which nobody else is served.
_EXPLAINED = 16 * 1024
#: How much of its words is passed on; they may hold what the client sent.
_WORDS = 300
_XS = "http://www.w3.org/2001/XMLSchema"


def accepts(tree: etree._Element, schema: str) -> bool:
    """Tell whether a parsed document is valid by a schema in ``schemas/``."""
    return _fast(schema).validate(tree)


def explain(cls: type[Document], body: bytes) -> str | None:
    """Return the schema's first objection to a well-formed document, or ``None`` where it has none."""
    schema = cls.vocabulary.schema
    if schema is None or len(body) > _EXPLAINED:
        return None
    import xmlschema

    try:
        # As a stream: bytes that do not look like XML would be taken for the name of a file. Strictly, so that it ends at
        # the first objection: thousands in one element, each of which repeats that element, would take minutes.
        load(schema).decode(BytesIO(body), validation="strict", use_location_hints=False)
        return None
    except xmlschema.XMLSchemaValidationError as error:
        objection = error
    except (xmlschema.XMLSchemaException, ValueError, SyntaxError):
        return None
    words = f"{objection.path}: {objection.reason}"
    return words.replace(f"{{{cls.vocabulary.namespace}}}", "")[:_WORDS]


@cache
def load(schema: str) -> xmlschema.XMLSchema:
    """Return a schema of ``schemas/`` with everything known about it."""
    import xmlschema

    return xmlschema.XMLSchema(str(resources.schemas() / schema))


@cache
def _fast(schema: str) -> etree.XMLSchema:
    from lxml import etree

    return etree.XMLSchema(etree.parse(str(resources.schemas() / schema)))


def differences(cls: type[Document]) -> list[str]:
    """Return what a document class and its element in the schema do not agree on; nothing where they are equal.

    Compared are names, order, cardinality, choices, simple types and enumerations, through all nested classes.
    """
    if cls.vocabulary.schema is None:
        return [f"{cls.__name__}: there is no schema"]
    element = load(cls.vocabulary.schema).elements.get(cls.__name__)
    if element is None:
        return [f"{cls.__name__}: the schema has no such element"]
    return list(_compare(plan(cls), element.type, cls.__name__, set()))


def _compare(shape: Plan, type_: Any, path: str, seen: set[tuple[type, Any]]) -> Iterator[str]:
    if (shape.type, type_) in seen:
        return
    seen.add((shape.type, type_))
    if type_.is_simple():
        yield f"{path}: the schema has a simple type"
        return
    if type_.has_simple_content() != (shape.text is not None):
        yield f"{path}: only one of the two has text"
        return
    if shape.text is not None:
        yield from _compare_simple(shape.text, type_.content, path)
    else:
        yield from _compare_elements(shape, type_.content, path, seen)
    yield from _compare_attributes(shape, type_.attributes, path)


def _compare_elements(shape: Plan, group: Any, path: str, seen: set[tuple[type, Any]]) -> Iterator[str]:
    particles = list(_particles(group, optional=group.min_occurs == 0))
    theirs = [element.local_name for element, _ in particles]
    if theirs != list(shape.elements):
        yield f"{path}: the class has {list(shape.elements)}, the schema {theirs}"
        return
    ours = [
        tuple(
            tuple((entry.wire, entry.branch is not None and entry.branch.needed) for entry in fields) for fields in it
        )
        for it in (branches.values() for branches in shape.choices.values())
    ]
    choices = list(_choices(group))
    if ours != choices:
        yield f"{path}: the class has the choices {ours}, the schema {choices}"
    for element, required in particles:
        entry = shape.elements[element.local_name]
        place = f"{path}/{entry.wire}"
        if (entry.required, entry.repeated) != (required and element.max_occurs == 1, element.max_occurs is None):
            yield f"{place}: the class and the schema differ in how often it stands"
        if entry.simple is None:
            yield from _compare(plan(entry.type), element.type, place, seen)
        else:
            yield from _compare_simple(entry, element.type, place)


def _compare_attributes(shape: Plan, attributes: Any, path: str) -> Iterator[str]:
    if list(attributes) != list(shape.attributes):
        yield f"{path}: the class has the attributes {list(shape.attributes)}, the schema {list(attributes)}"
        return
    for name, attribute in attributes.items():
        entry, place = shape.attributes[name], f"{path}/@{name}"
        if entry.required != (attribute.use == "required"):
            yield f"{place}: it is required in one of the two"
        yield from _compare_simple(entry, attribute.type, place)


def _compare_simple(entry: Entry, type_: Any, path: str) -> Iterator[str]:
    if entry.simple is None or not type_.is_simple():
        yield f"{path}: only one of the two is a simple value"
        return
    name = f"xs:{type_.local_name}" if type_.target_namespace == _XS else type_.local_name
    if entry.simple.name != name:
        yield f"{path}: the class has {entry.simple.name}, the schema {name}"
    values = tuple(type_.enumeration or ())
    if entry.simple.values != values:
        yield f"{path}: the class has the values {entry.simple.values}, the schema {values}"


def _particles(group: Any, optional: bool) -> Iterator[tuple[Any, bool]]:
    """Give the elements of a model in order, each with whether it must be there."""
    for particle in group:
        if hasattr(particle, "model"):
            yield from _particles(particle, optional or group.model == "choice" or particle.min_occurs == 0)
        else:
            yield particle, not optional and group.model != "choice" and particle.min_occurs > 0


def _choices(group: Any) -> Iterator[tuple[tuple[tuple[str, bool], ...], ...]]:
    if group.model == "choice":
        yield tuple(
            tuple((element.local_name, needed) for element, needed in _particles(branch, optional=False))
            if hasattr(branch, "model")
            else ((branch.local_name, True),)
            for branch in group
        )
        return
    for particle in group:
        if hasattr(particle, "model"):
            yield from _choices(particle)
