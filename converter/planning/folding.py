"""Rejects of many rows for one reason, such as a file of a whole camera that is not there: one line. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..nouns import Reject
from ..numbers import number_ranges

FEW = 20
"""Runs of row numbers that are told one by one."""


def fold_rows(rejects: Iterable[Reject]) -> dict[str, str]:
    """For rejects (as text) of one table that differ in the row only, the line that stands for them.

    Parameters
    ----------
    rejects
        All of them.

    Returns
    -------
    folded
        The line by the text of the reject. A reject without a row, or the
        only one of its reason, has none.
    """
    groups: dict[tuple[str, str], list[tuple[int, Reject]]] = defaultdict(list)
    for reject in rejects:
        place, _, row = reject.item.rpartition(" row ")
        if place and row.isdecimal():
            groups[place, reject.reason].append((int(row), reject))
    folded: dict[str, str] = {}
    for (place, reason), group in groups.items():
        if len(group) > 1:
            where = f"{place} rows {_numbers(row for row, _ in group)}"
            detectors = {reject.detector for _, reject in group}
            known = [d for d in detectors if d is not None]
            if len(known) == len(detectors):
                where += f", detector{'' if len(known) == 1 else 's'} {_numbers(known)}"
            line = f"{where}: {reason} ({len(group)} rejects, --verbose shows each)"
            folded |= dict.fromkeys((str(reject) for _, reject in group), line)
    return folded


def _numbers(numbers: Iterable[int]) -> str:
    runs = number_ranges(numbers)
    if len(runs) <= FEW:
        return ", ".join(runs)
    return f"{', '.join(runs[:FEW])} and {len(runs) - FEW} more to {runs[-1].rpartition('..')[2]}"
