"""``vidijob preset …``: the presets of this machine, those of ``--preset-dir`` among them; no server is needed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vidijob import settings
from vidijob.cli.options import setting
from vidijob.executors.media.encoders import why_not
from vidijob.executors.media.presets import Encoding, Preset, Presets

_dir = setting("preset_dir")
_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def preset() -> None:
    """The presets, what a tag makes: list them, show one, try them."""


@preset.command("list")
@_dir
@_json
def list_presets(as_json: bool, **flags: Any) -> None:
    """Show all presets and what each makes."""
    presets = _load(flags)
    if as_json:
        click.echo(json.dumps({preset.tag: preset.description for preset in presets}, indent=2))
        return
    table = Table("tag", "what it makes", "ending", "picture", "sound")
    for one in presets:
        table.add_row(one.tag, one.description, one.extension, _codecs(one.video), _codecs(one.audio))
    Console(highlight=False).print(table)


@preset.command()
@click.argument("tag")
@_dir
@_json
def show(tag: str, as_json: bool, **flags: Any) -> None:
    """Show one preset with everything that ffmpeg is told."""
    one = _load(flags).get(tag)
    if as_json:
        click.echo(json.dumps(_facts(one), indent=2))
        return
    console = Console(highlight=False)
    console.print(Text(one.tag, style="bold"), Text(one.description))
    table = Table("what", "value")
    for what, value in _rows(_facts(one)):
        table.add_row(what, value)
    console.print(table)


@preset.command()
@click.argument("tags", nargs=-1)
@_dir
def check(tags: tuple[str, ...], **flags: Any) -> None:
    """Make a moment of picture and sound with presets, all of them by default, and say what is wrong with each.

    An encoder that is one of several may be absent, and is said to be; a preset of which none can be used is a failure.
    """
    presets = _load(flags)
    chosen = [presets.get(tag) for tag in tags] or list(presets)
    failures = sum(not asyncio.run(_check(one)) for one in chosen)
    sys.exit(1 if failures else 0)


async def _check(preset: Preset) -> bool:
    """Try a preset with each of its encoders; tell whether it can be used."""
    found: list[str] = []
    faults: list[str] = []
    for one in _alternatives(preset):
        names = " and ".join(encoding.codec for encoding in (one.video, one.audio) if encoding is not None)
        reason = await why_not(one)
        if reason is None:
            found.append(names)
        else:
            faults.append(f"{names}: {reason}")
    click.echo(f"{preset.tag}: {'works with ' + ', '.join(found) if found else 'cannot be used'}")
    for fault in faults:
        click.echo(f"  {fault}")
    return bool(found)


def _alternatives(preset: Preset) -> Iterator[Preset]:
    """Return a preset once for each encoder that it may take."""
    for video in _each(preset.video):
        for audio in _each(preset.audio):
            yield replace(preset, video=video, audio=audio)


def _each(encoding: Encoding | None) -> list[Encoding | None]:
    return [None] if encoding is None else [replace(encoding, others=()), *encoding.others]


def _codecs(encoding: Encoding | None) -> str:
    return ", ".join(one.codec for one in _each(encoding) if one is not None) or "\N{EN DASH}"


def _facts(preset: Preset) -> dict[str, Any]:
    return {
        "tag": preset.tag,
        "description": preset.description,
        "extension": preset.extension,
        "format": preset.format,
        "muxing": dict(preset.muxing),
        **{
            kind: [
                {"codec": one.codec, "options": dict(one.options), "filter": one.filter, "streams": one.streams}
                for one in _each(encoding)
                if one is not None
            ]
            for kind, encoding in (("video", preset.video), ("audio", preset.audio))
        },
    }


def _rows(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{key} ")
        elif isinstance(value, list):
            for place, one in enumerate(value, 1):
                yield from _rows(one, f"{before}{key} " + (f"{place} " if len(value) > 1 else ""))
        elif value:
            yield before + key, str(value)


def _load(flags: Mapping[str, Any]) -> Presets:
    return Presets.load(settings.load(flags).preset_dir)
