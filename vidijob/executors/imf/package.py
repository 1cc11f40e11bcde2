"""What a package says of itself: its assets, and what its packing lists have of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vidijob.executors.storage import shown


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
