"""Compares the files of a package with what its packing lists say: sizes and hashes. It blocks: call it in a thread."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from vidijob.executors.imf.package import Listed, Package
from vidijob.executors.news import News
from vidijob.executors.storage import Absent, Storage
from vidijob.executors.threads import Stop

_CHUNK = 1024 * 1024
#: What is said of an asset that is what its list says.
FINE = "ok"
#: What else may be said of it, and what that means, in words that follow its name.
VERDICTS = {
    "missing": "has gone away while the package was checked",
    "wrongSize": "has another size than its packing list says",
    "wrongHash": "has another hash than its packing list says",
    "noHash": "has no hash in its packing list",
    "unknownAlgorithm": "has a hash of a kind that is not known",
}


def sizes(package: Package) -> dict[str, int]:
    """Return how many bytes the files of each listed asset have that are there."""
    return {
        asset.id: sum(_size(file) for file in package.assets[asset.id].files)
        for asset in package.listed()
        if asset.id in package.assets and package.assets[asset.id].files
    }


def check(storage: Storage, package: Package, news: News, stop: Stop) -> dict[str, str]:
    """Return the verdict on each listed asset that is there: ``FINE`` or one of ``VERDICTS``; ``news`` hears of the bytes."""
    there = sizes(package)
    listed = {asset.id: asset for asset in package.listed()}
    verdicts = {}
    news.begin(sum(there.values()))
    for place, (id, size) in enumerate(there.items()):
        stop.check()
        news.file(place, size)
        verdicts[id] = verdict = _verdict(storage, package, listed[id], size, news, stop)
        news.end_of_file(size, None if verdict == FINE else VERDICTS[verdict])
    return verdicts


def _verdict(storage: Storage, package: Package, listed: Listed, size: int, news: News, stop: Stop) -> str:
    if listed.size is not None and listed.size != size:
        return "wrongSize"
    if listed.algorithm is None:
        return "unknownAlgorithm"
    if not listed.digest:
        return "noHash"
    digest, done = hashlib.new(listed.algorithm.replace("-", ""), usedforsecurity=False), 0
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    for file in package.assets[listed.id].files:
        try:
            descriptor = storage.open_source(file)
        except Absent:
            return "missing"
        try:
            while count := os.readv(descriptor, [buffer]):
                stop.check()
                digest.update(view[:count])
                done += count
                news.done(done)
        finally:
            os.close(descriptor)
    return FINE if digest.digest() == listed.digest else "wrongHash"


def _size(file: Path) -> int:
    try:
        return os.lstat(file).st_size
    except FileNotFoundError:
        return 0
