"""Every room of the console: a line here, and its pages are there, and its place in the navigation, in this order.

A room is a module with a ``ROOM``: routes (method, path, view, role) and its entry in the navigation. A view gets a
``Visit`` and answers with ``visit.page("its.html", …)``, or after a form with ``visit.go("/its/page", did="…")``, for which
``parts/notice.html`` has the words. Its template extends ``base.html``. The page keeps itself up to date where
``{% block main %}data-refresh="jobs"{% endblock %}`` says that it follows what happens, and the parts that may change have
``data-live`` and an ``id``. Every form is made by the macro ``form``, which puts the CSRF token in; what a user may not do
(``visit.may(role)``) is not offered. Anything with ``data-key="r" data-key-words="…"`` can be reached by that key.
"""

from __future__ import annotations

from vidijob.console import (
    configuration,
    entrance,
    help,
    job,
    jobs,
    live,
    notifications,
    problems,
    queue,
    selection,
    types,
    users,
    workers,
)
from vidijob.console.visit import Room

ROOMS: tuple[Room, ...] = (
    entrance.ROOM,
    live.ROOM,
    jobs.ROOM,
    selection.ROOM,
    job.ROOM,
    problems.ROOM,
    workers.ROOM,
    queue.ROOM,
    types.ROOM,
    notifications.ROOM,
    users.ROOM,
    configuration.ROOM,
    help.ROOM,
)
