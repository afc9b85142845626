"""How overlaps and changed ranges are told: alike ones together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..nouns import DataId
from ..overlaps import Conflict
from ..timespans import Span

FEW = 3
"""Pairs of masters of one type and filter that are told one by one."""

CORRECT_REGISTRY = "correct the registry"


class ConflictBook:
    """The overlaps of one dataset type.

    Parameters
    ----------
    dataset_type
        Its name.
    remedy
        What else than a policy ends a conflict.
    """

    def __init__(self, dataset_type: str, remedy: str = CORRECT_REGISTRY) -> None:
        self._type = dataset_type
        self._remedy = remedy
        self._pairs: Counter[tuple[str, str, str | None, Span]] = Counter()

    def add(self, conflict: Conflict) -> None:
        """Count an overlap; data IDs that differ in the detector only fall together."""
        first, second = conflict.first.master, conflict.second.master
        self._pairs[first.stamp, second.stamp, first.data_id.physical_filter, conflict.span] += 1

    def lines(self) -> dict[str, str]:
        """One line per pair of masters, and the line that stands for it where there are many."""
        by_filter: dict[str | None, list[str]] = defaultdict(list)
        texts: dict[str | None, list[str]] = defaultdict(list)
        for (first, second, physical_filter, span), count in sorted(
            self._pairs.items(), key=lambda item: str(item[0])
        ):
            data_ids = f" for {count} data IDs" if count > 1 else ""
            text = f"{first} and {second} are both valid in {span}{data_ids}"
            texts[physical_filter].append(text)
            by_filter[physical_filter].append(
                f"{self._what(physical_filter)}: masters {text}; {self._advice()}"
            )
        result = {}
        for physical_filter, lines in by_filter.items():
            short = (
                f"{self._what(physical_filter)}: {len(lines)} pairs of masters are valid at the same time: "
                f"{'; '.join(texts[physical_filter][:FEW])}; and {len(lines) - FEW} more; {self._advice()}"
            )
            result.update({line: line if len(lines) <= FEW + 1 else short for line in lines})
        return result

    def _what(self, physical_filter: str | None) -> str:
        return f"{self._type}{describe(physical_filter, ())}"

    def _advice(self) -> str:
        return f"choose a policy with --overlaps {self._type}=latest-start (or another), or {self._remedy}"


def describe(physical_filter: str | None, data_ids: Sequence[DataId]) -> str:
    """Filter and detectors, each only if there are any."""
    text = f" {physical_filter}" if physical_filter else ""
    detectors = sorted(d.detector for d in data_ids if d.detector is not None)
    if len(detectors) == 1:
        return f"{text} detector {detectors[0]}"
    if detectors:
        return f"{text} detectors {detectors[0]}..{detectors[-1]} (×{len(detectors)})"
    return text


def spans_text(spans: Sequence[Span]) -> str:
    """Ranges in a row, or that there are none."""
    return ", ".join(map(str, spans)) or "no range"
