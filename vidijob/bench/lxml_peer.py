"""A list of jobs as XML by what one would take for it: a tree of lxml, element by element. Only for comparison."""

from __future__ import annotations

from lxml import etree

from vidijob.api.vidispine.documents import JobDocument, JobListDocument
from vidijob.binding import values

_NAMESPACE = "http://xml.vidispine.com/schema/vidispine"


def element_by_element(document: JobListDocument) -> bytes:
    """Return a list of jobs as lists show them, without their steps."""
    root = etree.Element(_name("JobListDocument"), nsmap={None: _NAMESPACE})  # type: ignore[dict-item]
    _add(root, "hits", str(document.hits))
    for job in document.job:
        _job(etree.SubElement(root, _name("job")), job)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def canonical(body: bytes) -> bytes:
    """Return a document in its canonical form."""
    return etree.tostring(etree.fromstring(body), method="c14n")


def _job(element: etree._Element, job: JobDocument) -> None:
    _add(element, "jobId", job.job_id)
    for name, text in (("user", job.user), ("started", job.started), ("finished", job.finished)):
        if text is not None:
            _add(element, name, text if isinstance(text, str) else values.xml_time(text))
    _add(element, "status", job.status)
    _add(element, "type", job.type)
    _add(element, "priority", job.priority)
    for pair in job.data:
        data = etree.SubElement(element, _name("data"))
        _add(data, "key", pair.key)
        _add(data, "value", pair.value)


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _name(name)).text = text


def _name(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
