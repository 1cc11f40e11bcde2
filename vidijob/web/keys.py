"""What handlers find in the application, by typed keys."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from vidijob.engine.accounts import Accounts
from vidijob.engine.commands import Commands
from vidijob.engine.insights import Insights


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the engine that a face may use."""

    accounts: Accounts
    commands: Commands
    insights: Insights


SERVICES = web.AppKey("services", Services)
SITE = web.AppKey("site", str)
REQUEST_ID = web.RequestKey("request_id", str)
