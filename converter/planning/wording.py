"""How overlaps and changed ranges are told: alike ones together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..nouns import DataId
from ..overlaps import Conflict, Policy
from ..timespans import Span

WHY = {
    "override": "the recipe gives this range",
    "serial-mounted": "the chip of this serial number was at this detector's place for a part of the range",
    "no-date-test": "Gen2 looked this type up without a date",
    "previous-afternoon": "the recipe asks for the set of the afternoon before each night",
    "never-selected": "Gen2 looked in another table, so this master yields to those found there",
    "same-master": "several rows state the validity of one master: they add up",
    "whole-exposure": "the boundary would cut an exposure, which Gen2 dated by its start "
    "and Gen3 matches as a whole",
    Policy.LATEST_START.value: "where several masters are valid, the one whose range starts last is taken",
    Policy.LATEST_CALIB_DATE.value: "where several masters are valid, the one with the latest calibration date is taken",
    Policy.LATEST_REGISTERED.value: "where several masters are valid, the one registered last is taken",
    Policy.NARROWEST.value: "where several masters are valid, the one with the narrowest range is taken",
    Policy.NEAREST.value: "where several masters are valid, the one nearest in time is taken",
}
"""Why a range was changed, by the rule that did it, as far as it does not depend on anything else."""

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


def advise(what: str, why: str, checksum: bool) -> str:
    """What can be done about a file that has changed.

    Parameters
    ----------
    what
        The file.
    why
        What is not as it was.
    checksum
        Whether contents were compared.
    """
    more = "" if checksum else ", or compare contents with --checksum"
    return f"{what} changed since it was converted: {why}; write a new version with --supersede{more}"
