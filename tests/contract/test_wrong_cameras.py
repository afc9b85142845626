"""The contract finds what is wrong with a camera: each of these has one fault, and one test that fails by it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.camera import Calibration, Camera, Detector, HandOffRule, Instrument, Lookup, PhysicalFilter
from adapters.contract import CameraContract, Converted, Repository, conversion
from adapters.hsc import HSC
from fixtures.hsc import HscSpec, make_hsc

pytest_plugins = ["pytester"]


class Wrong(HSC):
    """HSC, to be spoiled; it has no entry point."""

    @property  # type: ignore[misc]
    def instrument(self) -> Instrument:
        return self.spoil(HSC().instrument)

    def spoil(self, right: Instrument) -> Instrument:
        return right


def with_bias(**changes: Any) -> type[Camera]:
    bias, *rest = HSC.calibrations
    return type("WrongBias", (Wrong,), {"calibrations": (replace(bias, **changes), *rest)})


def with_raw(**changes: Any) -> type[Camera]:
    return type("WrongRaw", (Wrong,), {"raw": replace(HSC.raw, **changes)})


def with_instrument(**changes: Callable[[Any], Any]) -> type[Camera]:
    def spoil(self: Camera, right: Instrument) -> Instrument:
        return replace(right, **{k: change(getattr(right, k)) for k, change in changes.items()})

    return type("WrongInstrument", (Wrong,), {"spoil": spoil})


def with_more(calibration: Calibration) -> type[Camera]:
    return type("OneMore", (Wrong,), {"calibrations": (*HSC.calibrations, calibration)})


BIAS = HSC.calibrations[0]
BIAS_TEXT = BIAS.template
SLIP = replace(BIAS.lookup, columns=("cdd", "taiObs"))
BY_FILTER = replace(BIAS.lookup, columns=("ccd", "filter", "taiObs"))
SOON = replace(HSC.raw.time, kind="mjd", scale="ut1", rollover_s=86400)

DECLARATIONS = {
    "name": (type("Loud", (Wrong,), {"name": "HSC 2"}), "names_and_translator", "name 'HSC 2'"),
    "no mapper": (type("NoMapper", (Wrong,), {"mappers": ()}), "names_and_translator", "at least one"),
    "mapper": (type("Mapper", (Wrong,), {"mappers": ("HscMapper",)}), "names_and_translator", "'HscMapper'"),
    "translator": (type("T", (Wrong,), {"translator": "HCS"}), "names_and_translator", "translator: .*HCS"),
    "incomplete instrument": (
        with_instrument(record=lambda r: {k: v for k, v in r.items() if k != "visit_max"}),
        "instrument_record",
        "instrument: visit_max is missing",
    ),
    "unknown field": (
        with_instrument(record=lambda r: {**r, "visits": 1}),
        "instrument_record",
        "has no field visits",
    ),
    "text for a number": (
        with_instrument(record=lambda r: {**r, "visit_max": "many"}),
        "instrument_record",
        "visit_max is 'many', expected int",
    ),
    "long class name": (
        with_instrument(record=lambda r: {**r, "class_name": "a." + "b" * 63}),
        "instrument_record",
        "has 65 characters, at most 64",
    ),
    "same detector twice": (
        with_instrument(detectors=lambda d: (*d, d[0])),
        "detectors",
        "detector id 0 is there 2 times",
    ),
    "detector beyond the last": (
        with_instrument(detectors=lambda d: (*d, Detector(200, "x", "x", "x", "SCIENCE"))),
        "detectors",
        "detector 200: detector_max 200",
    ),
    "long filter name": (
        with_instrument(filters=lambda f: (*f, PhysicalFilter("F" * 33, "r"))),
        "filters",
        "has 33 characters, at most 32 are stored",
    ),
    "no band": (
        with_instrument(filters=lambda f: (*f, PhysicalFilter("F", ""))),
        "filters",
        "filter F: there is no band",
    ),
    "ambiguous filter text": (
        with_instrument(
            filters=lambda f: (
                PhysicalFilter("F", "r", ("W-S-G+",)),
                *f,
                PhysicalFilter("G", "r", ("W-S-G+",)),
            )
        ),
        "filters",
        r"filter text 'W-S-G\+' is of F and of",
    ),
    "name of another as a text": (
        with_instrument(filters=lambda f: (*f, PhysicalFilter("F", "r", ("HSC-R",)))),
        "filters",
        "filter text 'HSC-R' of F is read as HSC-R",
    ),
    "guessed filter": (
        type(
            "Guess", (Wrong,), {"physical_filter": lambda self, text: HSC().physical_filter(text or "HSC-R")}
        ),
        "filters",
        "a missing filter text is read as HSC-R",
    ),
    "storage class": (with_bias(storage_class="ExposureG"), "dataset_types", "no storage class 'ExposureG'"),
    "dimensions": (with_bias(dimensions=("detector", "visit")), "dataset_types", "bias: dimensions"),
    "no detector": (with_bias(dimensions=("physical_filter",)), "dataset_types", "lack detector"),
    "same type twice": (with_more(BIAS), "dataset_types", "dataset type 'bias' is there 2 times"),
    "same files twice": (
        with_more(replace(BIAS, dataset_type="bias2")),
        "dataset_types",
        "bias2 and bias have the same table and template",
    ),
    "formatter": (with_bias(formatter="FitsExposureFormatter"), "formatters", "'FitsExposureFormatter'"),
    "formatter of a detector": (
        with_raw(formatter_by_detector={3: "lsst.obs.subaru.raw-formatter"}),
        "formatters",
        "raw, detector 3",
    ),
    "formatter of no detector": (
        with_raw(formatter_by_detector={999: "a.B"}),
        "detectors",
        "there is no detector 999",
    ),
    "time column": (with_raw(time=SOON), "time_columns", "'mjd'.*\n.*'ut1'.*\n.*86400"),
    "bias by filter": (
        with_bias(lookup=BY_FILTER),
        "lookups",
        "bias: the lookup matches filter, but the dimensions lack physical_filter",
    ),
    "time that is not asked for": (
        with_bias(lookup=replace(BIAS.lookup, time=replace(HSC.raw.time, name="obsDay"))),
        "lookups",
        "its time column obsDay is neither in raw.keys nor fetched",
    ),
    "no reference": (with_bias(lookup=Lookup(columns=("cdd", "taiObs"))), "lookups", r"\['cdd'\] are not"),
    "reference columns": (
        with_bias(lookup=replace(BIAS.lookup, ref_columns=("vist",))),
        "lookups",
        "none of ref_columns",
    ),
    "hand-off": (
        type("HandOff", (Wrong,), {"hand_offs": (HandOffRule("x", "butler do {thing}"),)}),
        "hand_offs",
        "KeyError.*thing",
    ),
    "template form": (
        with_bias(template="BIAS/%(calibDate)s/%(ccd)x.fits"),
        "templates_round_trip",
        "cannot understand",
    ),
    "template without keys": (with_bias(template="BIAS.fits"), "templates_round_trip", "has no keys"),
    "template that does not round-trip": (
        with_raw(template="%(field)s/%(visit)d%(ccd)d.fits"),
        "templates_round_trip",
        "but reads it as",
    ),
    "filter before a name": (
        with_raw(template="%(filter)s-%(field)s-%(visit)07d-%(ccd)03d.fits"),
        "templates_round_trip",
        "but reads it as",
    ),
    "template that fits no file": (
        with_bias(template=BIAS_TEXT.replace("BIAS/", "ZERO/")),
        "every_file_is_in_the_butler",
        None,
    ),
    "lookup column": (with_bias(lookup=SLIP), "columns_of_the_registry", "lookup column cdd is in no table"),
    "raw key": (
        with_raw(keys=(*HSC.raw.keys, "proposal")),
        "columns_of_the_registry",
        "table raw has no column proposal",
    ),
    "lookup that never finds": (
        with_bias(lookup=BY_FILTER),
        "lookup_is_that_of_the_sql",
        "bias: Gen2 finds no master for any observation",
    ),
    "lookup that finds too much": (
        with_bias(lookup=replace(BIAS.lookup, valid_range=False)),
        "lookup_is_that_of_the_sql",
        "bias: Gen2 finds no master for any observation .*ambiguous",
    ),
    "detector offset": (with_bias(detector_offset=500), "conversion_is_in_order", "unknown detector"),
}
"""What is wrong: the camera, the test that is to fail, and what it says."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_hsc(tmp_path_factory.mktemp("hsc") / "made" / "gen2", HscSpec()).root


