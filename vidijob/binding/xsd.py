"""XML Schema, as a judge: a fast verdict (lxml), the words for a refusal (xmlschema), and the differences between a class
and its type. Both libraries are loaded on first use; where the files lie is the business of ``resources``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from vidijob import resources
from vidijob.binding.fields import Document

if TYPE_CHECKING:
    import xmlschema
    from lxml import etree

#: A document larger than this is not explained: finding the words takes 35 times as long as the verdict.
_EXPLAINED = 64 * 1024


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
        error = next(iter(load(schema).iter_errors(body)), None)
    except (xmlschema.XMLSchemaException, ValueError, SyntaxError):
        return None
    return None if error is None else f"{error.path}: {str(error.reason)[:300]}"


@cache
def load(schema: str) -> xmlschema.XMLSchema:
    """Return a schema of ``schemas/`` with everything known about it."""
    import xmlschema

    return xmlschema.XMLSchema(str(resources.schemas() / schema))


@cache
def _fast(schema: str) -> etree.XMLSchema:
    from lxml import etree

    return etree.XMLSchema(etree.parse(str(resources.schemas() / schema)))
