"""The table of the face: method, path under ``/API``, handler, role, forms. No logic."""

from __future__ import annotations

from aiohttp import web

from vidijob.api.vidispine import (
    administration,
    callbacks,
    events,
    external_ids,
    imports,
    jobs,
    notifications,
    problems,
    search,
    system,
    taskdefinitions,
)
from vidijob.api.vidispine.call import Handler, dispatcher
from vidijob.api.vidispine.documents import ExceptionDocument
from vidijob.api.vidispine.operations import OPERATIONS, PLACES
from vidijob.jobs.notifications import Scope
from vidijob.web.negotiate import Form
from vidijob.web.openapi import Face
from vidijob.web.routing import Open, Route, RouteTable

PREFIX = "/API"
#: A token is put below it.
CALLBACK = administration.OPEN_PREFIX + callbacks.PATH

_DOCUMENT = (Form.XML, Form.JSON)
_ALSO_TEXT = (Form.XML, Form.JSON, Form.TEXT)


def _notifications(path: str, scope: Scope, role: str) -> list[Route[Handler]]:
    """Return the routes of one place where notifications are defined."""
    one, names = f"{path}/{{nid}}", f"{path}/{{nid}}/external-id"
    read, write = f"{role}_read", f"{role}_write"
    at = notifications.at
    return [
        Route("GET", path, at(scope, notifications.listing), read, _ALSO_TEXT),
        Route("POST", path, at(scope, notifications.define), write, _ALSO_TEXT),
        Route("DELETE", path, at(scope, notifications.forget_all), write),
        Route("GET", one, at(scope, notifications.get), read, _DOCUMENT),
        Route("PUT", one, at(scope, notifications.change), write),
        Route("DELETE", one, at(scope, notifications.forget), write),
        Route("GET", names, at(scope, notifications.external_ids), read, _DOCUMENT),
        Route("DELETE", names, at(scope, notifications.strip_external_ids), write),
        Route("PUT", f"{names}/{{ext}}", at(scope, notifications.give_external_id), write),
        Route("DELETE", f"{names}/{{ext}}", at(scope, notifications.take_external_id), write),
        Route("GET", f"{one}/delivery", at(scope, notifications.deliveries), read, _DOCUMENT),
        Route("POST", f"{one}/delivery/{{did}}/retry", at(scope, notifications.resend), write),
    ]


def _task_definition(path: str) -> list[Route[Handler]]:
    """Return the routes of one task definition."""
    read, write = "_taskdefinition_read", "_taskdefinition_write"
    key = f"{path}/metadata/{{key}}"
    return [
        Route("GET", path, taskdefinitions.get, read, _DOCUMENT),
        Route("PUT", path, taskdefinitions.change, write),
        Route("DELETE", path, taskdefinitions.delete, write),
        # Clients ask for documents also where the answer has none.
        Route("GET", f"{path}/validate", taskdefinitions.validate, read, (Form.TEXT, Form.XML, Form.JSON)),
        Route("GET", f"{path}/script", taskdefinitions.script, read, (Form.JAVASCRIPT, Form.TEXT)),
        Route("PUT", f"{path}/script", taskdefinitions.set_script, write),
        Route("GET", f"{path}/metadata", taskdefinitions.metadata, read, _DOCUMENT),
        Route("PUT", f"{path}/metadata", taskdefinitions.set_metadata, write),
        Route("DELETE", f"{path}/metadata", taskdefinitions.clear_metadata, write),
        Route("GET", key, taskdefinitions.value, read, _ALSO_TEXT),
        Route("PUT", key, taskdefinitions.set_value, write),
        Route("DELETE", key, taskdefinitions.clear_metadata, write),
    ]


