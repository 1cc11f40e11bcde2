"""Jobs watched to their end: each is asked for again and again, by what was known of it last, and a server that can answers when
there is news, or says in short that there is none. A server that is away is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vidijob.cli import exits, jobpage, showing
from vidijob.cli.exits import Exit, Failure
from vidijob.cli.profiles import Server
from vidijob.cli.remote import Remote, Unanswered, ask, part

#: Between two questions, in seconds: it grows while there is no news and the server does not wait for some.
_LEAST, _MOST = 0.25, 2.0
#: For so many seconds a server that can waits for news of each job, of so many at most: each takes a connection.
_WAIT, _FEW = 10, 20
#: While the server is away.
_AWAY = 1.0


def watch(
    server: Server, ids: Sequence[str], *, patience: float, timeout: float | None = None, accept: str | None = None
) -> Exit:
    """Watch jobs until all have ended; returns the code of the worst result.

    ``patience`` is how many seconds a server that does not answer is waited for, ``timeout`` how long all may take.
    """
    wanted = list(dict.fromkeys(ids))
    view = _view(wanted, quiet=accept is not None)

    async def act(remote: Remote) -> Exit:
        watched = [_Watched(remote, id, view, patience, waits=len(wanted) <= _FEW) for id in wanted]
        tasks = [asyncio.create_task(one.until_ended()) for one in watched]
        try:
            async with asyncio.timeout(timeout):
                codes = await asyncio.gather(*tasks)
        except TimeoutError:
            running = ", ".join(one.id for one in watched if not exits.has_ended(one.state))
            raise Failure(Exit.TOO_LATE, f"Not ended within {timeout:g} s: {running}.") from None
        finally:
            for task in tasks:
                task.cancel()
        if accept is not None:
            for one in watched:
                if exits.has_ended(one.state):
                    showing.document(await _last(remote, one.id, accept, patience))
        return max(codes)

    with view:
        return ask(server, act)


async def _last(remote: Remote, id: str, accept: str, patience: float) -> Any:
    return await remote.call("GET", f"/job/{part(id)}", query=[("metadata", "true")], accept=accept, patience=patience)


class _View(AbstractContextManager["_View"]):
    """Shows nothing; what shows more is below."""

    def update(self, job: Mapping[str, Any]) -> None:
        """Show a job as it is now."""

    def away(self, id: str, why: str | None) -> None:
        """Show that the server does not answer, or that it does again."""

    def __exit__(self, *_: object) -> None:
        return None


class _Lines(_View):
    """A line for each change, where nobody looks on."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._away = False

    def update(self, job: Mapping[str, Any]) -> None:
        line = _in_words(job)
        if self._said.get(job["jobId"]) != line:
            self._said[job["jobId"]] = line
            jobpage.say(f"{job['jobId']} {line}")

    def away(self, id: str, why: str | None) -> None:
        if (why is not None) != self._away:
            self._away = why is not None
            click.echo(f"{why} Waiting for it." if why else "The server answers again.", err=True)


class _Bars(_View):
    """A bar for each job."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[id]}", style="bold", markup=False),
            TextColumn("{task.fields[state]}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.description}", markup=False),
            console=showing.console(),
        )
        self._bars = {id: self._bar(id) for id in ids}

    def _bar(self, id: str) -> TaskID:
        return self._progress.add_task("", total=None, id=id, state="")

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, job: Mapping[str, Any]) -> None:
        bar = self._bars.get(job["jobId"])
        if bar is None:
            return
        done = _share(job)
        self._progress.update(
            bar,
            state=job["status"],
            description=showing.printable(_step(job)),
            total=None if done is None else 1.0,
            completed=done or 0.0,
        )

    def away(self, id: str, why: str | None) -> None:
        if why is not None and id in self._bars:
            self._progress.update(self._bars[id], description="the server does not answer; waiting for it")


def _view(ids: Sequence[str], *, quiet: bool) -> _View:
    if quiet:
        return _View()
    return _Bars(ids) if showing.is_terminal() else _Lines()


class _Watched:
    """One job."""

    def __init__(self, remote: Remote, id: str, view: _View, patience: float, *, waits: bool) -> None:
        self.id = id
        #: As it was last known.
        self.state = ""
        self._remote = remote
        self._view = view
        self._patience = patience
        self._waits = waits

    async def until_ended(self) -> Exit:
        """Return the code of the state it ended in; what went wrong is said."""
        try:
            return await self._until_ended()
        except Failure as failure:
            # The others are watched on.
            failure.show()
            return Exit(failure.exit_code)

    async def _until_ended(self) -> Exit:
        clock = asyncio.get_running_loop().time
        known: str | None = None
        pause = _LEAST
        while True:
            headers = {"If-None-Match": known} if known else {}
            asked = clock()
            reply = await self._asked("false", headers, _WAIT if known and self._waits else 0)
            if reply.status == 304:
                pause = _LEAST if clock() > asked + _MOST else min(pause * 1.5, _MOST)
            else:
                known, pause = reply.headers.get("ETag"), _LEAST
                job = {**reply.document, "jobId": self.id}
                self.state = str(job["status"])
                self._view.update(job)
                if exits.has_ended(self.state):
                    await self._tell_errors()
                    return exits.of_states([self.state])
            await asyncio.sleep(pause)

    async def _asked(self, metadata: str, headers: Mapping[str, str], wait: int = 0) -> Any:
        loop = asyncio.get_running_loop()
        end: float | None = None
        while True:
            query = [("metadata", metadata), *([("wait", str(wait))] if wait else [])]
            try:
                reply = await self._remote.call("GET", f"/job/{part(self.id)}", query=query, headers=headers)
            except Unanswered as failure:
                # Perhaps only too many wait there.
                wait = 0
                end = end if end is not None else loop.time() + self._patience
                if loop.time() >= end:
                    raise
                self._view.away(self.id, failure.message)
                await asyncio.sleep(min(_AWAY, max(end - loop.time(), 0.0)))
            else:
                if end is not None:
                    self._view.away(self.id, None)
                return reply

    async def _tell_errors(self) -> None:
        if self.state == "FINISHED":
            return
        job = (await self._asked("true", {})).document
        said = [pair["value"] for pair in job.get("data", ()) if pair["key"] in ("errorMessage", "abortReason")]
        for text in dict.fromkeys(said):
            for line in filter(None, text.splitlines()):
                click.echo(f"{self.id}: {showing.printable(line)}", err=True)


def _in_words(job: Mapping[str, Any]) -> str:
    """Return the state of a job and where it is; how far that is, is not news worth a line."""
    return f"{job['status']} {_step(job)}".rstrip()


def _step(job: Mapping[str, Any]) -> str:
    if waiting := job.get("waiting"):
        return str(waiting.get("requirement") or waiting.get("resourceType") or "")
    step = job.get("currentStep")
    if step is None or exits.has_ended(job["status"]):
        return ""
    return f"{step['number']}/{job.get('totalSteps', '?')} {step.get('description', '')}".rstrip()


def _share(job: Mapping[str, Any]) -> float | None:
    """Return how much of a job is done: the steps before this one, and as much of this one as it tells."""
    if job["status"] == "FINISHED" or job["status"] == "FINISHED_WARNING":
        return 1.0
    total, step = job.get("totalSteps"), job.get("currentStep")
    if not total or step is None:
        return None
    tasks = job.get("log", {}).get("task", ())
    running = (jobpage.share(tasks[-1]) or 0.0) if tasks else 0.0
    return min((float(step["number"]) - 1 + running) / float(total), 1.0)
