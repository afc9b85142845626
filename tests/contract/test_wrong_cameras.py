"""The contract finds what is wrong with a camera: each of these has one fault, and one test that fails by it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.camera import Calibration, Camera, Extensions, HandOffRule, Lookup, Serials
from adapters.contract import CameraContract, Converted, Repository, bad_rows, conversion
from adapters.curated.types import Curated
from adapters.hsc import HSC
from adapters.instrument import Detector, DetectorSerial, Instrument, PhysicalFilter
from converter.nouns import Reject
from fixtures.hsc import HscSpec, make_hsc
from tests.sampling import some

from .test_contract import HSC_DARKS

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

WRONG = {
    "delivery": (
        type("Delivery", (Wrong,), {"deliveries": ("none.yaml",), "__module__": __name__}),
        "deliveries",
        "deliveries: .*none.yaml: cannot be read",
    ),
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
    "two chips at one place": (
        with_instrument(
            serials=lambda s: (DetectorSerial("a", 1, end="2010-01-02"), DetectorSerial("b", 1, "2010-01-01"))
        ),
        "detectors",
        r"serials a \(at detector 1 until 2010-01-02\) and b \(at detector 1 from 2010-01-01\) overlap",
    ),
    "one chip at two places": (
        with_instrument(serials=lambda s: (DetectorSerial("a", 1), DetectorSerial("a", 2, "2010-01-01"))),
        "detectors",
        "serial a is at detector 1 and at detector 2 from 2010-01-01 at the same time",
    ),
    "a chip at no place": (
        with_instrument(serials=lambda s: (DetectorSerial("a", 500),)),
        "detectors",
        "serial a at detector 500: there is no such detector",
    ),
    "a chip since never": (
        with_instrument(serials=lambda s: (DetectorSerial("a", 1, "soon"),)),
        "detectors",
        "serial a at detector 1 from soon: 'soon' is not",
    ),
    "serial numbers without a table": (
        with_bias(serials=Serials("SERIAL", Extensions("EXTNAME"))),
        "detectors",
        "bias: it goes by serial numbers, and the instrument has no detector_serials",
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
    "data package": (
        type("Package", (Wrong,), {"curated": Curated("hsc", "obs_subaru_data", ("defect",))}),
        "curated",
        "'defect' is no dataset type",
    ),
    "geometry of a detector": (
        with_instrument(geometry=lambda g: replace(g, detectors=g.detectors[1:])),
        "geometry",
        "detector 0 has no geometry",
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
        "conversion_is_in_order",
        "file not found: expected ZERO/",
    ),
    "lookup column": (with_bias(lookup=SLIP), "columns_of_the_registry", "lookup column cdd is in no table"),
    "raw key": (
        with_raw(keys=(*HSC.raw.keys, "dewar")),
        "columns_of_the_registry",
        "table raw has no column dewar",
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


def contract_of(camera: type[Camera], root: Path, **more: Any) -> CameraContract:
    body = {"camera": camera(), "make": staticmethod(lambda _: root), "registered": False, **more}
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


@pytest.mark.parametrize(("camera", "test", "message"), some([*WRONG.values()], 20), ids=some([*WRONG], 20))
def test_wrong_camera_fails(
    camera: type[Camera], test: str, message: str, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError) as failure:
        call(contract_of(camera, made), test, made, tmp_path)
    assert re.search(message, str(failure.value)), failure.value


@pytest.mark.parametrize("test", sorted({test for _, test, _ in WRONG.values()}))
def test_the_same_camera_unspoiled_passes(test: str, made: Path, tmp_path: Path) -> None:
    call(contract_of(Wrong, made), test, made, tmp_path)


@pytest.mark.parametrize("changes", [{"scale": "tai"}, {"rollover_s": 43200}])
def test_a_wrong_time_column_shows_in_the_ranges(changes: dict[str, Any], made: Path, tmp_path: Path) -> None:
    wrong = with_raw(time=replace(HSC.raw.time, **changes))
    for camera, named in ((wrong, {}), (Wrong, {"dark": HSC_DARKS})):
        call(contract_of(camera, made, ranges=named), "validity_ranges", made, tmp_path / str(len(named)))
    with pytest.raises(AssertionError, match=r"dark 20140901T000000Z: validity .* was not expected"):
        contract = contract_of(wrong, made, ranges={"dark": HSC_DARKS})
        call(contract, "validity_ranges", made, tmp_path / "wrong")


def test_another_formatter_than_the_declared_one_is_found(made: Path, tmp_path: Path) -> None:
    conversion.run(Repository(HSC(), made), tmp_path / "repo")
    found = conversion.read_back(tmp_path / "repo")
    other = with_bias(formatter="my.own.Formatter")()
    problems = list(conversion.wrongly_declared(Repository(other, made), found))
    assert len(problems) == 4
    assert all("my.own.Formatter and ExposureF is declared" in p for p in problems)


def test_a_file_under_another_data_id_is_found(made: Path, tmp_path: Path) -> None:
    gen2 = Repository(HSC(), made)
    conversion.run(gen2, tmp_path / "repo")
    found = conversion.read_back(tmp_path / "repo")
    rows = [*gen2.raw_rows(), *gen2.master_rows()]
    assert list(conversion.missing(gen2, rows, found)) == []
    (row,) = [
        r for r in rows if r.table == "flat" and r.values["ccd"] == 49 and r.values["filter"] == "HSC-I"
    ]
    others = [d for d in found if d.path != row.path]
    moved = [replace(d, data_id=d.data_id._replace(detector=50)) for d in found if d.path == row.path]
    assert len(moved) == 1
    assert [p.split(":")[0] for p in conversion.missing(gen2, rows, others + moved)] == [str(row)]


@pytest.mark.parametrize("test", ["source_is_untouched", "second_conversion_writes_nothing"])
def test_a_conversion_that_leaves_traces_is_found(test: str, made: Path, tmp_path: Path) -> None:
    gen2 = Repository(HSC(), made)
    outcome = conversion.run(gen2, tmp_path / "repo")
    before = {"a": ("x", 0, 0), "b": ("x", 0, 0)}
    after = {"a": ("x", 0, 1), "b": ("x", 0, 0), "c": ("x", 0, 0)}
    wrong = Converted(gen2, tmp_path / "repo", outcome, before, after, [])
    with pytest.raises(AssertionError, match=r"^a changed\nc changed$|^datasets are not the same"):
        getattr(contract_of(HSC, made), f"test_{test}")(wrong)


def test_faults_that_nobody_noticed_are_found(made: Path, tmp_path: Path) -> None:
    gen2 = Repository(HSC(), made).copy(tmp_path / "copy")
    planted = bad_rows.plant(gen2)
    right = conversion.run(gen2, tmp_path / "repo", with_verify=False).plan.rejects
    assert (list(planted.unnoticed(right)), list(planted.innocent(right))) == ([], [])
    assert len(list(planted.unnoticed(right[1:]))) == 1
    assert len(list(planted.unnoticed([replace(r, reason="no reason") for r in right]))) == len(
        planted.faults
    )
    more = [*right, Reject(str(planted.good[0]), "why not")]
    (problem,) = planted.innocent(more)
    assert problem.endswith("is in order, but was rejected: why not")


def test_a_repository_that_is_too_small_is_refused(tmp_path: Path) -> None:
    small = HscSpec(nights=("2014-10-01",), visits_per_night=1, detectors=(49,), filters=("HSC-R",), bias=())
    small = replace(small, dark=("2014-09-01",), defects=("2013-01-31T00:00:00",))
    root = make_hsc(tmp_path / "made" / "gen2", small).root
    with pytest.raises(
        AssertionError, match="too small to plant a missing file, an unknown detector, an unpars"
    ):
        call(contract_of(HSC, root), "bad_rows_are_rejected_and_harm_no_others", root, tmp_path)


SUITE = """
from adapters.contract import CameraContract
from fixtures.hsc import make_hsc
from tests.contract.test_wrong_cameras import BY_FILTER, with_bias

class TestWrong(CameraContract):
    camera = with_bias(lookup=BY_FILTER)()
    make = staticmethod(lambda root: make_hsc(root).root)
    registered = False
"""


def test_the_suite_runs_under_pytest_and_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_wrong=SUITE)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=21, failed=2, skipped=1)
    result.stdout.fnmatch_lines_random(
        ["FAILED *::TestWrong::test_lookups - *", "FAILED *::TestWrong::test_lookup_is_that_of_the_sql - *"]
    )
