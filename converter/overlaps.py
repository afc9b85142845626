"""Ranges that meet: overlaps between masters, and exposures cut by a boundary.

Pure decisions about spans of one group (one dataset type and data ID); no
Butler, no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np

from .nouns import MasterKey
from .range_rules import Dated, DateRule, boundaries
from .timespans import DAY, MAX_NS, MIN_NS, SECOND, Span


class Policy(StrEnum):
    """Which master wins where several are valid at once."""

    FAIL = "fail"
    LATEST_START = "latest-start"
    LATEST_CALIB_DATE = "latest-calib-date"
    LATEST_REGISTERED = "latest-registered"
    NARROWEST = "narrowest"
    NEAREST = "nearest"


class RangeRule(StrEnum):
    """Ranges made from the masters' dates, instead of those of the source."""

    NEAREST = "nearest"
    """Each master up to the middle between its time and the next one's."""

    PREVIOUS_AFTERNOON = "previous-afternoon"
    """Each master from the noon of its day to the noon of the next one's day."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One master's span, with what the policies compare.

    ``calib_ns`` is the calibration date in TAI nanoseconds, ``registered``
    the source's own text of when it was recorded. What was never ``asked``
    for (the lookup went to another table) yields to all that was.
    """

    master: MasterKey
    span: Span
    calib_ns: int
    registered: str = ""
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two masters valid at the same time that nothing tells apart."""

    first: Claimed
    second: Claimed
    span: Span


def unite(claims: Iterable[Claimed]) -> list[Claimed]:
    """Join the overlapping or touching spans of each master.

    Several rows may state the validity of one file (bias rows that differ
    only in a filter column that the lookup ignores): they add up.
    """
    by_master: dict[MasterKey, list[Claimed]] = {}
    for claim in claims:
        by_master.setdefault(claim.master, []).append(claim)
    result = []
    for group in by_master.values():
        group.sort(key=lambda c: _begin(c.span))
        current = group[0]
        for claim in group[1:]:
            if _begin(claim.span) <= _end(current.span):
                last = max(current.span, claim.span, key=_end)
                registered = max(current.registered, claim.registered)
                current = replace(current, span=Span(current.span.begin, last.end), registered=registered)
            else:
                result.append(current)
                current = claim
        result.append(current)
    result.sort(key=lambda c: (_begin(c.span), _end(c.span), c.master))
    return result


def _begin(span: Span) -> int:
    return MIN_NS if span.begin is None else span.begin


def _end(span: Span) -> int:
    return MAX_NS if span.end is None else span.end


def find_overlaps(claims: Sequence[Claimed]) -> list[Conflict]:
    """All pairs of different masters that share an instant.

    ``claims`` are sorted by begin, as `unite` returns them.
    """
    conflicts = []
    active: list[Claimed] = []
    for claim in claims:
        active = [a for a in active if _end(a.span) > _begin(claim.span)]
        for other in active:
            if other.master != claim.master:
                shared = Span(claim.span.begin, min(other.span, claim.span, key=_end).end)
                conflicts.append(Conflict(other, claim, shared))
        active.append(claim)
    return conflicts


def resolve(claims: Sequence[Claimed], policy: Policy) -> tuple[list[Claimed], list[Conflict]]:
    """Make the spans of one group disjoint.

    Parameters
    ----------
    claims
        United claims of one dataset type and data ID.
    policy
        Which master wins where several are valid.

    Returns
    -------
    claims
        Disjoint spans, sorted; a master may have several or none.
    conflicts
        Overlaps that the policy leaves: all of them for ``fail``, and those
        between masters that are equal in what the policy compares; never one
        with a master that was not asked for.
    """
    overlaps = find_overlaps(claims)
    conflicts = [c for c in overlaps if c.first.asked == c.second.asked]
    if not overlaps or (conflicts and policy is Policy.FAIL):
        return list(claims), conflicts
    points = {edge for c in claims for edge in (_begin(c.span), _end(c.span))}
    if policy is Policy.NEAREST:
        for c in conflicts:
            points.add((c.first.calib_ns + c.second.calib_ns) // 2)
    pieces: list[Claimed] = []
    left: list[Conflict] = []
    waiting = sorted(claims, key=lambda c: _begin(c.span), reverse=True)
    active: list[Claimed] = []
    for low, high in pairwise(sorted(points)):
        while waiting and _begin(waiting[-1].span) <= low:
            active.append(waiting.pop())
        active = [a for a in active if _end(a.span) > low]
        if not active:
            continue
        ranked = sorted(active, key=lambda c: _rank(c, policy, low, high), reverse=True)
        if len(ranked) > 1 and _rank(ranked[0], policy, low, high) == _rank(ranked[1], policy, low, high):
            left.append(Conflict(ranked[0], ranked[1], Span(low, high).clipped()))
        winner = replace(ranked[0], span=Span(low, high).clipped())
        if pieces and pieces[-1].master == winner.master and pieces[-1].span.end == winner.span.begin:
            pieces[-1] = replace(winner, span=Span(pieces[-1].span.begin, winner.span.end))
        else:
            pieces.append(winner)
    return pieces, left


def _rank(claim: Claimed, policy: Policy, low: int, high: int) -> tuple[int | str, ...]:
    """What the policy compares; the largest wins, equals are a conflict."""
    if policy is Policy.LATEST_START:
        return (claim.asked, _begin(claim.span), claim.calib_ns)
    if policy is Policy.LATEST_CALIB_DATE:
        return (claim.asked, claim.calib_ns)
    if policy is Policy.LATEST_REGISTERED:
        return (claim.asked, claim.registered)
    if policy is Policy.NARROWEST:
        return (claim.asked, _begin(claim.span) - _end(claim.span))
    if policy is Policy.NEAREST:
        return (claim.asked, -abs(2 * claim.calib_ns - low - high), claim.calib_ns)
    return (claim.asked,)


def rebuild(claims: Sequence[Claimed], rule: RangeRule, noon_s: int, calib_time_s: int) -> list[Claimed]:
    """Ranges by the masters' dates, from the first begin to the last end that the source gives.

    Parameters
    ----------
    claims
        United claims of one dataset type and data ID.
    rule
        How the ranges follow from the dates.
    noon_s
        Seconds after 0h UTC at which one night ends and the next one begins.
    calib_time_s
        Seconds after 0h UTC at which a calibration dated by day was taken.

    Notes
    -----
    Masters of the same date are told apart by the source's ranges only; they
    keep the order of those, and all but the last get no range.
    """
    if not claims:
        return []
    last: dict[int, Claimed] = {}
    for claim in sorted(claims, key=lambda c: (c.calib_ns, _begin(c.span))):
        last[claim.calib_ns] = claim
    ordered = list(last.values())
    # With equal times of day the middle does not depend on which time that is, but the end of the day does.
    dates = [Dated(c.calib_ns + calib_time_s * SECOND, c.calib_ns) for c in ordered]
    first, *edges = boundaries(DateRule(rule.value), dates, noon_s)
    if rule is RangeRule.NEAREST:
        first = min(_begin(c.span) for c in claims)
    end = max(_end(c.span) for c in claims)
    bounds = [first, *edges, end]
    made = [
        replace(c, span=Span(a, b).clipped()) for c, (a, b) in zip(ordered, pairwise(bounds), strict=True)
    ]
    return [c for c in made if not c.span.is_empty]


@dataclass(frozen=True)
class ExposureTimes:
    """The known exposures of one kind, sorted by begin (TAI nanoseconds).

    ``dated`` is the instant that the Gen2 registry gave the exposure (the
    start of the day for a date), by which Gen2 chose; ``begin`` and ``end``
    are the exposure's own timespan, by which Gen3 chooses.
    """

    dated: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, int]]) -> ExposureTimes:
        """Build from ``(dated, begin, end)`` rows."""
        table = np.array(sorted(rows, key=lambda r: r[1]), dtype=np.int64).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2])

    def by_middle(self) -> ExposureTimes:
        """Dated by themselves: for ranges that do not follow what the registry compared."""
        return ExposureTimes(self.begin + (self.end - self.begin) // 2, self.begin, self.end)

    def near(self, low: int, high: int) -> ExposureTimes:
        """Those that begin within a day of ``[low, high]``."""
        first = int(np.searchsorted(self.begin, low - DAY))
        last = int(np.searchsorted(self.begin, high + DAY, side="right"))
        return ExposureTimes(self.dated[first:last], self.begin[first:last], self.end[first:last])


def clear_boundary(end: int, begin: int, exposures: ExposureTimes) -> tuple[int, int]:
    """Move a boundary so that no exposure matches both of its sides.

    Parameters
    ----------
    end, begin
        End of a range and begin of the next one, ``end <= begin``.
    exposures
        The known exposures.

    Returns
    -------
    end, begin
        Unchanged if no exposure is in the way; otherwise such that exposures
        that Gen2 dated before ``begin`` do not reach into the next range and
        the others do not reach back (Gen3 matches the whole timespan). Also
        unchanged if the exposures contradict each other: `verify` names them.
    """
    near = exposures.near(end, begin)
    if not len(near.begin):
        return end, begin
    before = near.dated < begin
    latest = int(near.end[before].max()) if before.any() else MIN_NS
    earliest = int(near.begin[~before].min()) if (~before).any() else MAX_NS
    if latest <= begin and earliest >= end:
        return end, begin
    if latest > earliest:
        return end, begin
    if end == begin:
        moved = min(max(begin, latest), earliest)
        return moved, moved
    return min(end, earliest), max(begin, latest)


def clear_boundaries(
    claims: Sequence[Claimed],
    exposures: ExposureTimes,
    memo: dict[tuple[int, int], tuple[int, int]],
) -> list[Claimed]:
    """Apply `clear_boundary` to every pair of neighbours of one group.

    Parameters
    ----------
    claims
        Disjoint claims, sorted.
    exposures
        The known exposures to which this group matters.
    memo
        Shared between the groups that see the same exposures, because
        detectors mostly have equal boundaries.
    """
    cleared = list(claims)
    for i, (left, right) in enumerate(pairwise(claims)):
        end, begin = left.span.end, right.span.begin
        if end is None or begin is None or begin - end > DAY:
            continue
        if (end, begin) not in memo:
            memo[end, begin] = clear_boundary(end, begin, exposures)
        if memo[end, begin] != (end, begin):
            end, begin = memo[end, begin]
            cleared[i] = replace(cleared[i], span=Span(cleared[i].span.begin, end))
            cleared[i + 1] = replace(cleared[i + 1], span=Span(begin, cleared[i + 1].span.end))
    kept = [c for c in cleared if not c.span.is_empty]
    # Boundaries on both sides of a short range may pass each other where exposures contradict each other.
    return list(claims) if any(a.span.overlaps(b.span) for a, b in pairwise(kept)) else kept


def changed_spans(
    before: Sequence[Claimed], after: Sequence[Claimed]
) -> Mapping[MasterKey, tuple[tuple[Span, ...], tuple[Span, ...]]]:
    """Masters whose spans differ, with the spans before and after."""
    old: dict[MasterKey, list[Span]] = {}
    new: dict[MasterKey, list[Span]] = {}
    for c in before:
        old.setdefault(c.master, []).append(c.span)
    for c in after:
        new.setdefault(c.master, []).append(c.span)
    return {
        master: (tuple(spans), tuple(new.get(master, ())))
        for master, spans in old.items()
        if spans != new.get(master)
    }
