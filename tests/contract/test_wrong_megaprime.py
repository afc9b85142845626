"""Faults of cameras whose masters are whole files under a bare path, with times of an unknown zone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.camera import Camera, Extensions, Instrument
from adapters.contract import Repository, bad_rows, conversion, paths
from adapters.gen2.templates import Template
from adapters.megaprime import MegaPrime
from converter.nouns import Gen2to3Error
from fixtures.megaprime import IN_ORDER, make_megaprime
from tests.sampling import some

from . import test_contract as right  # not its classes, which would be collected here too
from .test_wrong_cameras import call, contract_of


class Wrong(MegaPrime):
    """MegaPrime, to be spoiled; it has no entry point."""

    @property  # type: ignore[misc]
    def instrument(self) -> Instrument:
        return MegaPrime().instrument


def with_masters(*types: str, **changes: Any) -> type[Camera]:
    """Change the declarations of some types, of all if none is named."""
    spoiled = [
        replace(c, **changes) if not types or c.dataset_type in types else c for c in MegaPrime.calibrations
    ]
    return type("WrongMasters", (Wrong,), {"calibrations": tuple(spoiled)})


def with_raw(**changes: Any) -> type[Camera]:
    return type("WrongRaw", (Wrong,), {"raw": replace(MegaPrime.raw, **changes)})


BIAS = MegaPrime().calibration("bias")
RAW = MegaPrime.raw

WRONG = {
    "zone": (
        with_masters(zone="Asia/Tokyo"),
        "validity_ranges",
        "bias 20070404T000000Z: validity 2007-04-04T00:00:00 to 2007-05-17T00:00:00 .UTC. is missing",
    ),
    "zone of a neighbour": (
        with_masters("dark", zone="America/New_York"),
        "validity_ranges",
        "dark 20070403T230000Z: validity 2007-04-03T23:00:00 to 2007-12-19T23:00:01 .UTC. was not expected",
    ),
    "zone without summer time": (
        with_masters("fringe", "bias", zone="Etc/GMT+6"),
        "validity_ranges",
        # Only ends in summer time show it.
        "^bias (?!.*fringe)",
    ),
    "no zone": (with_masters(zone=""), "validity_ranges", "2007-05-16T19:00:00 .UTC. was not expected"),
    "unknown zone": (
        with_masters(zone="America/Chicagoo"),
        "conversion_is_in_order",
        "there is no time zone 'America/Chicagoo'",
    ),
    "date column": (
        with_masters("bias", date="registered"),
        "validity_ranges",
        "bias 20070601T000000Z: .* was not expected",
    ),
    "date column that is not there": (
        with_masters("bias", date="calibDate"),
        "conversion_is_in_order",
        "table bias: column calibDate is missing",
    ),
    "detectors from 0": (
        with_masters(detector_offset=0),
        "conversion_is_in_order",
        "row 36: .* unknown detector 36",
    ),
    "detectors from 2": (
        with_masters("flat", detector_offset=-2),
        "conversion_is_in_order",
        "flat row 1: .* unknown detector",
    ),
    "extensions from 0": (
        with_masters("bias", extensions=Extensions("", offset=0)),
        "conversion_is_in_order",
        "has no extension for detector 0",
    ),
    "no extensions": (
        with_masters("bias", extensions=None),
        "paths_of_the_registry_round_trip",
        "bias/.* holds bias detector=0 and bias detector=1: say in extensions",
    ),
    "no HDU": (
        with_masters("bias", template="%(path)s"),
        "paths_of_the_registry_round_trip",
        "makes 'bias/.*.fits' of bias detector=0 and of bias detector=1",
    ),
    "constant HDU": (
        with_masters("bias", template="%(path)s[1]"),
        "paths_of_the_registry_round_trip",
        "makes 'bias/.*.fits.1.' of bias detector=0 and of bias detector=1",
    ),
    "HDU by another column": (
        with_masters("bias", template="%(path)s[%(ccdNum)d]"),
        "paths_of_the_registry_round_trip",
        "makes 'bias/.*.fits.36.' of bias detector=0 and of bias detector=1",
    ),
    "HDU by no column": (
        with_masters("bias", template="%(path)s[%(hdu)d]"),
        "paths_of_the_registry_round_trip",
        "needs key hdu",
    ),
    "path below a directory": (
        with_masters("bias", template="CALIB/%(path)s[%(extension)d]"),
        "templates_round_trip",
        "makes 'CALIB/A.gz' of",
    ),
    "another column for the path": (
        with_masters("bias", template="%(label)s[%(extension)d]"),
        "conversion_is_in_order",
        "file not found: expected elixir below",
    ),
    "suffix in the template": (
        with_masters("bias", template="%(path)s.fz[%(extension)d]"),
        "templates_round_trip",
        "makes 'A.fz.fz' of",
    ),
    "path after another key": (
        with_masters("bias", template="%(label)s%(path)s[%(extension)d]"),
        "templates_round_trip",
        "but reads it as",
    ),
    "filter column": (
        with_raw(filter="object"),
        "every_file_is_in_the_butler",
        "flat row 1: .* is not in the Butler as flat",
    ),
    "detector column": (
        with_masters("bias", detector="ccdNum"),
        "conversion_is_in_order",
        "bias for exposure 900001, detector 0: .* Gen3 none",
    ),
    "flats of all filters": (
        with_masters("flat", lookup=BIAS.lookup),
        "lookup_is_that_of_the_sql",
        "flat: Gen2 finds no master for any observation .*ambiguous",
    ),
    "flats without filter": (
        with_masters("flat", dimensions=("detector",)),
        "conversion_is_in_order",
        "has the same dataset type, data ID and date as",
    ),
    "no date test": (
        with_masters("bias", lookup=replace(BIAS.lookup, valid_range=False)),
        "lookup_is_that_of_the_sql",
        "bias: Gen2 finds no master for any observation .*ambiguous",
    ),
    "dates for times": (
        with_raw(time=replace(RAW.time, kind="date")),
        "validity_ranges",
        "bias .* was not expected",
    ),
    "scale": (with_raw(time=replace(RAW.time, scale="tai")), "validity_ranges", "bias .* is missing"),
    "names in upper case": (
        with_raw(extensions=Extensions("EXTNAME", pattern=r"CCD(\d\d)", compressed="EXTVER")),
        "conversion_is_in_order",
        "has no extension for detectors 0..35",
    ),
    "compressed raws": (
        with_raw(extensions=Extensions("EXTNAME", pattern=r"ccd(\d\d)")),
        "conversion_is_in_order",
        "900002o.fits.fz has no extension for detectors 0..35",
    ),
    "raws without HDU": (
        with_raw(template=RAW.template.removesuffix("[%(extension)d]")),
        "paths_of_the_registry_round_trip",
        "of raw detector=0 exposure=900001 and of raw detector=1 exposure=900001",
    ),
    "raws without extensions": (
        with_raw(extensions=None),
        "paths_of_the_registry_round_trip",
        "holds raw detector=0 exposure=900001 and raw detector=1",
    ),
    "exposure column": (
        with_raw(exposure="extension"),
        "conversion_is_in_order",
        "belongs to exposure 1 .*, here to 2",
    ),
    "translator": (
        type("Other", (Wrong,), {"translator": "DECam"}),
        "conversion_is_in_order",
        "header is of MegaPrime, expected DECam",
    ),
}
"""What is wrong: the camera, the test that is to fail, and what it says."""

SPECIAL: dict[str, Any] = {"calib": ("CALIB",), "ranges": right.MEGAPRIME_RANGES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_megaprime(tmp_path_factory.mktemp("megaprime") / "made" / "gen2", IN_ORDER).root


@pytest.mark.parametrize(("camera", "test", "message"), some([*WRONG.values()], 10), ids=some([*WRONG], 10))
def test_wrong_camera_fails(
    camera: type[Camera], test: str, message: str, made: Path, tmp_path: Path
) -> None:
    with pytest.raises((AssertionError, Gen2to3Error)) as failure:
        call(contract_of(camera, made, **SPECIAL), test, made, tmp_path)
    assert re.search(message, str(failure.value)), failure.value


@pytest.mark.parametrize("test", sorted({test for _, test, _ in WRONG.values()}))
def test_the_same_camera_unspoiled_passes(test: str, made: Path, tmp_path: Path) -> None:
    call(contract_of(Wrong, made, **SPECIAL), test, made, tmp_path)


def test_a_zone_without_ranges_is_refused(made: Path, tmp_path: Path) -> None:
    some = {k: v for k, v in right.MEGAPRIME_RANGES.items() if k != "dark"}
    with pytest.raises(AssertionError, match=r"^dark: its times are local ones of America/Chicago, .*$"):
        call(contract_of(Wrong, made, **SPECIAL | {"ranges": some}), "validity_ranges", made, tmp_path)


def test_rows_without_validity_count_also_where_others_name_their_file(made: Path, tmp_path: Path) -> None:
    gen2 = Repository(Wrong(), made, ("CALIB",), registered=False).copy(tmp_path / "copy")
    conversion.run(gen2, tmp_path / "repo")
    datasets = conversion.read_back(tmp_path / "repo")
    planted = bad_rows.plant(gen2)
    assert planted.bad == set()
    # The extension was not compared for darks: the other rows of the file are Gen2's answer for all.
    assert [p.split(" ")[0] for p in planted.believed(datasets)] == ["bias", "flat", "fringe"]
    assert all("detector=0" in p and "was certified although" in p for p in planted.believed(datasets))
    assert not list(planted.believed(replace(d, ranges=()) for d in datasets))


class WithoutDirectories(Template):
    """Reads a path back without its directories."""

    def parse(self, relpath: str) -> dict[str, Any] | None:
        return super().parse(relpath.rpartition("/")[2])


class WithoutHdu(Template):
    """Reads a path back without its HDU."""

    def parse(self, relpath: str) -> dict[str, Any] | None:
        return super().parse(relpath.partition("[")[0])


@pytest.mark.parametrize("path", ["A", "A.gz", "a/b.fits.fz", "a/b.gz/c"])
def test_a_path_that_is_one_key(path: str) -> None:
    data_id = {"path": path, "extension": 7}
    assert paths.round_trip(Template(BIAS.template), data_id) == ""
    assert "but reads it as {'path': " in paths.round_trip(WithoutHdu(BIAS.template), data_id)
    wrong = paths.round_trip(WithoutDirectories(BIAS.template), data_id)
    assert ("but reads it as" in wrong) == ("/" in path)
