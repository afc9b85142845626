"""What any source of validity has to pass: a pytest suite to be subclassed.

A kind of source passes if it can state the ranges that the suite makes up, and
what comes out is what was stated::

    from adapters.contract.validity import ValiditySourceContract

    class TestMyTable(ValiditySourceContract):
        camera = HSC()

        def make(self, directory, ranges):
            ...  # write them down
            return FromTable((str(path),))

A source that `converter.planning.external.plan_external` does not know
overrides `plan`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from converter.nouns import DataId, Master, MasterKey, Provenance
from converter.overlaps import ExposureTimes, Policy
from converter.planning.external import Exposures, plan_external
from converter.planning.settling import Validity
from converter.timespans import DAY, SECOND, Span, explicit_span, parse_time, stamp, to_tai

from ..camera import Camera

__all__ = ["StatedRange", "ValiditySourceContract"]

_DATES = ("2014-10-01", "2014-10-04", "2014-10-05", "2014-10-17", "2014-11-20")
_AROUND = timedelta(days=10)


@dataclass(frozen=True)
class StatedRange:
    """One statement: a master is valid for whole UTC days.

    Parameters
    ----------
    master
        The master.
    begin, end
        ISO dates; ``end`` is not part of the range, ``""`` for open.
    """

    master: Master
    begin: str
    end: str

    @property
    def span(self) -> Span:
        """The same in TAI."""
        return explicit_span(self.begin, self.end, "utc")


class ValiditySourceContract:
    """The suite. Subclasses have a name that pytest collects (``Test...``) and define the following."""

    camera: ClassVar[Camera]
    """A camera with at least two detectors."""

    dataset_types: ClassVar[tuple[str, ...]] = ("bias", "flat")
    """Types of that camera to make masters of."""

    explicit: ClassVar[bool] = True
    """Whether boundaries are written as they are stated, whatever exposures they cut."""

    names_masters: ClassVar[bool] = True
    """Whether the source may speak of masters that are not there, or of only some."""

    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> Any:
        """Write ranges down, in this order, in a new directory, and give the source.

        Of every data ID each master's range ends where the next one's, by
        date, begins; the last one is open. (A rule may rely on that.)
        """
        raise NotImplementedError

    def make_overlapping(self, directory: Path, ranges: Sequence[StatedRange]) -> Any:
        """The same with ranges from 10 days before a master's date to 10 days after it, whole days."""
        return self.make(directory, ranges)

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> tuple[Any, str] | None:
        """The same with the first statement unreadable, and what the reject of it must contain.

        `None` if the source has no statements that can be unreadable.
        """
        raise NotImplementedError

    def plan(
        self,
        source: Any,
        masters: Mapping[MasterKey, Master],
        policies: Mapping[str, Policy] | None = None,
        exposures: Exposures | None = None,
    ) -> Validity:
        """Plan the validity of masters."""
        return plan_external(self.camera, masters, source, policies, exposures)

    # What the suite makes up.

    @pytest.fixture
    def masters(self) -> dict[MasterKey, Master]:
        """Masters of five dates, two detectors and, where they count, two filters."""
        detectors = [d.id for d in self.camera.instrument.detectors][:2]
        filters = [f.name for f in self.camera.instrument.filters][:2]
        made = {}
        for dataset_type in self.dataset_types:
            by_filter = "physical_filter" in self.camera.calibration(dataset_type).dimensions
            for physical_filter in filters if by_filter else [None]:
                for detector in detectors:
                    for text in _DATES:
                        key = MasterKey(dataset_type, stamp(text), DataId(detector, physical_filter))
                        name = f"{dataset_type}-{text}-{detector}-{filters.index(physical_filter) if physical_filter else 0}.fits"
                        path = f"/delivery/{name}"
                        made[key] = Master(key, path, None, text, 1, 1, Provenance(path))
        return made

    @pytest.fixture
    def ranges(self, masters: dict[MasterKey, Master]) -> list[StatedRange]:
        """One range per master, each until the next one's date."""
        following = dict(pairwise([*_DATES, ""]))
        return [StatedRange(m, m.calib_date, following[m.calib_date]) for m in masters.values()]

    # What it demands.

    def test_ranges_are_as_they_are_stated(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """Every master gets its range, to the nanosecond, and nothing else is said."""
        result = self.plan(self.make(tmp_path / "a", ranges), masters)
        assert result.spans == {r.master.key: [r.span] for r in ranges}
        assert (result.rejects, result.conflicts, result.skips, result.refused) == ([], [], [], set())

    def test_order_does_not_matter(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """The same statements, and the same masters, in another order give the same result."""
        policies = {"*": Policy.LATEST_START}
        around = _around(ranges)
        first = self.plan(self.make_overlapping(tmp_path / "a", around), masters, policies)
        for seed in range(3):
            shuffled = random.Random(seed).sample(around, len(around))
            keys = random.Random(seed).sample(list(masters), len(masters))
            source = self.make_overlapping(tmp_path / f"b{seed}", shuffled)
            again = self.plan(source, {key: masters[key] for key in keys}, policies)
            assert again.spans == first.spans
            assert _told(again) == _told(first)

    def test_overlaps_are_conflicts_without_a_policy(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """Two masters at once stop the import, for every type."""
        result = self.plan(self.make_overlapping(tmp_path / "a", _around(ranges)), masters)
        for dataset_type in self.dataset_types:
            assert any(line.startswith(dataset_type) for line in result.conflicts), result.conflicts

    def test_a_policy_makes_ranges_disjoint(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """At every instant the master whose range starts last is valid; every change is a decision."""
        around = _around(ranges)
        source = self.make_overlapping(tmp_path / "a", around)
        result = self.plan(source, masters, {"*": Policy.LATEST_START})
        assert (result.conflicts, result.rejects) == ([], [])
        edges = {edge for r in around for edge in r.span if edge is not None}
        stated: dict[tuple[str, DataId], list[StatedRange]] = {}
        for r in around:
            stated.setdefault((r.master.key.dataset_type, r.master.key.data_id), []).append(r)
        for (dataset_type, data_id), group in stated.items():
            for instant in sorted({e + by for e in edges for by in (-1, 0, DAY // 2)}):
                covering = [r for r in group if _covers(r.span, instant)]
                expected = [max(covering, key=lambda r: r.begin).master.key] if covering else []
                found = [
                    key
                    for key, spans in result.spans.items()
                    if (key.dataset_type, key.data_id) == (dataset_type, data_id)
                    for span in spans
                    if _covers(span, instant)
                ]
                assert found == expected, instant
        changed = {
            (d.dataset_type, c.stamp, data_id)
            for d in result.decisions
            for c in d.changes
            for data_id in c.data_ids
        }
        for r in around:
            key = r.master.key
            if result.spans[key] != [r.span]:
                assert (key.dataset_type, key.stamp, key.data_id) in changed

    def test_a_bad_statement_is_named_and_harms_no_other(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """One reject, for the one statement; all other masters have their ranges."""
        spoiled = self.spoil(tmp_path / "a", ranges)
        if spoiled is None:
            pytest.skip("the source has no statements that can be unreadable")
        source, name = spoiled
        result = self.plan(source, masters)
        (reject,) = result.rejects
        assert name in f"{reject.item}: {reject.reason}"
        assert "\n" not in reject.item + reject.reason
        good = {r.master.key: [r.span] for r in ranges[1:]}
        assert result.spans == good

    def test_a_master_of_which_nothing_is_said_is_reported(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """It has no range, and a skip or reject names it."""
        if not self.names_masters:
            pytest.skip("the source speaks of every master")
        left_out, *others = ranges
        key = left_out.master.key
        result = self.plan(self.make(tmp_path / "a", others), masters)
        assert result.spans == {r.master.key: [r.span] for r in others}
        items = [s.item for s in result.skips] + [f"{r.item} {r.reason}" for r in result.rejects]
        assert len(items) == 1
        assert key.dataset_type in items[0]
        assert key.stamp in items[0] or left_out.master.path in items[0]

    def test_a_statement_that_means_nothing_is_reported(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """A skip says so, and the others have their ranges."""
        if not self.names_masters:
            pytest.skip("the source speaks of the masters that are there")
        stranger, *others = ranges
        del masters[stranger.master.key]
        result = self.plan(self.make(tmp_path / "a", ranges), masters)
        assert result.spans == {r.master.key: [r.span] for r in others}
        self.check_stranger(result, stranger)

    def check_stranger(self, result: Validity, stranger: StatedRange) -> None:
        """Demand that a statement about a master that is not there is reported."""
        assert len(result.skips) == 1, result.skips
        assert stranger.master.key.dataset_type in f"{result.skips[0].item} {result.skips[0].reason}"

    def test_exposures_on_boundaries(
        self, tmp_path: Path, masters: dict[MasterKey, Master], ranges: list[StatedRange]
    ) -> None:
        """A boundary that cuts an exposure is moved off it, or stays as it is stated and is named."""
        boundary = to_tai(parse_time(_DATES[1]), "utc")
        begin, end = boundary - 5 * SECOND, boundary + 10 * SECOND
        known = ExposureTimes.from_rows([((begin + end) // 2, begin, end)])
        filters = {key.data_id.physical_filter for key in masters}
        result = self.plan(self.make(tmp_path / "a", ranges), masters, None, dict.fromkeys(filters, known))
        first, second = stamp(_DATES[0]), stamp(_DATES[1])
        rules = {d.rule for d in result.decisions}
        for key in masters:
            if key.stamp == first:
                (left,) = result.spans[key]
                (right,) = result.spans[key._replace(stamp=second)]
                if self.explicit:
                    assert left.end == right.begin == boundary
                else:
                    assert left.end == right.begin
                    assert left.end is not None and not begin < left.end < end
        assert ("exposure-on-boundary" in rules) == self.explicit
        assert ("whole-exposure" in rules) != self.explicit


def _around(ranges: Sequence[StatedRange]) -> list[StatedRange]:
    found = []
    for r in ranges:
        day = date.fromisoformat(r.master.calib_date)
        end = day + _AROUND + timedelta(days=1)
        found.append(StatedRange(r.master, (day - _AROUND).isoformat(), end.isoformat()))
    return found


def _covers(span: Span, instant: int) -> bool:
    return span.overlaps(Span(instant, instant + 1))


def _told(result: Validity) -> tuple[list[str], ...]:
    """All that is reported, without the places in the source."""
    decisions = [
        str(
            (
                d.rule,
                d.item,
                d.before,
                d.after,
                d.why,
                sorted(str((c.stamp, sorted(c.data_ids, key=str))) for c in d.changes),
            )
        )
        for d in result.decisions
    ]
    return sorted(decisions), sorted(result.conflicts), sorted(s.reason for s in result.skips)
