"""Exposures to visits, as the stack groups them. Pure."""

from __future__ import annotations

import cmath
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from adapters.geometry import BY_COUNTER, ONE_TO_ONE, Grouping

from .nouns import ExposureRecord
from .operations import Visit

SYSTEMS: Mapping[int, str] = {0: "one-to-one", 2: "by-seq-start-end"}
"""Visit systems that are written, by the stack's numbers."""

SYSTEMS_OF: Mapping[Grouping, tuple[int, ...]] = {ONE_TO_ONE: (0,), BY_COUNTER: (0, 2)}

GroupKey = tuple[int, int, int]


def why_no_visit(record: ExposureRecord) -> str:
    """Why the stack makes no visit of an exposure, ``""`` if it does."""
    fields = record.exposure
    if any(_missing(fields.get(name)) for name in ("tracking_ra", "tracking_dec", "sky_angle")):
        return "no visit: tracking_ra, tracking_dec or sky_angle is not known"
    if fields.get("can_see_sky") is False:
        return "no visit: the exposure does not see the sky (can_see_sky is false)"
    return ""


def group_key(record: ExposureRecord) -> GroupKey | None:
    """What exposures of one visit have in common by their counters, `None` if there are none."""
    fields = record.exposure
    day, start, end, number = (fields.get(n) for n in ("day_obs", "seq_start", "seq_end", "seq_num"))
    if day is None or start is None or end is None or number is None:
        return None
    return int(day), int(start), int(end)


def group(records: Iterable[ExposureRecord], grouping: Grouping) -> Iterator[Visit]:
    """Visits of exposures.

    Parameters
    ----------
    records
        Exposures of which visits can be made (`why_no_visit`).
    grouping
        ``one-to-one``, or ``one-to-one-and-by-counter``: there, exposures
        with equal day, first and last counter are one visit too.
    """
    ordered = sorted(records, key=lambda r: (r.exposure["id"],))
    if grouping == ONE_TO_ONE:
        for record in ordered:
            yield _visit([record], (0,))
        return
    groups: dict[GroupKey, list[ExposureRecord]] = defaultdict(list)
    for record in ordered:
        key = group_key(record)
        if key is None:
            yield _visit([record], (0,))
        else:
            groups[key].append(record)
    for (_, start, end), members in groups.items():
        yield from _by_counter(sorted(members, key=lambda r: r.exposure["seq_num"]), start, end)


def _by_counter(members: Sequence[ExposureRecord], start: int, end: int) -> Iterator[Visit]:
    if start == end:
        for record in members:
            yield _visit([record], (0, 2))
        return
    first = members[0]
    # Without its first exposure, or with two filters, there is no visit of several.
    filters = {record.exposure["physical_filter"] for record in members}
    is_visit = first.exposure["seq_num"] == start and len(filters) == 1
    for record in members:
        if is_visit and record is first:
            # Id and name of the first exposure are those of the visit of all.
            fields = record.exposure
            yield _visit([record], (0,), int(f"9{fields['id']}"), f"{fields['obs_id']}_first")
        else:
            yield _visit([record], (0,))
    if is_visit:
        yield _visit(members, (2,))


def _visit(
    records: Sequence[ExposureRecord], systems: tuple[int, ...], number: int | None = None, name: str = ""
) -> Visit:
    first = records[0].exposure
    exposures = [record.exposure for record in records]

    def values(field: str) -> list[Any]:
        return [None if _missing(e.get(field)) else e[field] for e in exposures]

    def reduced(function: Callable[[list[Any]], Any], field: str) -> Any:
        found = values(field)
        return None if None in found else function(found)

    def if_equal(field: str) -> Any:
        found = values(field)
        return found[0] if all(value == found[0] for value in found) else None

    record = {
        "id": first["id"] if number is None else number,
        "name": name or first["obs_id"],
        "day_obs": min(values("day_obs")),
        "physical_filter": if_equal("physical_filter"),
        "seq_num": reduced(min, "seq_num"),
        "exposure_time": reduced(sum, "exposure_time"),
        "target_name": if_equal("target_name"),
        # The stack says so too where there is none.
        "observation_reason": if_equal("observation_reason") or "various",
        "science_program": if_equal("science_program"),
        "azimuth": reduced(_mean_angle, "azimuth"),
        "zenith_angle": reduced(lambda angles: sum(angles) / len(angles), "zenith_angle"),
    }
    return Visit(
        record,
        min(r.begin_ns for r in records),
        max(r.end_ns for r in records),
        tuple(e["id"] for e in exposures),
        systems,
        float(first["tracking_ra"]),
        float(first["tracking_dec"]),
        float(first["sky_angle"]),
    )


def _mean_angle(degrees: Sequence[float]) -> float:
    if len(degrees) == 1:
        return degrees[0]
    # The mean of 350 and 10 is 0.
    return math.degrees(cmath.phase(sum(cmath.rect(1.0, math.radians(d)) for d in degrees))) % 360.0


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
