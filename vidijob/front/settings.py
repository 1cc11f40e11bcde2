"""Every setting of a front once. Default < ``vidijob-front.toml`` < ``VIDIJOB_FRONT_*`` < flag."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from vidijob.settings.sources import Sourced
from vidijob.settings.values import SiteServers

FILE = "vidijob-front.toml"
PREFIX = "VIDIJOB_FRONT_"


class FrontSettings(Sourced):
    """The settings of one front. The description of a field is its help text, everywhere."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, toml_file=FILE, frozen=True)

    site: SiteServers = Field(
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

    @field_validator("site")
    @classmethod
    def _check_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = {one.partition("=")[0] for one in value}
        if len(names) < len(value):
            raise ValueError("a site is named twice")
        return value

    @property
    def urls(self) -> dict[str, str]:
        """Return where each site is, in the order in which they are named."""
        pairs = (one.partition("=") for one in self.site)
        return {name: url.rstrip("/") for name, _, url in pairs}
