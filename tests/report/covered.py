"""Small repositories with gaps, and what the Butler itself answers for each of their raws."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lsst.daf.butler import Butler, CalibrationLookupError, CollectionType, DatasetType, Timespan

from converter.convert import convert
from converter.recipe import Recipe
from converter.report.lookups import State
from fixtures.decam import DecamSpec, make_decam
from fixtures.hsc import HscSpec, make_hsc
from fixtures.lsst import make_lsst

HSC = "HSC/calib/gen2"
ALWAYS = Timespan(None, None)


def make_hsc_gaps(place: Path) -> Butler:
    """HSC with something missing, ambiguous, unbounded and without a detector."""
    spec = HscSpec(
        detectors=(41, 49, 50),
        bias=("2014-10-01", "2014-10-02", "2014-10-03"),
        flat=("2014-09-28", "2014-10-02"),
        straddling=True,
    )
    butler = _converted(make_hsc(place / "gen2", spec).root, place / "gen3")
    registry = butler.registry
    second = next(
        iter(butler.query_dimension_records("day_obs", day_obs=20141002, instrument="HSC"))
    ).timespan
    # Detector 50 has no bias on the second night, and no flat of HSC-R at all.
    registry.decertify(HSC, "bias", second, dataIds=[{"instrument": "HSC", "detector": 50}])
    flat = {"instrument": "HSC", "detector": 50, "physical_filter": "HSC-R"}
    registry.decertify(HSC, "flat", ALWAYS, dataIds=[flat])
    # Detector 41 has one dark for ever, behind the others.
    dark = sorted(registry.queryDatasets("dark", collections=..., instrument="HSC", detector=41))[0]
    registry.decertify(HSC, "dark", second, dataIds=[{"instrument": "HSC", "detector": 41}])
    butler.collections.register("HSC/calib/later", CollectionType.CALIBRATION)
    registry.certify("HSC/calib/later", [dark], ALWAYS)
    butler.collections.extend_chain("HSC/calib", "HSC/calib/later")
    # In the middle of an exposure the bias of detector 49 changes.
    exposure = sorted(butler.query_dimension_records("exposure", instrument="HSC"), key=lambda r: r.id)[-1]
    begin, end = exposure.timespan.nsec
    first, other = sorted(registry.queryDatasets("bias", collections=..., instrument="HSC", detector=49))[:2]
    registry.decertify(HSC, "bias", exposure.timespan, dataIds=[{"instrument": "HSC", "detector": 49}])
    middle = (begin + end) // 2
    for ref, nsec in ((first, (begin, middle)), (other, (middle, end))):
        registry.certify(HSC, [ref], Timespan(None, None, _nsec=nsec))
    # A type that goes by filter only, for one of the filters.
    dimensions = butler.dimensions.conform({"instrument", "physical_filter"})
    registry.registerDatasetType(
        DatasetType("transmission_filter", dimensions, "StructuredDataDict", isCalibration=True)
    )
    butler.collections.register("HSC/calib/made")
    of_filter = {"instrument": "HSC", "physical_filter": "HSC-I"}
    (ref,) = registry.insertDatasets("transmission_filter", [of_filter], run="HSC/calib/made")
    registry.certify(HSC, [ref], Timespan(None, None, _nsec=(0, end)))
    # One raw is not there, and one exposure has none.
    raws = sorted(registry.queryDatasets("raw", collections=..., instrument="HSC"), key=str)
    gone = [r for r in raws if r.dataId["exposure"] == 9040]
    gone.append(next(r for r in raws if r.dataId["exposure"] == 9042 and r.dataId["detector"] == 41))
    butler.pruneDatasets(gone, disassociate=True, unstore=True, purge=True)
    return butler


def make_decam_gaps(place: Path) -> Butler:
    """DECam, whose masters come in files for all CCDs: two of them are not there."""
    spec = DecamSpec(nights=("2015-02-17", "2015-02-18"), ccds=(1, 2, 25))
    made = make_decam(place / "gen2", spec)
    return _converted(made.root, place / "gen3", str(made.root / "CALIB"))


def make_latiss(place: Path) -> Butler:
    """LATISS, of one detector."""
    return _converted(make_lsst(place / "gen2", "latiss").root, place / "gen3")


MAKERS = {"HSC": make_hsc_gaps, "DECam": make_decam_gaps, "LATISS": make_latiss}


_MADE: dict[str, Butler] = {}


def shared(name: str, places: pytest.TempPathFactory) -> Butler:
    """One of these, made once for all modules of a process; only to be read."""
    if name not in _MADE:
        _MADE[name] = MAKERS[name](places.mktemp(name))
    return _MADE[name]


class Answer(NamedTuple):
    """What the Butler answers for one exposure and detector."""

    exposure: Any
    detector: int | None
    dataset_type: str
    state: State
    day: int | None


def butler_answers(butler: Butler, instrument: str) -> Iterator[Answer]:
    """Ask `Butler.find_dataset` for each exposure and detector that has a raw."""
    chain = f"{instrument}/calib"
    exposures = {r.id: r for r in butler.query_dimension_records("exposure", instrument=instrument)}
    raws = butler.registry.queryDatasets("raw", collections=..., instrument=instrument)
    pairs = {(r.dataId["exposure"], r.dataId["detector"]) for r in raws}
    types = {t.name: t for t in butler.registry.queryDatasetTypes() if t.isCalibration()}
    for name, dataset_type in types.items():
        spans: dict[Any, list[Timespan]] = {}
        for row in butler.registry.queryDatasetAssociations(name, collections=chain, flattenChains=True):
            spans.setdefault(row.ref.id, []).append(row.timespan)
        dimensions = dataset_type.dimensions.required
        asked = pairs if "detector" in dimensions else {(exposure, None) for exposure, _ in pairs}
        for number, detector in sorted(asked, key=str):
            record = exposures[number]
            given = {"detector": detector, "physical_filter": record.physical_filter}
            data_id = {"instrument": instrument} | {k: v for k, v in given.items() if k in dimensions}
            day = None
            try:
                ref = butler.find_dataset(dataset_type, data_id, collections=chain, timespan=record.timespan)
            except CalibrationLookupError:
                state = State.AMBIGUOUS
            else:
                state = State.MISSING
                if ref is not None:
                    (span,) = (s for s in spans[ref.id] if s.overlaps(record.timespan))
                    state = State.UNBOUNDED if None in (span.begin, span.end) else State.OK
                    day = _day(ref.run, span)
            yield Answer(record, detector, name, state, day)


def _day(run: str, span: Timespan) -> int | None:
    stamp = run.rpartition("/")[2][:8]
    epoch = date(1970, 1, 1)
    if stamp.isdigit():
        return (date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8])) - epoch).days
    return None if span.begin is None else (date.fromisoformat(span.begin.tai.iso[:10]) - epoch).days


def _converted(root: Path, target: Path, *calib: str) -> Butler:
    outcome = convert(Recipe(str(root), calib=calib), str(target))
    assert not outcome.stopped and outcome.failure is None
    return Butler.from_config(str(target), writeable=True)
