"""What is found to be wrong with a package, or odd."""

from __future__ import annotations

from dataclasses import dataclass

#: So many of each severity are kept; all are counted.
MOST = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or odd."""

    #: ``error`` where the package is not what its lists say; else ``warning``.
    severity: str
    #: What kind of thing, for programs: ``wrongHash``.
    code: str
    #: One sentence for people.
    text: str
    #: The asset, by its UUID, where it is about one.
    asset: str | None = None

    def facts(self) -> dict[str, str]:
        """Return it for the report."""
        facts = {"severity": self.severity, "code": self.code, "text": self.text}
        return facts if self.asset is None else {**facts, "assetId": self.asset}


class Findings:
    """All that was found, in order."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Finding]] = {"error": [], "warning": []}
        self._count = {"error": 0, "warning": 0}

    def error(self, code: str, text: str, asset: str | None = None) -> None:
        """Note what makes the package invalid."""
        self._add(Finding("error", code, text, asset))

    def warn(self, code: str, text: str, asset: str | None = None) -> None:
        """Note what is only odd."""
        self._add(Finding("warning", code, text, asset))

    @property
    def errors(self) -> int:
        """Return how many errors there are, kept or not."""
        return self._count["error"]

    @property
    def warnings(self) -> int:
        """Return how many warnings there are, kept or not."""
        return self._count["warning"]

    @property
    def kept(self) -> list[Finding]:
        """Return those that are kept, errors first."""
        return [*self._kept["error"], *self._kept["warning"]]

    def _add(self, finding: Finding) -> None:
        self._count[finding.severity] += 1
        if len(self._kept[finding.severity]) < MOST:
            self._kept[finding.severity].append(finding)
