"""Reads the asset map (ST 429-9) and the packing lists (ST 429-8, ST 2067-2) of a package, and compares them with each other."""

from __future__ import annotations

from vidijob.errors import Invalid
from vidijob.executors import reading
from vidijob.executors.imf import files, values
from vidijob.executors.imf.findings import Findings
from vidijob.executors.imf.package import Asset, Listed, Package, PackingList
from vidijob.executors.markup import Element, NotRead
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop


def read(storage: Storage, uri: str, findings: Findings, stop: Stop) -> Package:
    """Return the package that a URI names; raise ``Invalid`` where its asset map cannot be read."""
    folder, asset_map = files.find(storage, uri)
    try:
        root = files.document(storage, asset_map, stop)
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
    files.locate(package.folder, asset, findings)


def _read_packing_lists(storage: Storage, package: Package, findings: Findings, stop: Stop) -> None:
    flagged = [asset for asset in package.assets.values() if asset.is_packing_list]
    if not flagged:
        findings.error("noPackingList", "The asset map names no packing list, so nothing can be checked.")
    for asset in flagged:
        if not asset.files:
            continue
        try:
            root = files.document(storage, asset.files[0], stop)
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
    return Listed(
        values.identifier(element, "Id"),
        values.number(element.text("Size")),
        values.digest(element),
        values.algorithm(element),
        values.text(element, "Type"),
    )


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
