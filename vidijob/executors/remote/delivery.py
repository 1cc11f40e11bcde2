"""Brings the files that a step has made to where they belong: those for this machine are published, those for elsewhere sent,
and none shows before all are there.

An attempt that follows one that was killed finds at its place what that one had delivered, and leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from vidijob.errors import Invalid
from vidijob.executors import copying, partials, places
from vidijob.executors.news import News
from vidijob.executors.partials import Partial, Receipt
from vidijob.executors.remote.places import RemoteTarget
from vidijob.executors.remote.transit import RoutedStep
from vidijob.executors.threads import Stop, in_thread


async def deliver(step: RoutedStep, made: Sequence[tuple[Partial, Receipt]]) -> None:
    """Publish what was made, with progress where it is sent."""
    here, there = [], []
    for partial, receipt in made:
        target = step.transit.target(partial.destination)
        if target is None:
            here.append((partial, receipt))
        else:
            there.append((partial, receipt, target))
    news = News(step, [target.uri for *_, target in there]) if there else None

    def publish(stop: Stop) -> None:
        sent: list[tuple[places.Target, str]] = []
        if news is not None:
            news.begin(sum(receipt.size for _, receipt, _ in there))
        for place, (partial, receipt, target) in enumerate(there):
            assert news is not None
            news.file(place, receipt.size)
            sent.append((target, _send(partial, receipt, target, news, stop)))
            news.end_of_file(receipt.size)
        partials.publish_all(here)
        try:
            places.publish_all(sent, stop)
        except Exception:
            for partial, receipt in here:
                partial.withdraw(receipt)
            raise

    await in_thread(publish)


def _send(partial: Partial, receipt: Receipt, target: RemoteTarget, news: News, stop: Stop) -> str:
    """Write a file at its place elsewhere, still hidden, and return the receipt for it."""
    descriptor = partial.open()
    try:
        if not receipt.fits(os.fstat(descriptor)):
            raise Invalid(target.file.key, f"The file made for {target.uri} was changed; run the job again.")
        if target.file.exists(stop):
            delivered = f"{target.lease}:{receipt.size}:{copying.checksum_of(descriptor, stop)}"
            if target.holds(delivered, stop):
                return delivered
            os.lseek(descriptor, 0, os.SEEK_SET)
        # What is in the way is complained about now, not after hours.
        target.prepare(stop)
        target.sweep(stop, before=target.lease)
        checksum, size = target.write(copying.chunks(descriptor, partial.path, stop), news.done, stop)
        return target.receipt(checksum, size, stop)
    finally:
        os.close(descriptor)
