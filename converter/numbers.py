"""Detector numbers as people write them: ``1..62``."""

from __future__ import annotations

import re
from collections.abc import Iterable

_RANGE = re.compile(r"(\d{1,9})(?:\.\.(\d{1,9}))?", re.ASCII)
LONGEST = 1_000_000


def numbers_of(text: str) -> range | None:
    """The numbers that are meant by ``7`` or ``1..62`` (both ends included).

    `None` if it is something else; an empty range if it runs backwards, or is
    longer than any camera could need.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    return range(first, last + 1 if last - first < LONGEST else first)


def number_ranges(numbers: Iterable[int]) -> list[str]:
    """The shortest list of ``7`` and ``1..62`` that means these numbers."""
    result: list[list[int]] = []
    for number in sorted(set(numbers)):
        if result and number == result[-1][1] + 1:
            result[-1][1] = number
        else:
            result.append([number, number])
    return [str(first) if first == last else f"{first}..{last}" for first, last in result]


def join_numbers(numbers: Iterable[int]) -> str:
    """``1, 3..5``: short also for many."""
    return ", ".join(number_ranges(numbers))
