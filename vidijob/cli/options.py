"""Flags made from the table of settings, so that help, variable and file key never differ."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from vidijob.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def setting(*names: str, of: type[BaseSettings] = Settings) -> Callable[[Command], Command]:
    """Give a command the flags of these settings; one that is not given arrives as ``None`` or empty."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            command = _option(of, name)(command)
        return command

    return decorate


def _option(of: type[BaseSettings], name: str) -> Callable[[Command], Command]:
    field = of.model_fields[name]
    kind, many = _kind(field.annotation)
    default = field.get_default()
    shown = "" if default is None or default == () else f" Default: {default}."
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=kind,
        multiple=many,
        help=f"{field.description}{shown} [{of.model_config['env_prefix']}{name.upper()}]",
    )


def _kind(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation)), False
    if get_origin(annotation) is tuple:
        return _kind(get_args(annotation)[0])[0], True
    if annotation is SecretStr:
        return str, False
    if annotation is Path:
        return click.Path(path_type=Path), False
    return annotation, False
