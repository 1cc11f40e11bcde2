"""The operations on jobs: read the call, ask the engine, answer."""

from __future__ import annotations

from datetime import timedelta

from vidijob.api.alibaba import documents as wire
from vidijob.api.alibaba import pipelines, translate
from vidijob.api.alibaba.call import Call
from vidijob.api.alibaba.faults import Fault, fault
from vidijob.engine.insights import Listing
from vidijob.engine.submissions import Order
from vidijob.errors import CallerError, NotFound, TransitionRefused
from vidijob.executors.buckets import encoded
from vidijob.jobs.model import Job, Origin
from vidijob.jobs.notifications import NotificationRequest
from vidijob.jobs.search import DataCondition, Filter, Position, SortField
from vidijob.jobs.search import Order as By
from vidijob.jobs.states import JobState

_MOST_OUTPUTS = 30
_MOST_ASKED = 10
_NEWEST = (By(SortField.ID, descending=True),)


async def cancel_job(call: Call) -> wire.CancelJobResponse:
    """CancelJob: only a job that is Submitted; one that is cancelled already is so still."""
    id = call.text("JobId")
    name = call.named(translate.core_id(call.uuids, id, "JobId"))
    try:
        await call.services.commands.withdraw(call.user, name)
    except NotFound:
        raise Fault("InvalidParameter.ResourceNotFound", id) from None
    except TransitionRefused as error:
        # It is refused for having begun.
        state = translate.STATES[JobState(error.state)][True]
        if state != translate.CANCELLED:
            raise Fault(translate.UNCANCELLABLE[state], id) from None
    return wire.CancelJobResponse(request_id=call.request_id, job_id=id)


async def submit_jobs(call: Call) -> wire.SubmitJobsResponse:
    """SubmitJobs: a job for each output that can be taken; those are stored together, or none."""
    given = call.object("Input")
    source = translate.path(given.get("Object"), "Input.Object")
    location = _location(given.get("Location"))
    from_bucket = translate.bucket(given.get("Bucket"), "Input.Bucket")
    to_bucket = translate.bucket(call.text("OutputBucket"), "OutputBucket")
    pipeline = await pipelines.one(call, call.text("PipelineId"))
    outputs = call.json("Outputs")
    if not isinstance(outputs, list):
        raise Fault("InvalidParameter.JsonArrayFormatInvalid", "Outputs")
    if not 0 < len(outputs) <= _MOST_OUTPUTS:
        raise Fault("InvalidParameter.OutOfRange", "Outputs")
    asked = pipelines.told_by(pipeline)
    results: list[wire.JobResult | None] = []
    orders: list[Order] = []
    for output in outputs:
        try:
            wanted = translate.output(output, source)
            if call.options.templates is not None and wanted.template not in call.options.templates:
                raise Fault("InvalidParameter.TemplateNotFound", wanted.template)
            data = {
                "sourceUri": [call.buckets.uri(from_bucket, source)],
                "destinationUri": [call.buckets.uri(to_bucket, wanted.path)],
                "tag": [wanted.template],
                # As where it comes from: an object takes the place of one that is there.
                "overwrite": ["true"],
                translate.QUEUE: [pipeline.name],
            }
            sent = {
                "Input": {
                    "Bucket": from_bucket,
                    "Location": location,
                    "Object": given["Object"],
                },
                "OutputFile": {
                    "Bucket": to_bucket,
                    "Location": call.optional("OutputLocation"),
                    "Object": encoded(wanted.path),
                },
                "UserData": wanted.user_data,
                "Output": output,
            }
            order = Order(
                translate.JOB_TYPE,
                wanted.priority,
                data,
                NotificationRequest(asked, {"requestId": [call.request_id], "userData": [wanted.user_data or ""]})
                if asked is not None
                else NotificationRequest(),
                origin=Origin(translate.FACE, sent, wanted.number, wanted.weight),
            )
            await call.services.commands.check(call.user, order.type, order.priority, order.data, order.asked)
        except (Fault, CallerError) as error:
            refused = fault(error)
            results.append(wire.JobResult(success=False, code=refused.code, message=refused.message))
        else:
            results.append(None)
            orders.append(order)
    made = await call.services.commands.submit_all(call.user, orders) if orders else []
    documents = iter(await _documents(call, made))
    return wire.SubmitJobsResponse(
        request_id=call.request_id,
        job_result_list=wire.JobResultList(
            job_result=tuple(one or wire.JobResult(success=True, job=next(documents)) for one in results)
        ),
    )


async def query_job_list(call: Call) -> wire.QueryJobListResponse:
    """QueryJobList: some jobs by their ids, of whichever face."""
    found, missing = [], []
    for id in call.ids("JobIds", _MOST_ASKED):
        try:
            found.append(await call.services.insights.job(call.named(translate.core_id(call.uuids, id, "JobIds"))))
        except (Fault, NotFound):
            missing.append(id)
    return wire.QueryJobListResponse(
        request_id=call.request_id,
        job_list=wire.JobList(job=tuple(await _documents(call, found))),
        non_exist_job_ids=wire.Strings(string=tuple(missing)),
    )


async def list_job(call: Call) -> wire.ListJobResponse:
    """ListJob: the transcoding jobs, the newest first, page by page."""
    state = call.optional("State") or "All"
    states = None if state == "All" else translate.core_states(state)
    pipeline = call.optional("PipelineId")
    begin, end = (
        translate.moment(text, name) if (text := call.optional(name)) is not None else None
        for name in ("StartOfJobCreatedTimeRange", "EndOfJobCreatedTimeRange")
    )
    token = call.optional("NextPageToken")
    after = None if token is None else translate.core_id(call.uuids, token, "NextPageToken")
    page = await call.services.insights.page(
        Listing(
            Filter(
                types=[translate.JOB_TYPE],
                states=states,
                data=[DataCondition(translate.QUEUE, translate.check_id(pipeline, "PipelineId"))] if pipeline else (),
                started_from=begin,
                # To the end of the second that was said.
                started_to=None if end is None else end + timedelta(milliseconds=999),
            ),
            _NEWEST,
            first=1,
            number=call.number("MaximumPageSize", 10, 1, 100),
            steps=True,
            after=None if after is None else Position(_NEWEST, (int(after),)),
        )
    )
    # A state of the engine may be called one or the other here, as its job has begun or not.
    jobs = [job for job in page.jobs if states is None or translate.shown_state(job) == state]
    return wire.ListJobResponse(
        request_id=call.request_id,
        next_page_token=None if page.end is None else translate.job_id(call.uuids, page.jobs[-1].id),
        job_list=wire.JobList(job=tuple(await _documents(call, jobs))),
    )


async def _documents(call: Call, jobs: list[Job]) -> list[wire.Job]:
    origins = await call.services.insights.origins(jobs)
    return [translate.job(job, origins.get(job.id), call.uuids, call.buckets) for job in jobs]


def _location(given: object) -> str | None:
    if given is not None and (not isinstance(given, str) or len(given) > 64):
        raise Fault("InvalidParameter", "Input.Location")
    return given
