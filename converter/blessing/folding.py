"""Lines that say the same of many detectors, as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from ..nouns import DataId
from ..numbers import number_ranges


class Line(NamedTuple):
    """Something about one data ID of a dataset type.

    ``before`` and ``after`` are what comes before and after the data ID.
    """

    before: str
    data_id: DataId
    after: str

    def __str__(self) -> str:
        return f"{self.before} {self.data_id}{self.after}"


def fold(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Lines that differ in the detector only, by the line that stands for them.

    Parameters
    ----------
    lines
        In the order in which they are to be shown.
    """
    groups: dict[tuple[str, DataId, str], list[Line]] = defaultdict(list)
    for line in lines:
        groups[line.before, line.data_id._replace(detector=None), line.after].append(line)
    return {_folded(group): group for group in groups.values()}


def _folded(group: list[Line]) -> str:
    first = group[0]
    numbers = [line.data_id.detector for line in group if line.data_id.detector is not None]
    if len(numbers) < 2:
        return str(first)
    detectors = f"detector={','.join(number_ranges(numbers))}"
    rest = first.data_id._replace(detector=None)
    return f"{first.before} {detectors}{f' {rest}' if rest.as_dict() else ''}{first.after}"
