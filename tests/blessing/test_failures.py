"""All of it or nothing: what fails in the middle leaves everything as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    FileDataset,
    Timespan,
)

from converter import apply as applying
from converter.blessing import bless, parse_request
from converter.blessing.bless import ReadBackError
from converter.formatters import formatter_class
from converter.nouns import DataId, Gen2to3Error
from converter.writers import batch

from .conftest import DETECTORS, OLD, SUITE, Place, span

PLAN = (
    f"collection: {OLD}\nextend: true\nmake_default: true\n"
    f"inherit:\n- {{from: {OLD}, type: bias, clip: ['', 2020-03-01]}}\n"
    "certify:\n"
    "- {from: u/me/proc/20200301T000000Z, type: cpBiasProc, as: bias, range: [2020-03-01, '']}\n"
    "- {from: u/me/flat, range: ['', '']}\n"
)


def kept(place: Place) -> object:
    """What may not change; dataset types and empty collections may be new."""
    files = sorted(str(p) for p in place.root.rglob("*.fits"))
    with Butler.from_config(str(place.root)) as butler:
        chain = butler.collections.get_info("Cam/calib").children
        runs = butler.collections.query("*", collection_types=CollectionType.RUN)
    return place.content(OLD), chain, sorted(runs), files


def test_refused_in_the_middle(place: Place) -> None:
    """Somebody certifies another flat between planning and writing."""
    before = kept(place)
    blocked = PLAN.replace(OLD, SUITE).replace("make_default: true\n", "")
    request, problems = parse_request(blocked)
    assert not problems
    certify = "collection: Cam/calib/suite\ncertify:\n- {from: u/me/flat, detector: 0, range: ['', '']}\n"
    with Butler.from_config(str(place.root), writeable=True) as butler:
        butler.collections.register(SUITE, CollectionType.CALIBRATION)

    real = applying.execute

    def late(*args, **rest):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(applying, "execute", real)
            assert bless(parse_request(certify)[0], str(place.root)).exit_status == 0
        return real(*args, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "execute", late)
        with pytest.raises(Gen2to3Error, match="certify flat in Cam/calib/suite"):
            bless(request, str(place.root))
    assert kept(place) == before
    assert place.content(SUITE) == {("flat", "u/me/flat", DataId(0, f)): [span()] for f in ("Cam-g", "Cam-r")}


KILLER = """
import os, sys
from converter.writers import batch
real = batch.certify
def killed(*args, **rest):
    real(*args, **rest)
    os._exit(9)
batch.certify = killed
from converter.cli import main
main(["bless", *sys.argv[1:]])
"""


def test_killed_before_the_end(place: Place) -> None:
    before = kept(place)
    path = place.plan(PLAN)
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(place.root), str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        timeout=120,
        check=False,
    )
    assert done.returncode == 9
    content, chain, runs, files = kept(place)
    assert (content, chain, runs) == before[:3]
    assert set(files) - set(before[3]) <= {f for f in files if f"{OLD}/20200301T000000Z/" in f}
    # What was linked by then is not in the way of the same command.
    place.good(PLAN)
    assert place.content(OLD) == {
        ("bias", "u/me/biasA", DataId(d)): [span("2020-01-01", "2020-03-01")] for d in DETECTORS
    } | {("bias", f"{OLD}/20200301T000000Z", DataId(d)): [span("2020-03-01")] for d in DETECTORS} | {
        ("dark", "u/me/dark", DataId(d)): [span("2020-01-01", "2021-01-01")] for d in DETECTORS
    } | {("flat", "u/me/flat", DataId(d, f)): [span()] for d in DETECTORS for f in ("Cam-g", "Cam-r")}


def test_a_dataset_that_is_not_what_was_written_is_an_error(place: Place) -> None:
    """The file is damaged on its way in."""
    real = batch.ingest

    def damage(butler, *args, **rest):
        real(butler, *args, **rest)
        (first, *_) = sorted(place.root.glob(f"{OLD}/20200301T000000Z/**/*.fits"))
        first.write_bytes(first.read_bytes().replace(b"content", b"CONTENT"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "ingest", damage)
        result = place.bless(PLAN, "--transfer", "copy")
    assert result.exit_code == ReadBackError.exit_status == 4
    assert "is not the same as" in result.stderr


def test_content_that_is_not_what_was_written_is_an_error(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "decertify", lambda *args: None)
        patch.setattr(batch, "certify", lambda *args: None)
        result = place.bless(PLAN)
    assert result.exit_code == 4
    assert (
        f"{OLD} does not hold what was written: 12 datasets differ, such as bias detector=0" in result.stderr
    )


def test_what_a_plan_cannot_name_stays(place: Place) -> None:
    """Types of other dimensions in the collection are neither read nor changed."""
    with Butler.from_config(str(place.root), writeable=True) as butler:
        odd = butler.get_dataset_type("perExposure")
        data_id = DataCoordinate.standardize(
            instrument="Cam", detector=0, exposure=1001, dimensions=odd.dimensions, universe=butler.dimensions
        )
        ref = DatasetRef(
            odd,
            butler.registry.expandDataId(data_id),
            "u/odd",
            id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
        )
        butler.collections.register("u/odd")
        file = next(place.sources.glob("*.fits"))
        butler.ingest(FileDataset(str(file), [ref], formatter=formatter_class("a.b.C")), transfer="direct")
        butler.registry.certify(OLD, [ref], Timespan(None, None))
    place.good(PLAN)
    with Butler.from_config(str(place.root)) as butler:
        (row,) = butler.registry.queryDatasetAssociations("perExposure", [OLD])
        assert (row.ref.run, row.timespan) == ("u/odd", Timespan(None, None))
    result = place.bless(None, "--express", OLD)
    assert result.exit_code == 1
    assert "perExposure has the dimensions instrument, detector, exposure" in result.stderr
    assert "perExposure" not in result.stdout
