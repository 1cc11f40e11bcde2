"""The table of the face: method, path under ``/API``, handler, role, forms. No logic."""

from __future__ import annotations

from aiohttp import web

from vidijob.api.vidispine import jobs, system
from vidijob.api.vidispine.call import Handler, dispatcher
from vidijob.web.negotiate import Form
from vidijob.web.routing import Open, Route, RouteTable

PREFIX = "/API"

_DOCUMENT = (Form.XML, Form.JSON)
_ALSO_TEXT = (Form.XML, Form.JSON, Form.TEXT)

TABLE: RouteTable[Handler] = RouteTable(
    [
        Route("POST", "/job", jobs.create, "_job_write", _DOCUMENT),
        Route("GET", "/job", jobs.listing, "_job_read", _ALSO_TEXT),
        Route("DELETE", "/job", jobs.delete, "_job_write"),
        Route("GET", "/job/{id}", jobs.get, "_job_read", _ALSO_TEXT),
        Route("PUT", "/job/{id}", jobs.change, "_job_write"),
        Route("DELETE", "/job/{id}", jobs.abort, "_job_write"),
        Route("POST", "/job/{id}/re-run", jobs.rerun, "_job_write", _DOCUMENT),
        Route("GET", "/jobtype", system.job_types, Open.TO_USERS, _ALSO_TEXT),
        Route("GET", "/version", system.server_version, Open.TO_USERS, _ALSO_TEXT),
        Route("GET", "/whoami", system.whoami, Open.TO_USERS, (Form.TEXT,)),
    ]
)


def routes() -> list[web.RouteDef]:
    """Return what the application adds for this face: everything below the prefix goes through one dispatcher."""
    dispatch = dispatcher(PREFIX, TABLE)
    return [web.route("*", PREFIX + "{tail:(?:[/;].*)?}", dispatch)]
