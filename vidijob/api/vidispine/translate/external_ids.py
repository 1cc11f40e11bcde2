"""External ids → documents, pure."""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.api.vidispine import documents as wire

#: There are no namespaces to choose from; the schema wants one.
_NAMESPACE = "default"


def external_ids(kind: str, id: str, names: Sequence[str]) -> wire.ExternalIdentifierListDocument:
    """Return the external ids of one thing; ``kind`` is ``Job`` or ``Notification``."""
    return wire.ExternalIdentifierListDocument(
        id=tuple(
            wire.ExternalIdentifier(entity_id=id, entity_type=kind, namespace=_NAMESPACE, external_id=name)
            for name in names
        )
    )
