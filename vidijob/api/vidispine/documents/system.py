"""What the server finds when it looks at itself (contract 1.8, 3.11)."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.vocabulary import VidispineDocument
from vidijob.binding.fields import Attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestDocument(VidispineDocument):
    """A test, or several; ``status`` is ``ok``, ``warning`` or ``failed``."""

    message: tuple[str, ...] = ()
    test: tuple[SelfTestDocument, ...] = ()
    name: Attribute[str | None] = None
    description: Attribute[str | None] = None
    status: Attribute[str]
    #: How long it took.
    took: Attribute[str | None] = None
