"""The side file that EXPORT puts beside a file: the job's data, and what is known of the file, as a SimpleMetadataDocument of
the API, in XML or JSON. It has the ending ``.xml`` or ``.json`` after the file's own.

The first fields are ``jobId``, ``user``, ``sourceUri``, ``fileUri``, ``fileSize`` (bytes), ``checksum`` and
``checksumAlgorithm``; the rest is what whoever submitted the job gave it besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import StepContext
from vidijob.executors.storage import shown
from vidijob.jobs.catalogue import is_result
from vidijob.jobs.model import JobData

KEY = "exportMetadata"
_KINDS = ("json", "xml")
#: What says how to export, and nothing of the file; addresses among it may hold passwords.
_OF_THE_EXPORT = frozenset({"sourceUri", "destinationUri", "checksumMode", "overwrite", KEY})
_NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
#: What no XML document can hold.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def kind(data: JobData) -> str | None:
    """Return which kind of side files a job wants: ``json``, ``xml`` or none."""
    wanted = jobdata.optional(data, KEY)
    if wanted is not None and wanted not in _KINDS:
        raise Invalid(KEY, f"{KEY} is {shown(wanted)}; give {' or '.join(_KINDS)}, or nothing.", value=wanted)
    return wanted


def fields(step: StepContext, facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what is to stand in a side file; ``facts`` are those of its file."""
    given = [
        (key, value)
        for key, values in step.data.items()
        for value in values
        if not is_result(key) and key.partition(":")[0] not in _OF_THE_EXPORT
    ]
    return [("jobId", step.job), ("user", step.user), *facts.items(), *given]


def content(kind: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the document."""
    if kind == "json":
        document = {"field": [{"key": _text(key), "value": _text(value)} for key, value in fields]}
        return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
    lines = "".join(
        f" <field>\n  <key>{_xml(key)}</key>\n  <value>{_xml(value)}</value>\n </field>\n" for key, value in fields
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<SimpleMetadataDocument xmlns="{_NAMESPACE}">\n{lines}'
        "</SimpleMetadataDocument>\n"
    ).encode()


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", _text(text)), {"\r": "&#13;"})
