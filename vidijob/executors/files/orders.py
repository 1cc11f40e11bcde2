"""Works out from a job's data which files the executor ``file`` reads and makes. It says the same in every step, so that only a
receipt of each file made is passed on. It blocks: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import StepContext
from vidijob.executors.files import sidefile
from vidijob.executors.making import require_plain, wanted
from vidijob.executors.partials import Partial
from vidijob.executors.places import LocalSource, LocalTarget, Source, Target
from vidijob.executors.remote.files import RemoteFile
from vidijob.executors.remote.places import RemoteSource, RemoteTarget
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop

#: The key of job data under which the receipts are kept.
RECEIPT = "vidijob_receipt"


class Orders:
    """The files of the jobs of one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def uris(self, step: StepContext, wanted: str = "the file to be copied") -> Sequence[str]:
        """Return the sources as the data names them."""
        return jobdata.some(step.data, "sourceUri", wanted)

    def names(self, step: StepContext) -> list[str]:
        """Return the last parts of their names."""
        return [self._storage.name(uri) for uri in self.uris(step)]

    def sources(self, step: StepContext, *, removable: bool = False) -> list[Source]:
        """Return the files to be read; with ``removable`` they must be such as may be taken away afterwards."""
        uris = self.uris(step)
        if removable and len(set(uris)) < len(uris):
            raise Invalid("sourceUri", "sourceUri names a file twice, and it can be taken away only once.")
        return [self._source(uri, removable=removable) for uri in uris]

    def copies(self, step: StepContext) -> list[Target]:
        """Return the files to be made, one for each source."""
        overwrite = jobdata.flag(step.data, "overwrite")
        found: list[Target] = []
        for uri, name in wanted(step, self.names(step), "values of sourceUri"):
            target = self._target(step, uri, name, overwrite=overwrite)
            if any(other.uri == target.uri for other in found):
                raise Invalid("destinationUri", f"Two files would become {shown(target.uri)}; give each its own place.")
            found.append(target)
        return found

    def targets(self, step: StepContext) -> list[Target]:
        """Return all files to be made: the copies, and then their side files where those are wanted."""
        copies, kind = self.copies(step), sidefile.kind(step.data)
        return copies if kind is None else [*copies, *(copy.beside(f".{kind}") for copy in copies)]

    def made(self, step: StepContext) -> list[tuple[Target, str]]:
        """Return what an earlier step has made, with its receipts."""
        targets, receipts = self.targets(step), step.data.get(RECEIPT, ())
        if len(targets) != len(receipts):
            raise Invalid(RECEIPT, "The job's notes of its own files are not there; run it again.")
        return [(target.by(_lease(receipt)), receipt) for target, receipt in zip(targets, receipts, strict=True)]

    def remove(self, uri: str, sealed: str, stop: Stop) -> str:
        """Take a source away where it is the one that was sealed; nothing happens where it is gone. Returns what it was called."""
        address = self._storage.remotes.find(uri, "sourceUri")
        source: Source
        if address is None:
            source = LocalSource(self._storage, self._storage.destination(uri, "sourceUri"))
        else:
            source = RemoteSource(RemoteFile(self._storage.remotes, address, "sourceUri"))
        source.remove(sealed, stop)
        return source.uri

    def _source(self, uri: str, *, removable: bool) -> Source:
        address = self._storage.remotes.find(uri, "sourceUri")
        if address is not None:
            if removable and address.is_http:
                raise Invalid("sourceUri", f"{address.uri}: files can be read from {address.scheme}, not taken away.")
            return RemoteSource(RemoteFile(self._storage.remotes, address, "sourceUri"))
        if not removable:
            return LocalSource(self._storage, self._storage.source(uri))
        path = self._storage.removable(uri)
        require_plain(path, "sourceUri")
        return LocalSource(self._storage, path)

    def _target(self, step: StepContext, uri: str, name: str | None, *, overwrite: bool) -> Target:
        address = self._storage.remotes.find(uri, "destinationUri")
        if address is not None:
            address = address if name is None else address.child(name)
            if not address.name:
                raise Invalid("destinationUri", f"{address.uri} names a folder; name the file to be made.")
            file = RemoteFile(self._storage.remotes, address, "destinationUri")
            return RemoteTarget(file, step.job, step.lease, overwrite)
        path = self._storage.destination(uri) if name is None else self._storage.folder(uri) / name
        require_plain(path)
        return LocalTarget(Partial(self._storage, path, step.job, step.lease, overwrite))


def _lease(receipt: str) -> int:
    lease = receipt.partition(":")[0]
    if not lease.isdecimal():
        raise Invalid(RECEIPT, "The job's notes of its own files cannot be read; run it again.")
    return int(lease)
