"""What each handler takes and answers, beyond what its route says. The OpenAPI document is made of it, and a test compares
it with what the handlers read. No logic.

A new route needs an entry here for its handler; a new name in a path, one in ``PLACES``.
"""

from __future__ import annotations

from typing import Final

from vidijob.api.vidispine import (
    configuration,
    external_ids,
    jobs,
    notifications,
    problems,
    search,
    selftest,
    system,
    task_groups,
    taskdefinitions,
    users,
)
from vidijob.api.vidispine.documents import (
    AuthenticationTokenDocument,
    ConfigurationPropertyDocument,
    ConfigurationPropertyListDocument,
    CORSConfigurationDocument,
    ExternalIdentifierListDocument,
    GroupDocument,
    GroupListDocument,
    JobDocument,
    JobListDocument,
    JobPoolListDocument,
    JobPriorityConfigurationDocument,
    JobProblemListDocument,
    JobSearchDocument,
    NotificationDocument,
    SelfTestDocument,
    SimpleMetadataDocument,
    TaskDefinitionDocument,
    TaskDefinitionListDocument,
    TaskGroupDocument,
    TaskGroupListDocument,
    URIListDocument,
    UserDocument,
    UserListDocument,
    VersionDocument,
)
from vidijob.jobs.definitions import OWN_IDS
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState
from vidijob.web.negotiate import Form
from vidijob.web.operations import Kind, Operation, Operations, Parameter, Place

_PRIORITIES = tuple(priority.value for priority in Priority)
_STATES = tuple(state.value for state in JobState)

#: What names in paths are, by the segment before them.
PLACES: Final = {
    "job/{id}": Place("The id of a job, or an external one.", "VX-1"),
    "external-id/{ext}": Place("An external id.", "order-4711"),
    "notification/{nid}": Place("The id of a notification, or an external one.", "VX-1"),
    "problem/{problem}": Place("The number of a problem.", "1"),
    "task-definition/{id}": Place("The number of a task definition.", "1"),
    "jobtype/{type}": Place("The name of a job type.", "TRANSCODE"),
    "step/{step}": Place("The number of a step in its type.", "100"),
    "metadata/{key}": Place("A key.", "colour"),
    "user/{username}": Place("The name of a user.", "ann"),
    "group/{group}": Place("The name of a group or role.", "editors"),
    "group/{child}": Place("The name of the group inside.", "editors"),
    "properties/{key}": Place("The name of a property.", "colour"),
    "job-pool/{priority}": Place("The threshold of a pool.", "HIGH", _PRIORITIES),
    "task-group/{name}": Place("The name of a task group.", "night"),
    "transcoder/{id}": Place("The id of a transcoder.", "VX-1"),
    "selftest/{test}": Place("The name of a test.", "database"),
}

