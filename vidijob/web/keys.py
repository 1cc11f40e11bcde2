"""What handlers find in the application, by typed keys."""

from __future__ import annotations

from aiohttp import web

from vidijob.engine.accounts import Accounts
from vidijob.engine.commands import Commands
from vidijob.engine.insights import Insights

ACCOUNTS = web.AppKey("accounts", Accounts)
COMMANDS = web.AppKey("commands", Commands)
INSIGHTS = web.AppKey("insights", Insights)
SITE = web.AppKey("site", str)
REQUEST_ID = web.RequestKey("request_id", str)
