"""What is told in one line: rejects of many rows for one reason, files that all have another time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..file_records import Records
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


def fold_modified(lines: Iterable[str], records: Records) -> dict[str, str]:
    """For conflicts about modification times the one line that stands for them, where they are about all files.

    A source that was copied without its times is one thing to tell, not one for each file.

    Parameters
    ----------
    lines
        Conflicts that are about nothing but a modification time.
    records
        What was compared.

    Returns
    -------
    folded
        Empty if there are files that are as they were.
    """
    number, others = len(records.modified), len(records.changed)
    if number < 2 or records.some_unchanged:
        return {}
    which = f"{number} of {number + others} files" if others else f"all {number} files"
    text = f"{which} that were converted before have another modification time and the same size"
    if records.checksum:
        text += (
            ", and --checksum cannot tell whether they changed: no checksums are recorded, and the repository "
            "has no copies of its own; give the files their times back (cp -a, rsync -t), or write new versions "
            "with --supersede"
        )
    else:
        text += (
            ", as after a copy that does not keep times; --checksum compares contents and records the new "
            "times of what is the same, --supersede writes new versions of all"
        )
    return dict.fromkeys(lines, text)
