"""Lets a step that works on files of this machine work on files elsewhere: what it reads is fetched into a working copy, what it
makes is put into a staging folder, both below a storage root, and its job data names these instead::

    sourceUri       ftp://host/clip.mov  ─►  ROOT/.vidijob-VX-1/in-0/clip.mov    fetched when a step asks for it and it lacks
    destinationUri  ftp://host/out/      ─►  ROOT/.vidijob-VX-1/out-0/           delivered by the step that finishes

The folder is the job's own, kept from step to step, and taken away by the clean-up. What the step says of it, in results and
sentences, is told in terms of the files elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import copying, jobdata
from vidijob.executors.base import Done, Outcome, ProgressUnit, StepContext, SubTask, Vanished
from vidijob.executors.news import News
from vidijob.executors.partials import Partial
from vidijob.executors.remote.addresses import Address
from vidijob.executors.remote.files import RemoteFile
from vidijob.executors.remote.places import RemoteSource, RemoteTarget
from vidijob.executors.room import require_room
from vidijob.executors.storage import Absent, Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread
from vidijob.jobs.model import JobData, Priority


class Transit:
    """The files elsewhere of one attempt of a step."""

    def __init__(
        self, storage: Storage, step: StepContext, sources: Collection[str], destinations: Collection[str]
    ) -> None:
        """``sources`` and ``destinations`` are the data keys that name files. Raises ``Invalid``."""
        self._storage = storage
        self._step = step
        self.folder = storage.working_root() / f".vidijob-{step.job}"
        #: What is to be fetched, by where it will be.
        self._fetched: dict[Path, RemoteFile] = {}
        #: The places where files are delivered to, by what stands for them here.
        self._delivered: dict[Path, RemoteFile] = {}
        self._folders: set[Path] = set()
        #: Complained about by whoever makes files.
        self._overwrites = "true" in (value.lower() for value in jobdata.values(step.data, "overwrite"))
        self.data: JobData = {
            key: [self._here(key, value, sources, destinations) for value in values]
            for key, values in step.data.items()
        }

    @property
    def is_needed(self) -> bool:
        """Tell whether any file is elsewhere."""
        return bool(self._fetched or self._delivered)

    @property
    def delivers(self) -> bool:
        """Tell whether anything that is made is for elsewhere."""
        return bool(self._delivered)

    def lacking(self, absent: Absent) -> Path | None:
        """Return the working copy that a step found missing, if it is that."""
        return next((path for path in self._fetched if absent.missing.get("source") == uri_of(path)), None)

    async def fetch(self, path: Path) -> None:
        """Fetch a file, with progress. It is there when it is whole."""
        source = RemoteSource(self._fetched[path])
        news = News(self._step, [source.uri])
        self._step.note(f"Fetching {source.uri}.")

        def fetch(stop: Stop) -> None:
            size = source.size(stop)
            # A place of the step's own, in which older attempts of it may have left something: steps may run side by side.
            making = self.folder / f"step-{self._step.step}" / path.parent.name
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(making)
            for folder in (making, path.parent):
                self._storage.prepare(folder)
            require_room([(path, size or 0)])
            partial = Partial(self._storage, making / path.name, self._step.job, self._step.lease)
            news.begin(size or 0)
            news.file(0, size or 0)
            descriptor = partial.create()
            try:
                copying.write(descriptor, source.read(stop), news.done)
            except BaseException:
                partial.remove()
                raise
            finally:
                os.close(descriptor)
            os.rename(partial.path, path)

        await in_thread(fetch)

    def target(self, path: Path) -> RemoteTarget | None:
        """Return where a file that the step makes is to be delivered to; ``None`` for one that stays here."""
        for here, file in self._delivered.items():
            if path == here or path.is_relative_to(here):
                address = file.address.child(path.name) if here in self._folders else file.address
                file = RemoteFile(file.remotes, address, file.key)
                return RemoteTarget(file, self._step.job, self._step.lease, self._overwrites)
        return None

    def clear(self) -> None:
        """Take everything of the job away here. It blocks."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def told(self, outcome: Outcome) -> Outcome:
        """Return an outcome in terms of the files elsewhere."""
        if isinstance(outcome, Done):
            return Done(self._results(outcome.data))
        if isinstance(outcome, Vanished):
            return outcome
        changes = self._results(outcome.changes)
        return replace(outcome, reason=self.said(outcome.reason), changes=changes)

    def said(self, sentence: str) -> str:
        """Return a sentence in terms of the files elsewhere."""
        # The longer names first: out-10 begins like out-1.
        for path, file in sorted({**self._fetched, **self._delivered}.items(), key=lambda one: -len(str(one[0]))):
            for name in (uri_of(path), shown(path)):
                sentence = sentence.replace(name, file.address.uri.rstrip("/"))
        return sentence

    def _results(self, data: Mapping[str, Sequence[str] | None]) -> Mapping[str, Sequence[str] | None]:
        # What steps note for each other is about the files here.
        return {
            key: values if values is None or key.startswith("vidijob_") else [self.said(value) for value in values]
            for key, values in data.items()
        }

    def _here(self, key: str, uri: str, sources: Collection[str], destinations: Collection[str]) -> str:
        """Return the URI that stands for one elsewhere."""
        name = key.partition(":")[0]
        if name not in (*sources, *destinations):
            return uri
        address = self._storage.remotes.find(uri, name)
        if address is None:
            return uri
        return self._source(address, name) if name in sources else self._destination(address, name)

    def _source(self, address: Address, key: str) -> str:
        if not address.name:
            raise Invalid(key, f"{key} names {address.uri}, which is no file.")
        known = (path for path, file in self._fetched.items() if file.address == address)
        path = next(known, self.folder / f"in-{len(self._fetched)}" / address.name)
        self._fetched.setdefault(path, RemoteFile(self._storage.remotes, address, key))
        return uri_of(path)

    def _destination(self, address: Address, key: str) -> str:
        path = self.folder / f"out-{len(self._delivered)}"
        if address.name:
            path /= address.name
        else:
            self._folders.add(path)
        self._delivered[path] = RemoteFile(self._storage.remotes, address, key)
        return uri_of(path) + ("" if address.name else "/")