def _task_definitions() -> list[Route[Handler]]:
    """Return the routes of job types and their task definitions."""
    read, write = "_taskdefinition_read", "_taskdefinition_write"
    types = "/task-definition/jobtype/{type}"
    return [
        Route("GET", "/task-definition", taskdefinitions.listing, read, _DOCUMENT),
        Route("POST", "/task-definition", taskdefinitions.add, write, _ALSO_TEXT),
        Route("GET", types, taskdefinitions.of_type, read, _DOCUMENT),
        Route("POST", types, taskdefinitions.define, write, _DOCUMENT),
        Route("DELETE", types, taskdefinitions.drop, write),
        *_task_definition(f"{types}/step/{{step}}"),
        Route("GET", f"{types}/graph", taskdefinitions.graph, read, (Form.PNG, Form.SVG)),
        Route("GET", f"{types}/graph/dot", taskdefinitions.dot, read, (Form.DOT, Form.TEXT)),
        # Last: a type may be called metadata.
        *_task_definition("/task-definition/{id}"),
    ]


TABLE: RouteTable[Handler] = RouteTable(
    [
        Route("POST", "/job", jobs.create, "_job_write", _DOCUMENT),
        Route("POST", "/job/bulk", jobs.create_all, "_job_write", _DOCUMENT),
        Route("POST", "/import/raw", imports.raw, "_job_write", _DOCUMENT),
        Route("GET", "/job", search.listing, "_job_read", _ALSO_TEXT),
        Route("PUT", "/job/search", search.search, "_job_search", _ALSO_TEXT),
        Route("DELETE", "/job", jobs.delete, "_job_write"),
        Route("GET", "/job/events", events.follow, events.ROLE, (Form.EVENTS,)),
        Route("GET", "/job/{id}", jobs.get, "_job_read", _ALSO_TEXT),
        Route("PUT", "/job/{id}", jobs.change, "_job_write"),
        Route("DELETE", "/job/{id}", jobs.abort, "_job_write"),
        Route("POST", "/job/{id}/re-run", jobs.rerun, "_job_write", _DOCUMENT),
        Route("POST", "/job/{id}/release", jobs.release, "_job_write"),
        Route("GET", "/job/{id}/external-id", external_ids.listing, "_job_read", _DOCUMENT),
        Route("DELETE", "/job/{id}/external-id", external_ids.strip, "_job_write"),
        Route("PUT", "/job/{id}/external-id/{ext}", external_ids.give, "_job_write"),
        Route("DELETE", "/job/{id}/external-id/{ext}", external_ids.take, "_job_write"),
        *_notifications("/job/notification", Scope.JOBS, "_job_notification"),
        *_notifications("/job/{id}/notification", Scope.JOB, "_job_notification"),
        *_notifications("/notification", Scope.PLACEHOLDER, "_placeholder_notification"),
        *_task_definitions(),
        Route("GET", "/job/problem", problems.listing, "_job_read", _DOCUMENT),
        Route("POST", "/job/problem/{problem}/retry", problems.retry, "_job_write"),
        Route("POST", "/job/problem/{problem}/fail", problems.fail, "_job_write"),
        Route("GET", "/job/{id}/problem", problems.of_job, "_job_read", _DOCUMENT),
        Route("POST", "/job/{id}/problem/{problem}/retry", problems.retry, "_job_write"),
        Route("POST", "/job/{id}/problem/{problem}/fail", problems.fail, "_job_write"),
        Route("GET", "/jobtype", system.job_types, Open.TO_USERS, _ALSO_TEXT),
        Route("GET", "/version", system.server_version, Open.TO_USERS, _ALSO_TEXT),
        Route("GET", "/whoami", system.whoami, Open.TO_USERS, (Form.TEXT,)),
        Route("GET", "/configuration/webhook-secret", notifications.webhook_secret, "_administrator", (Form.TEXT,)),
        *administration.ROUTES,
    ]
)


TABLES = {
    PREFIX: TABLE,
    administration.OPEN_PREFIX: administration.OPEN_TABLE,
    "/APIinit": administration.INITIAL_TABLE,
}

#: All that OpenAPI says of this face.
FACE = Face(TABLES, OPERATIONS, PLACES, ExceptionDocument, "/schemas/vidispine.xsd")


def routes() -> list[web.RouteDef]:
    """Return what the application adds for this face: everything below the prefix goes through one dispatcher."""
    # Line breaks too: no path of ours is to be answered by somebody else.
    return [
        web.route("*", prefix + "{tail:(?s:[/;].*)?}", dispatcher(prefix, table)) for prefix, table in TABLES.items()
    ]