def contract_of(camera: type[Camera], root: Path) -> CameraContract:
    body = {"camera": camera(), "make": staticmethod(lambda _: root), "registered": False}
    return type("TestWrong", (CameraContract,), body)()


def call(contract: CameraContract, test: str, root: Path, tmp_path: Path) -> None:
    """Call one test of the contract with the fixtures that it asks for."""
    method = getattr(contract, f"test_{test}")
    asked = inspect.signature(method).parameters
    gen2 = Repository(contract.camera, root, contract.calib, contract.registered)
    given: dict[str, Any] = {"gen2": gen2, "tmp_path": tmp_path}
    if "converted" in asked:
        outcome = conversion.run(gen2, tmp_path / "target")
        datasets = conversion.read_back(tmp_path / "target")
        given["converted"] = Converted(gen2, tmp_path / "target", outcome, {}, {}, datasets)
    method(**{name: given[name] for name in asked})


@pytest.mark.parametrize(
    ("camera", "test", "message"),
    [c for c in DECLARATIONS.values() if c[2]],
    ids=[k for k, c in DECLARATIONS.items() if c[2]],
)
def test_wrong_camera_fails(
    camera: type[Camera], test: str, message: str, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError) as failure:
        call(contract_of(camera, made), test, made, tmp_path)
    assert re.search(message, str(failure.value)), failure.value


@pytest.mark.parametrize("test", sorted({test for _, test, _ in DECLARATIONS.values()}))
def test_the_same_camera_unspoiled_passes(test: str, made: Path, tmp_path: Path) -> None:
    call(contract_of(Wrong, made), test, made, tmp_path)