class RoutedStep:
    """A step as its executor sees it whose files are partly elsewhere."""

    def __init__(self, step: StepContext, transit: Transit) -> None:
        self.transit = transit
        self._step = step
        self._parts: Sequence[SubTask] | None = None

    @property
    def job(self) -> str:
        """Return the job's id."""
        return self._step.job

    @property
    def step(self) -> int:
        """Return the step's number."""
        return self._step.step

    @property
    def lease(self) -> int:
        """Return the number of the attempt."""
        return self._step.lease

    @property
    def method(self) -> str:
        """Return what to do."""
        return self._step.method

    @property
    def data(self) -> JobData:
        """Return the job's data, in which files of this machine stand for those elsewhere."""
        return self.transit.data

    @property
    def user(self) -> str:
        """Return whose job it is."""
        return self._step.user

    @property
    def priority(self) -> Priority:
        """Return how urgent its job was when this attempt began."""
        return self._step.priority

    @property
    def metadata(self) -> Mapping[str, str]:
        """Return the settings of the task definition."""
        return self._step.metadata

    @property
    def script(self) -> str | None:
        """Return its script."""
        return self._step.script

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Tell how far the step is."""
        self._step.progress(value, total, unit)

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        """Show job data while the step runs."""
        self._step.tell(data)

    def note(self, text: str) -> None:
        """Add a line to the log, in terms of the files elsewhere."""
        self._step.note(self.transit.said(text))

    def signal(self) -> None:
        """Let the steps start that are parallel to this one."""
        self._step.signal()

    def split(self, descriptions: Sequence[str]) -> Sequence[SubTask]:
        """Return the sub-tasks; the same ones again where the step begins anew because a file was fetched meanwhile."""
        if self._parts is None:
            self._parts = self._step.split([self.transit.said(text) for text in descriptions])
        return self._parts
