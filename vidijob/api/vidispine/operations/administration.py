"""Users, configuration, task groups, workers and the server itself: what each handler takes and answers."""

from __future__ import annotations

from vidijob.api.vidispine import (
    callbacks,
    configuration,
    selftest,
    system,
    task_groups,
    users,
    workers,
)
from vidijob.api.vidispine.documents import (
    AuthenticationTokenDocument,
    ConfigurationPropertyDocument,
    ConfigurationPropertyListDocument,
    CORSConfigurationDocument,
    DatabasePurgingConfigurationDocument,
    GroupDocument,
    GroupListDocument,
    JobPoolListDocument,
    JobPriorityConfigurationDocument,
    SelfTestDocument,
    TaskGroupDocument,
    TaskGroupListDocument,
    UserDocument,
    UserListDocument,
    VersionDocument,
    WorkerListDocument,
)
from vidijob.api.vidispine.operations.shared import (
    METADATA,
    NOTHING,
    PAGE,
    PAIRS,
    PRIORITIES,
    URIS,
)
from vidijob.web.negotiate import Form
from vidijob.web.operations import Kind, Operation, Operations, Parameter

_TOKEN = (
    Parameter("seconds", Kind.NUMBER, "How long the token lasts."),
    Parameter("autoRefresh", Kind.FLAG, "Whether it lasts on from its last use.", False),
)
_PASSWORD = "How the password is sent: as it is, or as its MD5 digest."
_PASSWORD_TYPE = Parameter("passwordType", Kind.CHOICE, _PASSWORD, "md5", values=("raw", "md5"))
_GROUPS = Operation(answers=GroupListDocument)
_LAST_ADMINISTRATOR = Operation(refuses={409})

ADMINISTRATION: Operations = {
    # Users and groups.
    users.token: Operation(takes=_TOKEN, answers=AuthenticationTokenDocument, refuses={409}),
    users.token_of: Operation(takes=_TOKEN, answers=AuthenticationTokenDocument, refuses={409}),
    users.listing: Operation(
        takes=(
            Parameter("name", Kind.LIST, "Users of these names."),
            Parameter(
                "disabled", Kind.FLAG, "Whether those who are disabled are wanted.", "all", ("true", "false", "all")
            ),
            *PAGE,
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
    users.enable: NOTHING,
    users.set_password: Operation(
        takes=(Parameter("type", Kind.CHOICE, _PASSWORD, "md5", values=("raw", "md5")),),
        body=(Form.TEXT,),
        needs_body=True,
    ),
    users.real_name: NOTHING,
    users.set_real_name: Operation(body=(Form.TEXT,)),
    users.groups_of: _GROUPS,
    users.all_groups_of: _GROUPS,
    users.roles_of: _GROUPS,
    users.set_groups: Operation(
        takes=(Parameter("move", Kind.FLAG, "Whether the user leaves all others.", False),),
        body=(GroupListDocument,),
        refuses={409},
    ),
    users.groups: Operation(takes=PAGE, answers=GroupListDocument),
    users.group: Operation(answers=GroupDocument),
    users.put_group: Operation(
        takes=(Parameter("clear", Kind.FLAG, "Whether all who are in it leave first.", False),),
        body=(GroupDocument,),
        refuses={409, 501},
    ),
    users.delete_group: _LAST_ADMINISTRATOR,
    users.description: NOTHING,
    users.is_role: NOTHING,
    users.members: Operation(answers=UserListDocument),
    users.parents: _GROUPS,
    users.children: _GROUPS,
    users.join: NOTHING,
    users.leave: _LAST_ADMINISTRATOR,
    users.nest: Operation(refuses={501}),
    users.unnest: Operation(refuses={409, 501}),
    # Configuration.
    configuration.listing: URIS,
    configuration.properties: Operation(answers=ConfigurationPropertyListDocument),
    configuration.set_properties: Operation(
        body=(ConfigurationPropertyDocument, ConfigurationPropertyListDocument), needs_body=True
    ),
    configuration.property: Operation(answers=ConfigurationPropertyDocument),
    configuration.set_property: Operation(body=(ConfigurationPropertyDocument, Form.TEXT), makes=True),
    configuration.delete_property: NOTHING,
    configuration.job_pools: Operation(answers=JobPoolListDocument),
    configuration.set_job_pools: Operation(body=(JobPoolListDocument,), needs_body=True),
    configuration.change_job_pools: Operation(body=(JobPoolListDocument,), needs_body=True),
    configuration.delete_job_pools: NOTHING,
    configuration.delete_job_pool: NOTHING,
    configuration.job_priorities: Operation(answers=JobPriorityConfigurationDocument),
    configuration.set_job_priorities: Operation(body=(JobPriorityConfigurationDocument,), needs_body=True),
    configuration.delete_job_priorities: NOTHING,
    configuration.cors: Operation(answers=CORSConfigurationDocument),
    configuration.set_cors: Operation(body=(CORSConfigurationDocument,), needs_body=True),
    configuration.delete_cors: NOTHING,
    configuration.purging: Operation(answers=DatabasePurgingConfigurationDocument),
    configuration.set_purging: Operation(body=(DatabasePurgingConfigurationDocument,), needs_body=True, refuses={501}),
    configuration.delete_purging: NOTHING,
    # Task groups.
    task_groups.listing: Operation(answers=TaskGroupListDocument),
    task_groups.delete_all: NOTHING,
    task_groups.get: Operation(answers=TaskGroupDocument),
    task_groups.put: Operation(
        takes=(
            Parameter("priority", Kind.CHOICE, "The priority of the group.", values=PRIORITIES),
            Parameter("maxConcurrency", Kind.NUMBER, "How many of its jobs run at once.", most=10_000),
            Parameter("job", Kind.ALL, "A condition on jobs.", example="type=TRANSCODE"),
            Parameter("metadata", Kind.ALL, "A key and its value.", example="colour=red"),
            Parameter("transcoder", Kind.ALL, "The id of a transcoder; kept, without effect."),
        ),
        body=(TaskGroupDocument,),
        answers=TaskGroupDocument,
        makes=True,
    ),
    task_groups.delete: NOTHING,
    task_groups.pause: NOTHING,
    task_groups.resume: NOTHING,
    task_groups.metadata: METADATA,
    task_groups.set_metadata: PAIRS,
    task_groups.delete_metadata: NOTHING,
    task_groups.value: NOTHING,
    task_groups.set_value: Operation(body=(Form.TEXT,)),
    task_groups.delete_value: NOTHING,
    task_groups.transcoder: Operation(refuses={501}),
    # The server itself.
    system.job_types: URIS,
    system.server_version: Operation(answers=VersionDocument),
    system.whoami: NOTHING,
    selftest.selftest: Operation(
        takes=(Parameter("exclude", Kind.LIST, "Tests that are left out.", example="ffmpeg"),),
        answers=SelfTestDocument,
    ),
    selftest.one_selftest: Operation(answers=SelfTestDocument),
    selftest.sites: URIS,
    selftest.is_online: NOTHING,
    selftest.initialise: NOTHING,
    # Engines elsewhere.
    callbacks.take: Operation(
        body=(Form.JSON,), needs_body=True, example={"progress": {"value": 40, "total": 100, "unit": "percent"}}
    ),
    # Workers.
    workers.listing: Operation(answers=WorkerListDocument),
    workers.drain: NOTHING,
    workers.resume: NOTHING,
}
