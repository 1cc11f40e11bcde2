"""The shapes of the answers, nothing but shapes: names and their order are those of the vendor's documents and SDKs. A list
is an element with the items in it, in JSON as well: ``{"JobList": {"Job": [...]}}``.
"""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.binding.fields import Always, Document, Pascal


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Pascal):
    """A file: a bucket, which is a folder of the storage, and a path in it."""

    bucket: str
    location: str | None = None
    #: Percent-encoded.
    object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Pascal):
    """What a job makes."""

    output_file: File | None = None
    template_id: str | None = None
    user_data: str | None = None
    #: 1 to 10.
    priority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Pascal):
    """A job."""

    job_id: str
    state: str
    #: From 0 to 100.
    percent: int
    pipeline_id: str | None = None
    creation_time: str
    submit_time: str
    finish_time: str | None = None
    #: Only of one that failed.
    code: str | None = None
    message: str | None = None
    input: File | None = None
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class JobList(Pascal):
    """Several jobs."""

    job: Always[tuple[Job, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings(Pascal):
    """Several ids."""

    string: Always[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult(Pascal):
    """What became of one output that was asked for."""

    success: bool
    code: str | None = None
    message: str | None = None
    job: Job | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResultList(Pascal):
    """What became of the outputs, in their order."""

    job_result: Always[tuple[JobResult, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyConfig(Pascal):
    """Where the end of jobs is told."""

    topic: str | None = None
    queue_name: str | None = None
    mq_topic: str | None = None
    mq_tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Pascal):
    """A queue of jobs."""

    id: str
    name: str
    #: Active or Paused.
    state: str
    speed: str
    speed_level: int
    #: How many of its jobs run at once, where an administrator limits that.
    quota_allocate: int | None = None
    role: str | None = None
    notify_config: NotifyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineList(Pascal):
    """Several pipelines."""

    pipeline: Always[tuple[Pipeline, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(Pascal, Document):
    """Why a request was refused."""

    request_id: str
    host_id: str
    code: str
    message: str
    recommend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJobResponse(Pascal, Document):
    """The job is cancelled."""

    request_id: str
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitJobsResponse(Pascal, Document):
    """What became of the outputs."""

    request_id: str
    job_result_list: JobResultList


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryJobListResponse(Pascal, Document):
    """The jobs that were asked for."""

    request_id: str
    job_list: JobList
    non_exist_job_ids: Strings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobResponse(Pascal, Document):
    """A page of jobs, the newest first."""

    request_id: str
    next_page_token: str | None = None
    job_list: JobList


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPipelineResponse(Pascal, Document):
    """The new pipeline."""

    request_id: str
    pipeline: Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePipelineResponse(AddPipelineResponse):
    """The pipeline as it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPipelineListResponse(Pascal, Document):
    """The pipelines that were asked for."""

    request_id: str
    pipeline_list: PipelineList
    non_exist_pids: Strings


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPipelineResponse(Pascal, Document):
    """A page of pipelines."""

    request_id: str
    total_count: int
    page_number: int
    page_size: int
    pipeline_list: PipelineList


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePipelineResponse(Pascal, Document):
    """The pipeline is gone."""

    request_id: str
    pipeline_id: str
