"""What of a source is wanted, and how it comes into the repository: choices of several commands."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property

from .nouns import UsageError
from .overlaps import Policy

TRANSFERS = ("auto", "direct", "symlink", "relsymlink", "hardlink", "copy", "move")


class Subset:
    """Choices that commands with a source of masters have in common.

    Frozen dataclasses derive from it and have the fields.
    """

    label: str
    transfer: str
    types: tuple[str, ...]
    exclude: tuple[str, ...]
    detectors: tuple[int, ...]
    overlaps: Mapping[str, Policy]
    workers: int
    split_masters: bool
    supersede: bool
    checksum: bool

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        UsageError
            A choice is none that can be made.
        """
        if self.transfer not in TRANSFERS:
            raise UsageError(f"transfer {self.transfer!r} is none of {', '.join(TRANSFERS)}")
        if self.label.strip("/") != self.label:
            raise UsageError(f"label {self.label!r} must neither begin nor end with a slash")
        if self.workers < 1:
            raise UsageError(f"workers {self.workers} must be at least 1")

    @cached_property
    def wanted_detectors(self) -> frozenset[int]:
        """``detectors`` to look up."""
        return frozenset(self.detectors)

    def wants_detector(self, detector: int) -> bool:
        """Whether a detector is wanted."""
        return not self.detectors or detector in self.wanted_detectors

    def wants(self, dataset_type: str) -> bool:
        """Whether a dataset type is wanted."""
        return not self.types or any(fnmatchcase(dataset_type, t) for t in self.types)

    def excludes(self, path: str) -> bool:
        """Whether a path (relative to its root) is to be left out."""
        return any(fnmatchcase(path, pattern) for pattern in self.exclude)

    def policy(self, dataset_type: str) -> Policy:
        """Overlap policy of a dataset type."""
        return self.overlaps.get(dataset_type, self.overlaps.get("*", Policy.FAIL))
