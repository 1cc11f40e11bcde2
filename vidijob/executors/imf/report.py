"""Puts together what is said of a package: verdict, assets, compositions, findings. It blocks: call it in a thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vidijob.executors import reading
from vidijob.executors.imf import composition, hashing
from vidijob.executors.imf.composition import Composition
from vidijob.executors.imf.files import document, extra_files
from vidijob.executors.imf.findings import Findings
from vidijob.executors.imf.package import Asset, Package
from vidijob.executors.markup import NotRead
from vidijob.executors.storage import Absent, Storage, shown, uri_of
from vidijob.executors.threads import Stop

#: What a job's data holds of a report, in bytes; a longer one is cut there, and whole in its file.
MOST_DATA = 256 * 1024


def verdicts(package: Package, found: Mapping[str, str], findings: Findings) -> None:
    """Note the verdicts on the assets, as ``hashing.check`` gave them."""
    for id, verdict in found.items():
        if verdict != hashing.FINE:
            asset = package.assets.get(id)
            findings.error(verdict, f"{asset.name if asset else shown(id)} {hashing.VERDICTS[verdict]}.", id)


def compositions(storage: Storage, package: Package, findings: Findings, stop: Stop) -> list[Composition]:
    """Return the compositions of the package, in the order of its packing lists, and note what is odd about them."""
    read = []
    for listed in package.listed():
        asset = package.assets.get(listed.id)
        if asset is None or not asset.files or "xml" not in (listed.type or asset.name.rpartition(".")[2]).lower():
            continue
        try:
            root = document(storage, asset.files[0], stop)
        except (NotRead, reading.TooLarge) as error:
            findings.error("unreadable", f"{asset.name} cannot be read. {error}", asset.id)
            continue
        except Absent:
            # Its verdict says so, or will the next time.
            continue
        if root.name == "CompositionPlaylist":
            found = composition.read(root, asset.name, asset.id, findings)
            if found is not None:
                _check_files(package, found, asset, findings)
                read.append(found)
    if not read:
        findings.error("noComposition", "The package has no composition that can be read.")
    return read


def _check_files(package: Package, found: Composition, asset: Asset, findings: Findings) -> None:
    """Compare the track files that a composition plays with the package."""
    listed = {one.id: one for one in package.listed()}
    for resource in {one.track_file: one for one in found.resources() if one.track_file}.values():
        id = resource.track_file
        if id not in package.assets:
            # That is how a supplemental package refers to the original one.
            findings.warn(
                "elsewhere", f"{asset.name} plays the track file {shown(id)}, which is not in this package.", id
            )
            continue
        said = listed.get(id)
        alike = said is None or said.digest == resource.digest or said.algorithm != resource.algorithm
        if resource.digest and not alike:
            other = f"{asset.name} has another hash of {package.assets[id].name} than the packing list."
            findings.error("otherHash", other, id)


def extra(package: Package, findings: Findings, stop: Stop) -> list[str]:
    """Return the first of the files that no list names, and note how many there are."""
    names, count = extra_files(package, stop)
    if count:
        findings.warn(
            "extraFiles", f"The folder has {count} files that the asset map does not name: {shown(names[0])}, …."
        )
    return [shown(name) for name in names]


def report(
    package: Package,
    found: Mapping[str, str],
    read: Sequence[Composition],
    extra_names: Sequence[str],
    findings: Findings,
) -> dict[str, Any]:
    """Return the whole report; what may be many comes last."""
    return {
        "valid": findings.errors == 0,
        "package": uri_of(package.folder),
        "assetMap": _without_nothing(
            {
                "id": package.id,
                "standard": package.edition,
                "creator": package.creator,
                "issuer": package.issuer,
                "issueDate": package.issue_date,
            }
        ),
        "packingLists": [
            _without_nothing(
                {
                    "id": one.id,
                    "standard": one.edition,
                    "issuer": one.issuer,
                    "issueDate": one.issue_date,
                    "assets": len(one.assets),
                }
            )
            for one in package.packing_lists
        ],
        "errors": findings.errors,
        "warnings": findings.warnings,
        "findings": [finding.facts() for finding in findings.kept],
        "compositions": [one.facts() for one in read],
        "assets": _assets(package, found),
        "extraFiles": list(extra_names),
    }


def shortened(whole: Mapping[str, Any]) -> str:
    """Return a report as JSON for job data: without its longest parts where it is too long."""
    facts, text = dict(whole), _json(whole)
    for part in ("assets", "extraFiles", "segments", "findings", "compositions"):
        if len(text.encode("utf-8", "replace")) <= MOST_DATA:
            break
        if part == "segments":
            facts["compositions"] = [
                {key: value for key, value in one.items() if key not in ("segments", "mainImage", "mainAudio")}
                for one in facts["compositions"]
            ]
        else:
            facts.pop(part)
        text = _json({**facts, "shortened": True})
    return text


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def _assets(package: Package, found: Mapping[str, str]) -> list[dict[str, Any]]:
    listed = {one.id: one for one in package.listed()}
    assets = []
    for asset in package.assets.values():
        said = listed.get(asset.id)
        status = asset.status or found.get(asset.id) or ("packingList" if asset.is_packing_list else "notChecked")
        facts = {
            "id": asset.id,
            "path": [shown(path) for path in asset.paths],
            "status": status,
            "type": said.type if said else None,
            "size": said.size if said else None,
            "hashAlgorithm": said.algorithm if said else None,
        }
        assets.append(_without_nothing(facts))
    assets += [{"id": id, "status": "notMapped"} for id in listed if id not in package.assets]
    return assets


def _without_nothing(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}