_FIRST = Parameter("first", Kind.NUMBER, "The number of the first entry, from 1; 0 counts as 1.", 1)
_NUMBER = Parameter("number", Kind.NUMBER, "How many entries at most.", most=2**31 - 1)
_PAGE = (_FIRST, _NUMBER)
_TOKEN = (
    Parameter("seconds", Kind.NUMBER, "How long the token lasts."),
    Parameter("autoRefresh", Kind.FLAG, "Whether it lasts on from its last use.", False),
)
_SHOWN = (
    Parameter("metadata", Kind.FLAG, "Whether jobs are shown with their data.", False),
    Parameter("field", Kind.LIST, "The elements of a job that are shown; without it, all.", example="jobId"),
)
_LISTED = (
    Parameter("user", Kind.FLAG, "Whether only jobs of the caller are wanted.", True),
    Parameter("type", Kind.LIST, "Jobs of these types.", example="TRANSCODE"),
    Parameter("state", Kind.CHOICES, "Jobs in these states.", values=(*_STATES, "all")),
    Parameter("priority", Kind.CHOICES, "Jobs of these priorities.", values=(*_PRIORITIES, "all")),
    Parameter("jobmetadata", Kind.ALL, "Jobs with this data, `key=value`; `*` stands for any characters."),
    *(
        Parameter(f"{what}-{end}", Kind.TEXT, f"Jobs that {did} at this time or {side}; ISO 8601, without zone UTC.")
        for what, did in (("starttime", "were submitted"), ("finishtime", "ended"))
        for end, side in (("from", "later"), ("to", "earlier"))
    ),
    Parameter("sort", Kind.TEXT, "Fields to sort by, each with `asc` or `desc`.", example="priority desc, jobId"),
    Parameter("sort-order", Kind.TEXT, "The direction of fields without one.", "asc", values=("asc", "desc")),
    *_PAGE,
    Parameter("step", Kind.FLAG, "Whether jobs are shown with the step that they are at.", False),
    Parameter("idonly", Kind.FLAG, "Whether of jobs only their ids are shown.", False),
    *_SHOWN,
)
_HOLD = Parameter("holdJob", Kind.FLAG, "Whether it is held until it is released.", False)
_PASSWORD = "How the password is sent: as it is, or as its MD5 digest."
_PASSWORD_TYPE = Parameter("passwordType", Kind.CHOICE, _PASSWORD, "md5", values=("raw", "md5"))
_CALL_AT_THE_END = {
    "action": {"http": {"url": "http://127.0.0.1:9/jobs", "method": "POST", "timeout": "5", "synchronous": False}},
    "trigger": {"job": {"stop": "", "filter": {"type": ["TRANSCODE"]}}},
}
_STEP = {"description": "Say hello", "bean": "file", "method": "setUp", "step": 50, "jobType": "TRANSCODE"}
_NOTHING = Operation()
_PAIRS = Operation(body=(SimpleMetadataDocument,))
_GROUPS = Operation(answers=GroupListDocument)
_METADATA = Operation(answers=SimpleMetadataDocument)
_URIS = Operation(answers=URIListDocument)
_LAST_ADMINISTRATOR = Operation(refuses={409})

