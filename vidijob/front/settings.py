"""Every setting of a front once. Default < ``vidijob-front.toml`` < ``VIDIJOB_FRONT_*`` < flag."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from vidijob.jobs.identity import is_site
from vidijob.sources import Sourced

FILE = "vidijob-front.toml"
PREFIX = "VIDIJOB_FRONT_"
#: A server and perhaps a path below which it is; no password, which would be in the list of processes.
_URL = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(/[^\s?#]*)?")


class FrontSettings(Sourced):
    """The settings of one front. The description of a field is its help text, everywhere."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, toml_file=FILE, frozen=True)

    site: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="A site and its server, VX=http://a:8080, separated by ','; jobs are submitted to the first unless another is named.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 for all.")
    port: int = Field(8090, ge=0, le=65535, description="The port to listen on; 0 for any that is free.")
    patience: float = Field(
        30, gt=0, le=600, description="For how many seconds a site is waited for until its answer begins."
    )
    connect_patience: float = Field(
        3, gt=0, le=60, description="For how many seconds a connection to a site is waited for."
    )
    tolerate_missing: bool = Field(
        False,
        description="Lists are answered without the sites that do not answer, which the header Vidijob-Missing-Sites names; without it they are refused.",
    )
    drain: float = Field(
        0, ge=0, le=600, description="For so many seconds a front that is to stop answers those who are connected."
    )
    event_loop: Literal["auto", "asyncio", "uvloop"] = Field(
        "auto", description="What it runs on: uvloop where it is installed, else Python's own loop; or one of them."
    )
    log_format: Literal["pretty", "plain", "json"] = Field(
        "pretty",
        description="How it is logged: pretty, for a terminal; plain, for a journal; json, a line with one object for each entry.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @field_validator("site", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        given = (value,) if isinstance(value, str) else value
        if isinstance(given, list | tuple):
            return tuple(part.strip() for one in given for part in str(one).split(",") if part.strip())
        return value

    @field_validator("site")
    @classmethod
    def _check(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = []
        for one in value:
            name, _, url = one.partition("=")
            if not is_site(name) or not _URL.fullmatch(url):
                raise ValueError(f"{one} is no site: VX=http://host:8080, the site that its ids begin with first")
            names.append(name)
        if len(set(names)) < len(names):
            raise ValueError("a site is named twice")
        return value

    @property
    def urls(self) -> dict[str, str]:
        """Return where each site is, in the order in which they are named."""
        pairs = (one.partition("=") for one in self.site)
        return {name: url.rstrip("/") for name, _, url in pairs}
