"""How long curated calibrations are valid: from their own date to the next one's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from .nouns import CuratedFile, CuratedStart, DataId
from .timespans import Span, parse_time, to_tai


def validity_spans(
    files: Iterable[CuratedFile], starts: Iterable[CuratedStart] = ()
) -> list[tuple[CuratedFile, Span]]:
    """The validity range of every file.

    Parameters
    ----------
    files
        Files of a package.
    starts
        Begins of validity of other files of the package. A rejected file has
        no range, but it ends the range before it: what was replaced at that
        time must not go on in silence.

    Returns
    -------
    spans
        Each file with its half-open range in TAI; the last of each dataset
        type and data ID has no end.
    """
    files = list(files)
    begins: dict[tuple[str, DataId], set[int]] = defaultdict(set)
    for file in files:
        begins[file.dataset_type, file.data_id].add(_begin(file.valid_from))
    for start in starts:
        begins[start.dataset_type, start.data_id].add(_begin(start.valid_from))
    ends = {key: dict(pairwise(sorted(times))) for key, times in begins.items()}
    spans = []
    for file in files:
        begin = _begin(file.valid_from)
        spans.append((file, Span(begin, ends[file.dataset_type, file.data_id].get(begin))))
    return spans


def _begin(text: str) -> int:
    return to_tai(parse_time(text), "utc")
