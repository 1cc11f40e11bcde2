"""Every setting once: name, type, default, help. Default < ``vidijob.toml`` < ``VIDIJOB_*`` < flag. It does not know who
reads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from vidijob.settings.sources import Sourced, read
from vidijob.settings.values import Amounts, BaseURL, Labels, Networks, OneServer, Origins, Paths, Programs, Schemes

FILE = "vidijob.toml"
PREFIX = "VIDIJOB_"
#: Steps that one worker hands over to a cluster.
_HANDED_OVER = 256


class Settings(Sourced):
    """The settings of one process. The description of a field is its help text, everywhere."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, toml_file=FILE, frozen=True)

    database_url: SecretStr | None = Field(
        None,
        description="A Postgres 15 or newer, postgresql://user:password@host/name; of several hosts, separated by ',', the primary; without it an embedded one runs.",
    )
    read_database_url: OneServer | None = Field(
        None,
        description="A standby of that Postgres, from which lists and searches are read while it is not further behind than --read-staleness.",
    )
    read_staleness: float = Field(
        5,
        ge=2,
        le=3600,
        description="How old what lists and searches say may be, in seconds, where they are read from --read-database-url.",
    )
    data_dir: Path = Field(
        Path("vidijob-data"),
        description="The folder of the embedded Postgres, the first password and the default storage.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65535, description="The port to listen on; 0 for any that is free.")
    processes: int = Field(
        1,
        ge=1,
        le=64,
        description="How many processes of vidijob serve answer requests on the port; from 2 on, one more has the other roles.",
    )
    public_url: BaseURL | None = Field(
        None,
        description="What URLs in answers begin with, https://jobs.example.org; without it, what the client called.",
    )
    cors_origins: Origins = Field(
        (),
        description="Web pages of these origins may use the API, https://admin.example.org, separated by ','; or *.",
    )
    site: str = Field(
        "VX", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,9}$", description="The site in the ids of jobs: VX in VX-80."
    )
    concurrent_jobs: int = Field(
        3,
        ge=1,
        le=10_000,
        description="How many jobs run at once, IMMEDIATE ones aside, until an administrator sets concurrentJobs by the API.",
    )
    ageing: float = Field(
        0,
        ge=0,
        le=31_536_000,
        description="A job that has waited so many seconds is treated as if its priority were one higher, up to HIGHEST; 0: never.",
    )
    keep_jobs: int = Field(
        0,
        ge=0,
        le=36_500,
        description="For how many days ended jobs are kept, until an administrator configures purging by the API; 0: for ever.",
    )
    worker_slots: int = Field(
        0,
        ge=0,
        le=1000,
        description="How many steps one worker runs at once; 0 for twice its processors, at least 4, or 256 for a cluster.",
    )
    engine: Literal["own", "dask"] = Field(
        "own",
        description="Which steps a worker takes: its own, or those with placement=dask, which it hands over to a Dask cluster.",
    )
    dask_scheduler: str | None = Field(
        None,
        pattern=r"^(tcp|tls|ws|wss)://[^\s/]+:\d+$",
        description="The scheduler of the Dask cluster that a worker with --engine dask hands steps over to, tcp://host:8786.",
    )
    resource: Amounts = Field(
        (),
        description="What a worker offers to steps that need it, gpu=1 or ram=16, separated by ','.",
    )
    label: Labels = Field(
        (),
        description="Labels of a worker, for steps that need one, separated by ','.",
    )
    grace: float = Field(
        5,
        ge=0,
        le=86_400,
        description="For so many seconds a worker that is to stop lets its steps finish; then it hands them back.",
    )
    drain: float = Field(
        0,
        ge=0,
        le=600,
        description="For so many seconds a process that is to stop answers those who are connected, and no others; behind a balancer 5 is good.",
    )
    problem_interval: int = Field(
        60,
        ge=1,
        le=86_400,
        description="After how many seconds a worker looks again whether what jobs wait for is there.",
    )
    storage_roots: Paths = Field(
        (),
        description="The folders that jobs may read and write, separated by ':'; without it storage/ in the data folder.",
    )
    allow_scheme: Schemes = Field(
        (),
        description="What files of jobs may be reached by besides file:, http, https, ftp, or what fsspec has a package for, separated by ','.",
    )
    remote_options: Path | None = Field(
        None,
        description='A TOML file with passwords and options for files elsewhere, a table for each place: ["ftp://host"].',
    )
    upload_limit: int = Field(
        102_400,
        ge=0,
        le=1_073_741_824,
        description="How large a file that is sent to POST /import/raw may be, in mebibytes; 0: as large as there is room for.",
    )
    allow_program: Programs = Field(
        (),
        description="The programs, by their whole paths, that steps with the bean shell may run, separated by ':'.",
    )
    api_url: BaseURL | None = Field(
        None,
        description="Where scripts, and engines of http steps, reach the API, http://jobs.example.org:8080; without it, that of the same process.",
    )
    preset_dir: Path | None = Field(None, description="A folder with presets of your own, as *.toml.")
    admin_password: SecretStr | None = Field(
        None,
        description="The password of the first user, admin; without it one is made, printed and kept in the data folder.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="What notifications and http steps are signed with; without it a secret is made and kept in the database.",
    )
    mps_rate: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="How often within a second each access key may call each action of the MPS face.",
    )
    azure_durations: Literal["seconds", "milliseconds"] = Field(
        "seconds",
        description="What the face of Azure Media Services gives durations in: seconds, as the first pages say, or milliseconds, as later ones do.",
    )
    azure_queue_text: Literal["plain", "base64"] = Field(
        "plain",
        description="What stands in queues that notifications of the face of Azure Media Services go to: plain text, or base64, as some readers expect it.",
    )
    azure_event_names: Literal["pascal", "both"] = Field(
        "pascal",
        description="How properties are spelt in calls of the face of Azure Media Services: JobId, or jobId as well.",
    )
    webhook_networks: Networks = Field(
        (),
        description="Networks that notifications and http steps may be sent to, and files got from by http and ftp, although not public, 10.0.0.0/8, separated by ','.",
    )
    event_loop: Literal["auto", "asyncio", "uvloop"] = Field(
        "auto",
        description="What a process runs on: uvloop where it is installed, else Python's own loop; or one of them.",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="A port of its own for /metrics, which then is not on that of the API; 0: on that of the API.",
    )
    slow_statement: float = Field(
        1,
        ge=0,
        le=3600,
        description="A statement of the database that takes so many seconds is logged, by its name alone; 0: none is.",
    )
    otlp_endpoint: BaseURL | None = Field(
        None,
        description="Where traces are sent to, http://collector:4318, in OTLP by HTTP (the extra otel); without it there are none.",
    )
    log_format: Literal["pretty", "plain", "json"] = Field(
        "pretty",
        description="How it is logged: pretty, for a terminal; plain, for a journal; json, a line with one object for each entry.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return the storage roots as absolute paths."""
        return tuple(root.absolute() for root in self.storage_roots or (self.data_dir / "storage",))

    @property
    def slow(self) -> float | None:
        """Return after how many seconds a statement is slow, or ``None``: none is."""
        return self.slow_statement or None

    @property
    def keep_jobs_time(self) -> timedelta | None:
        """Return for how long ended jobs are kept, or ``None``: for ever."""
        return timedelta(days=self.keep_jobs) if self.keep_jobs else None

    @property
    def ageing_time(self) -> timedelta | None:
        """Return how long a job waits for each priority that it is raised by, or ``None``: for ever."""
        return timedelta(seconds=self.ageing) if self.ageing else None

    @property
    def offers(self) -> str:
        """Return what a worker of this process offers besides its executors: ``gpu=1,label:studio``."""
        return ",".join([*self.resource, *(f"label:{label}" for label in self.label)])

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks that may be called although they are not public."""
        return tuple(ip_network(text, strict=False) for text in self.webhook_networks)

    @property
    def slots(self) -> int:
        """Return how many steps a worker of this machine runs at once."""
        return self.worker_slots or (_HANDED_OVER if self.engine == "dask" else max(2 * (os.cpu_count() or 1), 4))

    @property
    def threads(self) -> int:
        """Return how many threads one ffmpeg may use, so that the jobs that run at once share the processors."""
        processors = os.cpu_count() or 1
        return max(1, min(processors // min(self.concurrent_jobs, self.slots), 8))


def load(flags: Mapping[str, Any]) -> Settings:
    """Read the settings; flags that are ``None`` or empty were not given. Raises ``SetupError`` with every fault."""
    return read(Settings, flags)
