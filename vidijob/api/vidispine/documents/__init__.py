"""The documents of the Vidispine face, nothing but shapes: fields in the order of the schema, names as on the wire.

Sources: the job reference (VC 21.3.1) and, for what it leaves out, the servers' own schema of the 4.9 era with what newer
ones added. ``schemas/vidispine.xsd`` says the same, and a test compares the two. One file per resource; here is the list.
"""

from __future__ import annotations

from vidijob.api.vidispine.documents.configuration import (
    ConfigurationPropertyDocument,
    ConfigurationPropertyListDocument,
    CORSConfigurationDocument,
    CORSEntry,
    CORSRequest,
    CORSResponse,
    JobPool,
    JobPoolListDocument,
    JobPriorityConfigurationDocument,
    JobTypePriority,
)
from vidijob.api.vidispine.documents.deliveries import Delivery, DeliveryListDocument
from vidijob.api.vidispine.documents.external_ids import ExternalIdentifier, ExternalIdentifierListDocument
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
    JobOrder,
    JobOrderListDocument,
    JobTask,
    Log,
    NotFoundEntry,
    Progress,
    SubStep,
    Waiting,
)
from vidijob.api.vidispine.documents.notifications import NotificationDocument
from vidijob.api.vidispine.documents.problems import JobProblem, JobProblemListDocument
from vidijob.api.vidispine.documents.purging import DatabasePurgingConfigurationDocument, DatabasePurgingJob
from vidijob.api.vidispine.documents.search import (
    Facet,
    FacetCount,
    FacetFilterRange,
    FacetRange,
    JobSearchDocument,
    SearchFacet,
    SearchFacetFilter,
)
from vidijob.api.vidispine.documents.system import SelfTestDocument
from vidijob.api.vidispine.documents.task_groups import (
    TaskGroupData,
    TaskGroupDocument,
    TaskGroupJob,
    TaskGroupListDocument,
    TaskGroupTranscoder,
)
from vidijob.api.vidispine.documents.taskdefinitions import (
    TaskDefinitionDocument,
    TaskDefinitionListDocument,
    TaskDependency,
    TaskMetadata,
)
from vidijob.api.vidispine.documents.users import (
    AuthenticationTokenDocument,
    GroupDocument,
    GroupListDocument,
    UserDocument,
    UserListDocument,
)
from vidijob.api.vidispine.documents.vocabulary import VOCABULARY, KeyValue, VidispineDocument
from vidijob.api.vidispine.documents.workers import WorkerListDocument, WorkerProcess, WorkerTask

__all__ = [
    "VOCABULARY",
    "AuthenticationTokenDocument",
    "CORSConfigurationDocument",
    "CORSEntry",
    "CORSRequest",
    "CORSResponse",
    "Component",
    "ConfigurationPropertyDocument",
    "ConfigurationPropertyListDocument",
    "Conflict",
    "CurrentStep",
    "DatabasePurgingConfigurationDocument",
    "DatabasePurgingJob",
    "Delivery",
    "DeliveryListDocument",
    "ExceptionDocument",
    "ExternalIdentifier",
    "ExternalIdentifierListDocument",
    "Facet",
    "FacetCount",
    "FacetFilterRange",
    "FacetRange",
    "FileAlreadyExists",
    "Forbidden",
    "GroupDocument",
    "GroupListDocument",
    "InternalServer",
    "InvalidInput",
    "JobDocument",
    "JobListDocument",
    "JobOrder",
    "JobOrderListDocument",
    "JobPool",
    "JobPoolListDocument",
    "JobPriorityConfigurationDocument",
    "JobProblem",
    "JobProblemListDocument",
    "JobSearchDocument",
    "JobTask",
    "JobTypePriority",
    "KeyValue",
    "LicenseFault",
    "Log",
    "NotAuthorized",
    "NotFound",
    "NotFoundEntry",
    "NotYetImplemented",
    "NotificationDocument",
    "Progress",
    "SearchFacet",
    "SearchFacetFilter",
    "SelfTestDocument",
    "SimpleMetadataDocument",
    "SubStep",
    "TaskDefinitionDocument",
    "TaskDefinitionListDocument",
    "TaskDependency",
    "TaskGroupData",
    "TaskGroupDocument",
    "TaskGroupJob",
    "TaskGroupListDocument",
    "TaskGroupTranscoder",
    "TaskMetadata",
    "URIListDocument",
    "UserDocument",
    "UserListDocument",
    "VersionDocument",
    "VidispineDocument",
    "Waiting",
    "WorkerListDocument",
    "WorkerProcess",
    "WorkerTask",
]
