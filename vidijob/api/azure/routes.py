"""The face: its sets and functions, the redirection of ``/azure/API``, and the two places where tokens are issued."""

from __future__ import annotations

import time

from aiohttp import web

from vidijob.api.azure import messages, resources
from vidijob.api.azure.assets import Assets, Files, Operations
from vidijob.api.azure.documents import MODEL
from vidijob.api.azure.jobs import Jobs, Stock, Tasks
from vidijob.api.azure.orders import READ, WRITE
from vidijob.web import addresses, granting
from vidijob.web.odata import routes as odata
from vidijob.web.odata.service import Service
from vidijob.web.odata.sets import Roles

PREFIX = "/azure"
_ROOT = f"{PREFIX}/api"
#: How long a token lasts, in seconds.
_LASTING = 21_600
_SWT = "http://schemas.xmlsoap.org/ws/2009/11/swt-token-profile-1.0"


def routes(options: messages.Options = messages.PLAIN) -> list[web.RouteDef]:
    """Return what the application adds for this face."""
    files, parts, endpoints = Files(), resources.TaskTemplates(), resources.EndPoints(options)
    assets, templates = Assets(files), resources.Templates(parts)
    jobs = Jobs(Stock(assets, templates, endpoints, options.unit))
    sets = [
        *(jobs, Tasks(jobs), assets, files, templates, parts, endpoints),
        *(resources.processors(), Operations(assets)),
    ]
    # One client library spells it so, and would not see that nothing happened.
    functions = {"CancelJob": jobs.cancel, "CanceJob": jobs.cancel}
    functions |= {"GetProtectionKeyId": resources.key_id, "GetProtectionKey": resources.certificate}
    return [
        web.route("*", f"{PREFIX}/API{{tail:(?s:(?:/|%2[Ff]).*)?}}", redirect),
        *odata.routes(Service(MODEL, sets, functions, Roles(READ, WRITE)), _ROOT),
        web.post(f"{PREFIX}/v2/OAuth2-13", token),
        web.post(f"{PREFIX}/{{tenant}}/oauth2/token", token),
    ]


async def redirect(request: web.Request) -> web.Response:
    """Send a client to the root of the API, whatever it asked for: nothing is done on the way."""
    return web.Response(status=301, headers={"Location": f"{addresses.base(request)}{_ROOT}/"})


async def token(request: web.Request) -> web.Response:
    """Issue a token for a user's name and password."""
    granted = await granting.grant(request, _LASTING)
    if isinstance(granted, web.Response):
        return granted
    about, given = {"access_token": granted.token, "expires_in": str(_LASTING)}, granted.given
    if request.match_info.get("tenant") is None:
        return granted.answer({"token_type": _SWT, **about, "scope": given.get("scope", "")})
    ends = {"expires_on": str(int(time.time()) + _LASTING), "resource": given.get("resource", "")}
    return granted.answer({"token_type": "Bearer", **about, **ends})
