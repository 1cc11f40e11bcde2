"""The documents of the Vidispine face, nothing but shapes: fields in the order of the schema, names as on the wire.

Sources: the job reference (VC 21.3.1) and, for what it leaves out, the servers' own schema of the 4.9 era with what newer
ones added. ``schemas/vidispine.xsd`` says the same, and a test compares the two. One file per resource; here is the list.
"""

from __future__ import annotations

from vidijob.api.vidispine.documents.faults import (
    Conflict,
    ExceptionDocument,
    FileAlreadyExists,
    Forbidden,
    InternalServer,
    InvalidInput,
    LicenseFault,
    NotAuthorized,
    NotFound,
    NotYetImplemented,
)
from vidijob.api.vidispine.documents.general import Component, SimpleMetadataDocument, URIListDocument, VersionDocument
from vidijob.api.vidispine.documents.jobs import (
    CurrentStep,
    JobDocument,
    JobListDocument,
    JobTask,
    Log,
    NotFoundEntry,
    Progress,
    SubStep,
    Waiting,
)
from vidijob.api.vidispine.documents.search import Facet, FacetCount, FacetRange, JobSearchDocument, SearchFacet
from vidijob.api.vidispine.documents.vocabulary import VOCABULARY, KeyValue, VidispineDocument

__all__ = [
    "VOCABULARY",
    "Component",
    "Conflict",
    "CurrentStep",
    "ExceptionDocument",
    "Facet",
    "FacetCount",
    "FacetRange",
    "FileAlreadyExists",
    "Forbidden",
    "InternalServer",
    "InvalidInput",
    "JobDocument",
    "JobListDocument",
    "JobSearchDocument",
    "JobTask",
    "KeyValue",
    "LicenseFault",
    "Log",
    "NotAuthorized",
    "NotFound",
    "NotFoundEntry",
    "NotYetImplemented",
    "Progress",
    "SearchFacet",
    "SimpleMetadataDocument",
    "SubStep",
    "URIListDocument",
    "VersionDocument",
    "VidispineDocument",
    "Waiting",
]
