"""Whether Gen2's answer and Gen3's are the same master, and if not, what was recorded that says why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from adapters.camera import Calibration
from adapters.gen2.lookup import Gen2Answer

from .answers import Certified
from .decisions import Change, Decision
from .ledger import Ledger
from .nouns import DataId
from .same_file import FileIdentity
from .timespans import Span, local_to_utc, stamp


class Outcome(NamedTuple):
    """How two answers compare.

    ``name`` is ``agree``, ``explained``, ``disagree``, or ``gen2_none`` or
    ``gen2_ambiguous`` with ``.gen3_none`` or ``.gen3_one``; ``why`` is the
    recorded reason of what is explained.
    """

    name: str
    why: str = ""


class Comparison:
    """Compares answers by the files that they are.

    Parameters
    ----------
    ledger
        Where decisions, rejects and skips are recorded, `None` for nowhere:
        then nothing is explained.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self._changes: dict[str, list[tuple[Decision, Change]]] = defaultdict(list)
        for decision in ledger.decisions() if ledger is not None else ():
            for change in decision.changes:
                self._changes[decision.dataset_type].append((decision, change))
        self._left_out = ledger.left_out() if ledger is not None else {}
        self._files = FileIdentity()

    def outcome(
        self,
        calibration: Calibration,
        data_id: DataId,
        span: tuple[int, int] | None,
        gen2: Gen2Answer,
        gen3: Sequence[Certified],
        paths: Mapping[str, str],
    ) -> Outcome:
        """How the answers to one question compare.

        Parameters
        ----------
        calibration
            Dataset type that was asked for.
        data_id
            Detector and filter that were asked for.
        span
            Time that was asked for, TAI nanoseconds, if it is known.
        gen2, gen3
            The answers.
        paths
            Stored files of Gen3's datasets, by dataset id.
        """
        if gen2.status == "one":
            assert gen2.path is not None
            path = paths.get(gen3[0].dataset_id, "") if len(gen3) == 1 else ""
            if path and self._same_master(calibration, gen2.path, data_id, path):
                return Outcome("agree")
        elif len(gen3) <= 1:
            status = "ambiguous" if gen2.status == "ambiguous" else "none"
            return Outcome(f"gen2_{status}.{'gen3_one' if gen3 else 'gen3_none'}")
        why = self._explain(calibration, data_id, span, gen2, gen3)
        return Outcome("explained", why) if why else Outcome("disagree")

    def _same_master(self, calibration: Calibration, gen2: str, data_id: DataId, gen3: str) -> bool:
        """Whether Gen3's file is Gen2's, or the detector's part of it."""
        if self._files.same(gen2, gen3):
            return True
        rule = calibration.extensions
        return rule is not None and self._files.is_piece(gen2, rule, data_id.detector, gen3)

    def _explain(
        self,
        calibration: Calibration,
        data_id: DataId,
        span: tuple[int, int] | None,
        gen2: Gen2Answer,
        gen3: Sequence[Certified],
    ) -> str:
        """The recorded decision that makes the answers differ, ``""`` if there is none."""
        for name in (gen2.path, f"{gen2.path}[{gen2.hdu}]"):
            if name is not None and name in self._left_out:
                return self._left_out[name]
        if span is None:
            return ""
        # Of a later version, the decisions about the first one count as well.
        stamps = {part for c in gen3 for part in accumulate(c.stamp.split("."), "{}.{}".format)}
        stamps |= gen2_stamps(calibration, gen2)
        asked = Span(*span)
        for decision, change in self._changes[calibration.dataset_type]:
            if {change.stamp, named_stamp(calibration, change.stamp)} & stamps and change.explains(
                change.stamp, data_id, asked
            ):
                return f"{decision.rule}: {decision.why}"
        return ""


def named_stamp(calibration: Calibration, run_stamp: str) -> str:
    """The RUN stamp of a date, of which several masters may share one."""
    return run_stamp.partition(".")[0] if calibration.shares_dates else run_stamp


def gen2_stamps(calibration: Calibration, gen2: Gen2Answer) -> set[str]:
    """RUN stamps that the masters of a Gen2 answer can have."""
    dates = [value for key, value in gen2.values if key == calibration.date]
    if calibration.date == "validStart":
        dates += [candidate.valid_start for candidate in gen2.candidates]
    stamps = set()
    for date in dates:
        try:
            stamps.add(stamp(local_to_utc(str(date), calibration.zone) if calibration.zone else str(date)))
        except ValueError:
            continue
    return stamps
