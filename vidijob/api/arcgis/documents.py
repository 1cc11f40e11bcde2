"""The shapes of the ArcGIS Video Server pages, field by field in their order. Nothing is known here of what they mean."""

from __future__ import annotations

from typing import Any, TypedDict

#: Any document, as JSON has it.
Object = dict[str, Any]


class Inputs(TypedDict):
    """What a job was given."""

    serviceItemId: str
    #: sd, hd, fhd or uhd.
    requestedResolutions: str
    fileIds: str
    serviceUrl: str


class Results(TypedDict, total=False):
    """What a job made; empty until it is done."""

    layerId: int
    layerName: str
    serviceName: str


class CustomAttributes(TypedDict):
    """What stands beside a job."""

    #: One for each message, in their order.
    messageCodes: list[int]
    savingToStorage: bool
    newLayerId: int


class Job(TypedDict):
    """One job: ``jobs/job/<id>``."""

    jobId: str
    inputs: Inputs
    messages: list[str]
    type: str
    results: Results
    status: str
    username: str
    customAttributes: CustomAttributes


class Jobs(TypedDict):
    """``jobs``: the page shows no answer, its siblings of the same framework show one key or the other."""

    asyncJobs: list[str]
    jobs: list[str]


class Submitted(TypedDict):
    """What an operation answers that has made a job."""

    jobId: str
    success: bool


class Registered(TypedDict):
    """A file that has an id: ``uploads/register``."""

    #: In milliseconds.
    date: int
    fileName: str
    committed: bool
    fileId: str


class Fault(TypedDict):
    """Why not."""

    code: int
    message: str
    details: list[str]


class Error(TypedDict):
    """What every error is, with the HTTP status 200."""

    error: Fault


class Token(TypedDict):
    """A token: ``generateToken``."""

    token: str
    #: In milliseconds.
    expires: int
    ssl: bool
