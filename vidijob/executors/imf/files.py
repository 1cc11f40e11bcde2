"""Finds the files of a package.

Every path of its asset map must lead to a file below the package's folder, also when links are resolved; one that does not is
a finding, and nothing is read there. It blocks: call it in a thread.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote

from vidijob.errors import Invalid
from vidijob.executors import markup, reading
from vidijob.executors.imf.findings import Findings
from vidijob.executors.imf.package import Asset, Package
from vidijob.executors.markup import Element
from vidijob.executors.partials import is_partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop

#: Names of an asset map, the usual one first; the other is that of older digital cinema packages.
ASSET_MAPS = ("ASSETMAP.xml", "ASSETMAP")
_VOLUME_INDEXES = ("VOLINDEX.xml", "VOLINDEX")
#: No list and no composition is larger, in bytes.
MOST_XML = 32 * 1024 * 1024
_EXTRA = 200
_WALKED = 100_000


def find(storage: Storage, uri: str) -> tuple[Path, Path]:
    """Return the real paths of the package's folder and its asset map, which ``sourceUri`` names, either of them."""
    folder = storage.folder(uri, "sourceUri")
    if not os.path.isdir(folder):
        asset_map = storage.source(uri.rstrip("/"))
        return asset_map.parent, asset_map
    for name in ASSET_MAPS:
        asset_map = Path(os.path.realpath(folder / name))
        if asset_map.is_file():
            if not asset_map.is_relative_to(folder):
                raise Invalid("sourceUri", f"{name} in {shown(folder)} is a link that leads out of the package.")
            return folder, asset_map
    raise Invalid("sourceUri", f"{shown(folder)} is no IMF package: it has no {ASSET_MAPS[0]}.", value=uri)


def document(storage: Storage, path: Path, stop: Stop) -> Element:
    """Return the root of an XML file of the package; raise ``NotRead`` or ``TooLarge``."""
    return markup.read(reading.whole(storage, path, MOST_XML, stop), stop)


def locate(folder: Path, asset: Asset, findings: Findings) -> None:
    """Set where the files of an asset are, or note why they are nowhere."""
    found = []
    for written in asset.paths or ("",):
        where = f"The path of the asset {shown(asset.id)}, {shown(written)!r},"
        if not _is_inside(written) or not _is_inside(unquote(written)):
            asset.status = "refused"
            findings.error("pathRefused", f"{where} is not one below the package; it is not read.", asset.id)
            return
        # It is a URI by the letter of the standard, and a name in most packages.
        candidates = [folder / written.removeprefix("./"), folder / unquote(written)]
        path = next((path for path in candidates if os.path.lexists(path)), candidates[0])
        real = Path(os.path.realpath(path))
        try:
            mode = os.lstat(real).st_mode
        except (FileNotFoundError, NotADirectoryError):
            asset.status = "missing"
            findings.error(
                "missing", f"The file of the asset {shown(asset.id)}, {shown(written)}, is missing.", asset.id
            )
            return
        if not real.is_relative_to(folder) or not stat.S_ISREG(mode):
            asset.status = "refused"
            reason = "is no file" if real.is_relative_to(folder) else "is a link that leads out of the package"
            findings.error("pathRefused", f"{where} {reason}; it is not read.", asset.id)
            return
        found.append(real)
    asset.files = tuple(found)


def _is_inside(path: str) -> bool:
    """Tell whether a path is relative, names something and has no way up."""
    parts = path.split("/")
    return (
        bool(path.strip())
        and not path.startswith("/")
        and ".." not in parts
        and "\0" not in path
        and (all(len(os.fsencode(part)) <= 255 for part in parts) and not path.lower().startswith("file:"))
    )


def extra_files(package: Package, stop: Stop) -> tuple[list[str], int]:
    """Return the files in the folder that no list names, relative to it, and how many there are; the first ones only."""
    named = {package.asset_map, *(file for asset in package.assets.values() for file in asset.files)}
    named |= {package.folder / name for name in _VOLUME_INDEXES}
    extra: list[str] = []
    count = walked = 0
    for folder, folders, files in os.walk(package.folder):
        folders.sort()
        for name in sorted(files):
            stop.check()
            walked += 1
            path = Path(folder, name)
            if path not in named and not is_partial(path):
                count += 1
                if len(extra) < _EXTRA:
                    extra.append(str(path.relative_to(package.folder)))
        if walked > _WALKED:
            break
    return extra, count
