"""Reads what a package says of itself: its asset map (ST 429-9) and its packing lists (ST 429-8, ST 2067-2), and finds the
files that they name.

Every path must lead to a file below the package's folder, also when links are resolved; one that does not is a finding, and
nothing is read there.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from vidijob.errors import Invalid
from vidijob.executors import markup, reading
from vidijob.executors.imf import values
from vidijob.executors.imf.findings import Findings
from vidijob.executors.markup import Element, NotRead
from vidijob.executors.partials import is_partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop

#: Names of an asset map, the usual one first; the other is that of older digital cinema packages.
ASSET_MAPS = ("ASSETMAP.xml", "ASSETMAP")
_VOLUME_INDEXES = ("VOLINDEX.xml", "VOLINDEX")
#: No list and no composition is larger, in bytes.
MOST_XML = 32 * 1024 * 1024
#: Algorithms by the end of their URIs in XML signatures, which lists of ST 2067-2 use.
ALGORITHMS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_EXTRA = 200
_WALKED = 100_000


@dataclass(frozen=True, slots=True)
class Listed:
    """An asset as a packing list has it."""

    id: str
    #: In bytes; ``None`` where it is not said, or no number.
    size: int | None
    digest: bytes
    #: ``SHA-1``; ``None`` for one that we do not know.
    algorithm: str | None
    #: The MIME type.
    type: str | None


@dataclass(frozen=True, slots=True)
class PackingList:
    """A packing list."""

    id: str
    edition: str | None
    issuer: str | None
    issue_date: str | None
    assets: tuple[Listed, ...]


@dataclass(slots=True)
class Asset:
    """An asset as the asset map has it."""

    id: str
    #: The paths of its chunks, as they are written.
    paths: tuple[str, ...]
    is_packing_list: bool
    #: Where its chunks really are; empty where one is not.
    files: tuple[Path, ...] = ()
    #: ``missing`` or ``refused`` where there are no files.
    status: str = ""

    @property
    def name(self) -> str:
        """Return it as it may stand in a sentence."""
        return shown(self.paths[0]) if self.paths else self.id


@dataclass(slots=True)
class Package:
    """A package as its lists describe it."""

    folder: Path
    asset_map: Path
    id: str = ""
    edition: str | None = None
    creator: str | None = None
    issuer: str | None = None
    issue_date: str | None = None
    assets: dict[str, Asset] = field(default_factory=dict)
    packing_lists: list[PackingList] = field(default_factory=list)

    def listed(self) -> Iterator[Listed]:
        """Yield what the packing lists have, each asset once."""
        seen = set()
        for packing_list in self.packing_lists:
            for asset in packing_list.assets:
                if asset.id not in seen:
                    seen.add(asset.id)
                    yield asset


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


def read(storage: Storage, uri: str, findings: Findings, stop: Stop) -> Package:
    """Return the package that a URI names; raise ``Invalid`` where its asset map cannot be read."""
    folder, asset_map = find(storage, uri)
    try:
        root = document(storage, asset_map, stop)
    except (NotRead, reading.TooLarge) as error:
        raise Invalid("sourceUri", f"The asset map {shown(asset_map)} cannot be read. {error}", value=uri) from None
    if root.name != "AssetMap":
        raise Invalid("sourceUri", f"{shown(asset_map)} is no asset map: its root is {shown(root.name)}.", value=uri)
    package = Package(folder, asset_map, values.identifier(root, "Id"))
    package.edition = _edition(root, ("429-9", "2067-9"), asset_map.name, findings)
    package.creator = values.text(root, "Creator")
    package.issuer = values.text(root, "Issuer")
    package.issue_date = values.text(root, "IssueDate")
    if root.text("VolumeCount") not in ("", "1"):
        findings.warn(
            "severalVolumes", f"The package has {shown(root.text('VolumeCount'))} volumes; this is one of them."
        )
    listing = root.first("AssetList")
    for element in () if listing is None else listing.all("Asset"):
        stop.check()
        _take_asset(package, element, findings)
    _read_packing_lists(storage, package, findings, stop)
    _compare(package, findings)
    return package


def document(storage: Storage, path: Path, stop: Stop) -> Element:
    """Return the root of an XML file of the package; raise ``NotRead`` or ``TooLarge``."""
    return markup.read(reading.whole(storage, path, MOST_XML, stop), stop)


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


def _take_asset(package: Package, element: Element, findings: Findings) -> None:
    id = values.identifier(element, "Id")
    chunks = element.first("ChunkList")
    paths = tuple(chunk.text("Path") for chunk in (() if chunks is None else chunks.all("Chunk")))
    # ST 429-9 has a boolean; older maps have an empty element.
    flag = element.first("PackingList")
    asset = Asset(id, paths, flag is not None and element.text("PackingList") in ("true", "1", ""))
    if not id:
        findings.error("noId", f"Line {element.line} of the asset map: an asset has no Id.")
        return
    if id in package.assets:
        findings.error("listedTwice", f"The asset map has the asset {shown(id)} twice.", id)
        return
    package.assets[id] = asset
    _locate(package, asset, findings)


def _locate(package: Package, asset: Asset, findings: Findings) -> None:
    found = []
    for written in asset.paths or ("",):
        where = f"The path of the asset {shown(asset.id)}, {shown(written)!r},"
        if not _is_inside(written) or not _is_inside(unquote(written)):
            asset.status = "refused"
            findings.error("pathRefused", f"{where} is not one below the package; it is not read.", asset.id)
            return
        # It is a URI by the letter of the standard, and a name in most packages.
        candidates = [package.folder / written.removeprefix("./"), package.folder / unquote(written)]
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
        if not real.is_relative_to(package.folder) or not stat.S_ISREG(mode):
            asset.status = "refused"
            reason = "is no file" if real.is_relative_to(package.folder) else "is a link that leads out of the package"
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


def _read_packing_lists(storage: Storage, package: Package, findings: Findings, stop: Stop) -> None:
    flagged = [asset for asset in package.assets.values() if asset.is_packing_list]
    if not flagged:
        findings.error("noPackingList", "The asset map names no packing list, so nothing can be checked.")
    for asset in flagged:
        if not asset.files:
            continue
        try:
            root = document(storage, asset.files[0], stop)
        except (NotRead, reading.TooLarge) as error:
            findings.error("unreadable", f"The packing list {asset.name} cannot be read. {error}", asset.id)
            continue
        if root.name != "PackingList":
            findings.error("unreadable", f"{asset.name} is no packing list: its root is {shown(root.name)}.", asset.id)
            continue
        edition = _edition(root, ("429-8", "2067-2"), asset.name, findings)
        listing = root.first("AssetList")
        listed = [_listed(element) for element in (() if listing is None else listing.all("Asset"))]
        found = PackingList(
            values.identifier(root, "Id"),
            edition,
            values.text(root, "Issuer"),
            values.text(root, "IssueDate"),
            tuple(listed),
        )
        if found.id != asset.id:
            findings.error(
                "otherId",
                f"The asset map calls the packing list {asset.name} {shown(asset.id)}; its own Id is another.",
                asset.id,
            )
        package.packing_lists.append(found)


def _listed(element: Element) -> Listed:
    try:
        digest = base64.b64decode("".join(element.text("Hash").split()), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    return Listed(
        values.identifier(element, "Id"),
        values.number(element.text("Size")),
        digest,
        algorithm(element),
        values.text(element, "Type"),
    )


def algorithm(element: Element) -> str | None:
    """Return how the ``Hash`` of an element was made: SHA-1 where it has no ``HashAlgorithm``; nothing for an unknown one."""
    said = element.first("HashAlgorithm")
    return "SHA-1" if said is None else ALGORITHMS.get(said.attributes.get("Algorithm", "").rpartition("#")[2].lower())


def _edition(root: Element, standards: tuple[str, ...], name: str, findings: Findings) -> str | None:
    found = values.edition(root)
    if found is None or found[0] not in standards:
        findings.warn("unknownNamespace", f"{shown(name)} has a namespace that is not known: {shown(root.namespace)}.")
    return None if found is None else f"ST {found[0]}:{found[1]}"


def _compare(package: Package, findings: Findings) -> None:
    """Note what only one of the lists has."""
    listed = {asset.id for asset in package.listed()}
    for id in sorted(listed - set(package.assets)):
        findings.error("notMapped", f"A packing list has the asset {shown(id)}, which the asset map does not have.", id)
    for asset in package.assets.values():
        if package.packing_lists and asset.id not in listed and not asset.is_packing_list:
            findings.warn("notListed", f"No packing list has {asset.name}, so it cannot be checked.", asset.id)
