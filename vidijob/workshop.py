"""What a machine carries steps out with: the executors that need neither database nor API, by its settings. A process of ours
has them, and so has a node of a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vidijob.errors import SetupError
from vidijob.executors import plugins
from vidijob.executors.base import Executor
from vidijob.executors.editing.executor import ConformExecutor, TimelineExecutor
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.http import Callbacks
from vidijob.executors.imf.executor import ImfExecutor
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.listing.executor import ReportExecutor
from vidijob.executors.media.analysis import AnalysisExecutor
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.shapes import ShapeExecutor
from vidijob.executors.media.thumbnails import ThumbnailExecutor
from vidijob.executors.media.whole import WholeExecutor
from vidijob.executors.registry import Registry
from vidijob.executors.remote.schemes import Remotes, load_options
from vidijob.executors.shell import ShellExecutor
from vidijob.executors.sidecar.executor import SidecarExecutor
from vidijob.executors.storage import Storage
from vidijob.jobs import placement
from vidijob.settings import Settings, load
from vidijob.web.fetching import file_client

if TYPE_CHECKING:
    from vidijob.executors.dask.cluster import Cluster

#: The settings of a dispatcher that the nodes of its cluster follow too: places, and what is allowed. None is a secret.
FOR_NODES = ("storage_roots", "allow_scheme", "allow_program", "remote_options", "preset_dir", "webhook_networks")


def remotes(settings: Settings) -> Remotes:
    """Return the way to files elsewhere; raises ``SetupError`` where its options cannot be read."""
    options = load_options(settings.remote_options)
    return Remotes(settings.allow_scheme, options, settings.networks, file_client(settings.networks))


def executors(settings: Settings, storage: Storage) -> dict[str, Executor]:
    """Make the executors; raises ``SetupError``."""
    for root in settings.roots:
        root.mkdir(parents=True, exist_ok=True)
    presets = Presets.load(settings.preset_dir)
    media = MediaExecutor(storage, presets, threads=settings.threads)
    conform = ConformExecutor(storage, presets, threads=settings.threads)
    found: dict[str, Executor] = {
        "media": media,
        "task": WholeExecutor(media, conform),
        "conform": conform,
        "timeline": TimelineExecutor(storage, presets, threads=settings.threads),
        "ingest": IngestExecutor(storage, presets, threads=settings.threads),
        "file": FileExecutor(storage),
        "imf": ImfExecutor(storage),
        "report": ReportExecutor(storage),
        "sidecar": SidecarExecutor(storage),
        "shape": ShapeExecutor(storage),
        "thumbnail": ThumbnailExecutor(storage, threads=settings.threads),
        "analysis": AnalysisExecutor(storage, threads=settings.threads),
    }
    if settings.allow_program:
        found["shell"] = ShellExecutor(settings.allow_program)
    return found


def on_a_cluster(
    settings: Settings, calls: Callbacks, carried_out: Mapping[str, Executor]
) -> tuple[Cluster, Mapping[str, Executor]]:
    """Return the connection to the cluster of the settings, and what hands steps over to it, under the names that placed steps
    go by; raises ``SetupError``.
    """
    if settings.dask_scheduler is None:
        raise SetupError("--engine dask needs --dask-scheduler, the address of the cluster's scheduler.")
    try:
        from vidijob.executors.dask.cluster import Cluster
        from vidijob.executors.dask.executor import DaskExecutor
    except ImportError as error:
        raise SetupError("Dask is not installed: install vidijob[dask], or leave out --engine.") from error
    cluster, told = Cluster(settings.dask_scheduler, of_a_node), for_nodes(settings)
    placed: dict[str, Executor] = {
        placement.placed_name(name): DaskExecutor(name, one.methods, one.problems, cluster, calls, told)
        for name, one in carried_out.items()
    }
    return cluster, placed


def for_nodes(settings: Settings) -> dict[str, Any]:
    """Return what the nodes of a cluster are told of the settings, as plain texts with whole paths."""
    told = {name: getattr(settings, name) for name in FOR_NODES} | {"storage_roots": settings.roots}
    for name in ("remote_options", "preset_dir"):
        told[name] = None if told[name] is None else told[name].absolute()
    return {
        name: [str(one) for one in value] if isinstance(value, tuple) else None if value is None else str(value)
        for name, value in told.items()
    }


def of_a_node(told: Mapping[str, Any], at_once: int) -> Registry:
    """Return the executors of a node of a cluster, on which so many steps run at once; raises ``SetupError``."""
    settings = load({**told, "worker_slots": at_once, "concurrent_jobs": at_once})
    storage = Storage(settings.roots, remotes(settings))
    return Registry({**executors(settings, storage), **plugins.load(storage)})