OPERATIONS: Operations = {
    # Jobs.
    jobs.create: Operation(
        takes=(
            Parameter("type", Kind.TEXT, "The type of the job.", needed=True, example="TRANSCODE"),
            Parameter("priority", Kind.CHOICE, "Its priority; without it, that of its type.", values=_PRIORITIES),
            Parameter("jobmetadata", Kind.ALL, "Job data, `key=value`.", example="tag=lowres"),
            Parameter("notification", Kind.TEXT, "A placeholder notification, by its id, an external one or its URL."),
            Parameter("notificationData", Kind.ALL, "What notifications of the job tell as well, `key=value`."),
            _HOLD,
        ),
        repeatable=True,
        body=(SimpleMetadataDocument,),
        example={"field": [{"key": "sourceUri", "value": "file:///media/clip.mov"}]},
        answers=JobDocument,
        refuses={404},
    ),
    search.listing: Operation(takes=_LISTED, answers=JobListDocument),
    search.search: Operation(
        takes=_LISTED,
        body=(JobSearchDocument,),
        example={"facet": [{"field": "state", "count": True}]},
        answers=JobListDocument,
        refuses={404},
    ),
    jobs.delete: Operation(
        takes=(Parameter("id", Kind.LIST, "The ids of jobs that have ended.", needed=True, example="VX-1"),),
        refuses={404},
    ),
    jobs.get: Operation(takes=_SHOWN, answers=JobDocument),
    jobs.change: Operation(
        takes=(Parameter("priority", Kind.CHOICE, "Another priority.", "MEDIUM", values=_PRIORITIES),)
    ),
    jobs.abort: Operation(
        takes=(
            Parameter("reason", Kind.TEXT, "Why, for the log."),
            Parameter("cleanup", Kind.FLAG, "Whether its clean-up steps run.", True),
        )
    ),
    jobs.rerun: Operation(
        takes=(Parameter("priority", Kind.CHOICE, "Another priority than the first job's.", values=_PRIORITIES), _HOLD),
        repeatable=True,
        answers=JobDocument,
    ),
    jobs.release: _NOTHING,
    external_ids.listing: Operation(answers=ExternalIdentifierListDocument),
    external_ids.strip: _NOTHING,
    external_ids.give: Operation(refuses={409}),
    external_ids.take: _NOTHING,
    problems.listing: Operation(answers=JobProblemListDocument),
    problems.of_job: Operation(answers=JobProblemListDocument),
    problems.retry: _NOTHING,
    problems.fail: _NOTHING,
    # Notifications.
    notifications.listing: _URIS,
    notifications.define: Operation(
        body=(NotificationDocument,),
        needs_body=True,
        example=_CALL_AT_THE_END,
        answers=URIListDocument,
        refuses={501},
    ),
    notifications.forget_all: _NOTHING,
    notifications.get: Operation(answers=NotificationDocument),
    notifications.change: Operation(
        body=(NotificationDocument,), needs_body=True, example=_CALL_AT_THE_END, refuses={501}
    ),
    notifications.forget: _NOTHING,
    notifications.external_ids: Operation(answers=ExternalIdentifierListDocument),
    notifications.give_external_id: Operation(refuses={409}),
    notifications.take_external_id: _NOTHING,
    notifications.strip_external_ids: _NOTHING,
    # Job types and task definitions.
    taskdefinitions.listing: Operation(
        takes=(Parameter("type", Kind.LIST, "Those of these types.", example="TRANSCODE"),),
        answers=TaskDefinitionListDocument,
    ),
    taskdefinitions.add: Operation(
        takes=(Parameter("url", Kind.FLAG, "Whether URLs are answered, not ids.", False),),
        body=(TaskDefinitionListDocument, TaskDefinitionDocument),
        needs_body=True,
        example={"task": [_STEP]},
        answers=URIListDocument,
    ),
    taskdefinitions.of_type: Operation(answers=TaskDefinitionListDocument),
    taskdefinitions.define: Operation(
        takes=(
            Parameter(
                "id",
                Kind.NUMBER,
                "The number of the new type.",
                least=OWN_IDS[0],
                most=OWN_IDS[-1],
                needed=True,
                example=str(OWN_IDS[0]),
            ),
        ),
        answers=TaskDefinitionListDocument,
        refuses={409},
        makes=True,
    ),
    taskdefinitions.drop: _NOTHING,
    taskdefinitions.get: Operation(answers=TaskDefinitionDocument),
    taskdefinitions.change: Operation(body=(TaskDefinitionDocument,), needs_body=True, example=_STEP),
    taskdefinitions.delete: _NOTHING,
    taskdefinitions.validate: _NOTHING,
    taskdefinitions.script: _NOTHING,
    taskdefinitions.set_script: Operation(body=(Form.JAVASCRIPT, Form.TEXT)),
    taskdefinitions.metadata: _METADATA,
    taskdefinitions.set_metadata: _PAIRS,
    taskdefinitions.clear_metadata: _NOTHING,
    taskdefinitions.value: _METADATA,
    taskdefinitions.set_value: Operation(body=(SimpleMetadataDocument, Form.TEXT)),
    taskdefinitions.graph: Operation(refuses={501}),
    taskdefinitions.dot: _NOTHING,
    # Users and groups.
    users.token: Operation(takes=_TOKEN, answers=AuthenticationTokenDocument, refuses={409}),
    users.token_of: Operation(takes=_TOKEN, answers=AuthenticationTokenDocument, refuses={409}),
    users.listing: Operation(
        takes=(
            Parameter("name", Kind.LIST, "Users of these names."),
            Parameter(
                "disabled", Kind.FLAG, "Whether those who are disabled are wanted.", "all", ("true", "false", "all")
            ),
            *_PAGE,
        ),
        answers=UserListDocument,
    ),
    users.create: Operation(
        takes=(_PASSWORD_TYPE,),
        body=(UserDocument,),
        needs_body=True,
        example={"userName": "ann", "realName": "Ann Other"},
        refuses={404, 409},
    ),
    users.get: Operation(answers=UserDocument),
    users.put: Operation(takes=(_PASSWORD_TYPE,), body=(UserDocument,), refuses={409}),
    users.disable: Operation(
        takes=(Parameter("hard", Kind.FLAG, "Whether the user is taken out.", False),), refuses={409}
    ),
    users.enable: _NOTHING,
    users.set_password: Operation(
        takes=(Parameter("type", Kind.CHOICE, _PASSWORD, "md5", values=("raw", "md5")),),
        body=(Form.TEXT,),
        needs_body=True,
    ),
    users.real_name: _NOTHING,
    users.set_real_name: Operation(body=(Form.TEXT,)),
    users.groups_of: _GROUPS,
    users.all_groups_of: _GROUPS,
    users.roles_of: _GROUPS,
    users.set_groups: Operation(
        takes=(Parameter("move", Kind.FLAG, "Whether the user leaves all others.", False),),
        body=(GroupListDocument,),
        refuses={409},
    ),
    users.groups: Operation(takes=_PAGE, answers=GroupListDocument),
    users.group: Operation(answers=GroupDocument),
    users.put_group: Operation(
        takes=(Parameter("clear", Kind.FLAG, "Whether all who are in it leave first.", False),),
        body=(GroupDocument,),
        refuses={409, 501},
    ),
    users.delete_group: _LAST_ADMINISTRATOR,
    users.description: _NOTHING,
    users.is_role: _NOTHING,
    users.members: Operation(answers=UserListDocument),
    users.parents: _GROUPS,
    users.children: _GROUPS,
    users.join: _NOTHING,
    users.leave: _LAST_ADMINISTRATOR,
    users.nest: Operation(refuses={501}),
    users.unnest: Operation(refuses={409, 501}),
    # Configuration.
    configuration.listing: _URIS,
    configuration.properties: Operation(answers=ConfigurationPropertyListDocument),
    configuration.set_properties: Operation(
        body=(ConfigurationPropertyDocument, ConfigurationPropertyListDocument), needs_body=True
    ),
    configuration.property: Operation(answers=ConfigurationPropertyDocument),
    configuration.set_property: Operation(body=(ConfigurationPropertyDocument, Form.TEXT), makes=True),
    configuration.delete_property: _NOTHING,
    configuration.job_pools: Operation(answers=JobPoolListDocument),
    configuration.set_job_pools: Operation(body=(JobPoolListDocument,), needs_body=True),
    configuration.change_job_pools: Operation(body=(JobPoolListDocument,), needs_body=True),
    configuration.delete_job_pools: _NOTHING,
    configuration.delete_job_pool: _NOTHING,
    configuration.job_priorities: Operation(answers=JobPriorityConfigurationDocument),
    configuration.set_job_priorities: Operation(body=(JobPriorityConfigurationDocument,), needs_body=True),
    configuration.delete_job_priorities: _NOTHING,
    configuration.cors: Operation(answers=CORSConfigurationDocument),
    configuration.set_cors: Operation(body=(CORSConfigurationDocument,), needs_body=True),
    configuration.delete_cors: _NOTHING,
    # Task groups.
    task_groups.listing: Operation(answers=TaskGroupListDocument),
    task_groups.delete_all: _NOTHING,
    task_groups.get: Operation(answers=TaskGroupDocument),
    task_groups.put: Operation(
        takes=(
            Parameter("priority", Kind.CHOICE, "The priority of the group.", values=_PRIORITIES),
            Parameter("maxConcurrency", Kind.NUMBER, "How many of its jobs run at once.", most=10_000),
            Parameter("job", Kind.ALL, "A condition on jobs.", example="type=TRANSCODE"),
            Parameter("metadata", Kind.ALL, "A key and its value.", example="colour=red"),
            Parameter("transcoder", Kind.ALL, "The id of a transcoder; kept, without effect."),
        ),
        body=(TaskGroupDocument,),
        answers=TaskGroupDocument,
        makes=True,
    ),
    task_groups.delete: _NOTHING,
    task_groups.pause: _NOTHING,
    task_groups.resume: _NOTHING,
    task_groups.metadata: _METADATA,
    task_groups.set_metadata: _PAIRS,
    task_groups.delete_metadata: _NOTHING,
    task_groups.value: _NOTHING,
    task_groups.set_value: Operation(body=(Form.TEXT,)),
    task_groups.delete_value: _NOTHING,
    task_groups.transcoder: Operation(refuses={501}),
    # The server itself.
    system.job_types: _URIS,
    system.server_version: Operation(answers=VersionDocument),
    system.whoami: _NOTHING,
    selftest.selftest: Operation(
        takes=(Parameter("exclude", Kind.LIST, "Tests that are left out.", example="ffmpeg"),),
        answers=SelfTestDocument,
    ),
    selftest.one_selftest: Operation(answers=SelfTestDocument),
    selftest.sites: _URIS,
    selftest.is_online: _NOTHING,
    selftest.initialise: _NOTHING,
}
