"""The part of the table that is about users, configuration and the server itself; and what is open to everybody."""

from __future__ import annotations

from vidijob.access import ADMINISTRATOR
from vidijob.api.vidispine import callbacks, configuration, selftest, task_groups, users, workers
from vidijob.api.vidispine.call import Handler
from vidijob.web.negotiate import Form
from vidijob.web.routing import Open, Own, Route, RouteTable

_DOCUMENT = (Form.XML, Form.JSON)
_ALSO_TEXT = (Form.XML, Form.JSON, Form.TEXT)
_TEXT = (Form.TEXT,)
#: Old clients know tokens as text only, and do not always say so.
_TEXT_FIRST = (Form.TEXT, Form.XML, Form.JSON)

_ITSELF = Own("username", ADMINISTRATOR)
_IN_PERSON = Own("username", ADMINISTRATOR, in_person=True)
_CONFIGURATION = frozenset({ADMINISTRATOR, "_configuration_read"})

ROUTES: tuple[Route[Handler], ...] = (
    Route("GET", "/token", users.token, Open.TO_USERS, _TEXT_FIRST),
    Route("GET", "/user", users.listing, ADMINISTRATOR, _ALSO_TEXT),
    Route("POST", "/user", users.create, ADMINISTRATOR),
    Route("GET", "/user/{username}", users.get, _ITSELF, _DOCUMENT),
    Route("PUT", "/user/{username}", users.put, ADMINISTRATOR),
    Route("DELETE", "/user/{username}", users.disable, ADMINISTRATOR),
    Route("PUT", "/user/{username}/enable", users.enable, ADMINISTRATOR),
    Route("PUT", "/user/{username}/password", users.set_password, _IN_PERSON),
    Route("GET", "/user/{username}/realname", users.real_name, _ITSELF, _TEXT),
    Route("PUT", "/user/{username}/realname", users.set_real_name, ADMINISTRATOR),
    Route("GET", "/user/{username}/groups", users.groups_of, _ITSELF, _DOCUMENT),
    Route("PUT", "/user/{username}/groups", users.set_groups, ADMINISTRATOR),
    Route("GET", "/user/{username}/allgroups", users.all_groups_of, _ITSELF, _DOCUMENT),
    Route("GET", "/user/{username}/roles", users.roles_of, _ITSELF, _DOCUMENT),
    Route("GET", "/user/{username}/token", users.token_of, _IN_PERSON, _TEXT_FIRST),
    Route("GET", "/group", users.groups, ADMINISTRATOR, _ALSO_TEXT),
    Route("GET", "/group/{group}", users.group, ADMINISTRATOR, _ALSO_TEXT),
    Route("PUT", "/group/{group}", users.put_group, ADMINISTRATOR),
    Route("DELETE", "/group/{group}", users.delete_group, ADMINISTRATOR),
    Route("GET", "/group/{group}/description", users.description, ADMINISTRATOR, _TEXT),
    Route("GET", "/group/{group}/role", users.is_role, ADMINISTRATOR, _TEXT),
    Route("GET", "/group/{group}/users", users.members, ADMINISTRATOR, _ALSO_TEXT),
    Route("GET", "/group/{group}/parents", users.parents, ADMINISTRATOR, _ALSO_TEXT),
    Route("GET", "/group/{group}/children", users.children, ADMINISTRATOR, _ALSO_TEXT),
    Route("PUT", "/group/{group}/user/{username}", users.join, ADMINISTRATOR),
    Route("DELETE", "/group/{group}/user/{username}", users.leave, ADMINISTRATOR),
    Route("PUT", "/group/{group}/group/{child}", users.nest, ADMINISTRATOR),
    Route("DELETE", "/group/{group}/group/{child}", users.unnest, ADMINISTRATOR),
    Route("GET", "/configuration", configuration.listing, _CONFIGURATION, _ALSO_TEXT),
    Route("GET", "/configuration/properties", configuration.properties, _CONFIGURATION, _ALSO_TEXT),
    Route("PUT", "/configuration/properties", configuration.set_properties, ADMINISTRATOR),
    Route("GET", "/configuration/properties/{key}", configuration.property, _CONFIGURATION, _ALSO_TEXT),
    Route("PUT", "/configuration/properties/{key}", configuration.set_property, ADMINISTRATOR),
    Route("DELETE", "/configuration/properties/{key}", configuration.delete_property, ADMINISTRATOR),
    Route("GET", "/configuration/job-pool", configuration.job_pools, _CONFIGURATION, _DOCUMENT),
    Route("PUT", "/configuration/job-pool", configuration.set_job_pools, ADMINISTRATOR),
    Route("PATCH", "/configuration/job-pool", configuration.change_job_pools, ADMINISTRATOR),
    Route("DELETE", "/configuration/job-pool", configuration.delete_job_pools, ADMINISTRATOR),
    Route("DELETE", "/configuration/job-pool/{priority}", configuration.delete_job_pool, ADMINISTRATOR),
    Route("GET", "/configuration/job-priority", configuration.job_priorities, _CONFIGURATION, _DOCUMENT),
    Route("PUT", "/configuration/job-priority", configuration.set_job_priorities, ADMINISTRATOR),
    Route("DELETE", "/configuration/job-priority", configuration.delete_job_priorities, ADMINISTRATOR),
    Route("GET", "/configuration/cors", configuration.cors, _CONFIGURATION, _DOCUMENT),
    Route("PUT", "/configuration/cors", configuration.set_cors, ADMINISTRATOR),
    Route("DELETE", "/configuration/cors", configuration.delete_cors, ADMINISTRATOR),
    Route("GET", "/configuration/purging", configuration.purging, _CONFIGURATION, _DOCUMENT),
    Route("PUT", "/configuration/purging", configuration.set_purging, ADMINISTRATOR),
    Route("DELETE", "/configuration/purging", configuration.delete_purging, ADMINISTRATOR),
    Route("GET", "/task-group", task_groups.listing, ADMINISTRATOR, _DOCUMENT),
    Route("DELETE", "/task-group", task_groups.delete_all, ADMINISTRATOR),
    Route("GET", "/task-group/{name}", task_groups.get, ADMINISTRATOR, _DOCUMENT),
    Route("PUT", "/task-group/{name}", task_groups.put, ADMINISTRATOR, _DOCUMENT),
    Route("DELETE", "/task-group/{name}", task_groups.delete, ADMINISTRATOR),
    Route("PUT", "/task-group/{name}/pause", task_groups.pause, ADMINISTRATOR),
    Route("PUT", "/task-group/{name}/resume", task_groups.resume, ADMINISTRATOR),
    Route("GET", "/task-group/{name}/metadata", task_groups.metadata, ADMINISTRATOR, _DOCUMENT),
    Route("PUT", "/task-group/{name}/metadata", task_groups.set_metadata, ADMINISTRATOR),
    Route("DELETE", "/task-group/{name}/metadata", task_groups.delete_metadata, ADMINISTRATOR),
    Route("GET", "/task-group/{name}/metadata/{key}", task_groups.value, ADMINISTRATOR, _TEXT),
    Route("PUT", "/task-group/{name}/metadata/{key}", task_groups.set_value, ADMINISTRATOR),
    Route("DELETE", "/task-group/{name}/metadata/{key}", task_groups.delete_value, ADMINISTRATOR),
    Route("PUT", "/task-group/{name}/transcoder/{id}", task_groups.transcoder, ADMINISTRATOR),
    Route("DELETE", "/task-group/{name}/transcoder/{id}", task_groups.transcoder, ADMINISTRATOR),
    Route("GET", "/worker", workers.listing, _CONFIGURATION, _ALSO_TEXT),
    Route("POST", "/worker/{id}/drain", workers.drain, ADMINISTRATOR),
    Route("DELETE", "/worker/{id}/drain", workers.resume, ADMINISTRATOR),
    Route("GET", "/selftest", selftest.selftest, Open.TO_USERS, _DOCUMENT),
    Route("GET", "/selftest/{test}", selftest.one_selftest, Open.TO_USERS, _DOCUMENT),
    Route("GET", "/site", selftest.sites, Open.TO_USERS, _ALSO_TEXT),
)

OPEN_PREFIX = "/APInoauth"
OPEN_TABLE: RouteTable[Handler] = RouteTable(
    [
        Route("GET", "/is-online", selftest.is_online, Open.TO_ALL),
        Route("GET", "/selftest", selftest.selftest, Open.TO_ALL, _DOCUMENT),
        Route("GET", "/selftest/{test}", selftest.one_selftest, Open.TO_ALL, _DOCUMENT),
        Route("POST", f"{callbacks.PATH}/{{token}}", callbacks.take, Open.TO_ALL),
    ]
)

#: At ``/APIinit``.
INITIAL_TABLE: RouteTable[Handler] = RouteTable([Route("POST", "/", selftest.initialise, Open.TO_ALL, _TEXT_FIRST)])
