"""Files that come in again under another dataset type: byte for byte, and nothing is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler

from converter.ledger import FILE_NAME, Ledger
from converter.nouns import DataId

from .conftest import CP, DETECTORS, FITS, SUITE, Place, span

PROC = "u/me/proc/20200301T000000Z"
RUN = f"{SUITE}/20200301T000000Z"
PLAN = f"collection: {SUITE}\ncertify:\n- {{from: {PROC}, type: cpBiasProc, as: bias, range: [2020-03-01, '']}}\n"


def stored(place: Place, dataset_type: str, run: str) -> dict[int, tuple[str, str, str]]:
    """Id, formatter and file by detector."""
    with Butler.from_config(str(place.root)) as butler:
        refs = list(butler.registry.queryDatasets(dataset_type, collections=run))
        records: dict[Any, Any] = {}
        for data in butler._datastore.export_records(refs).values():
            for id_, tables in data.records.items():
                (records[id_],) = [info for infos in tables.values() for info in infos]
        return {
            r.dataId["detector"]: (str(r.id), records[r.id].formatter, butler.getURI(r).ospath) for r in refs
        }


@pytest.mark.parametrize("transfer", ["auto", "copy", "hardlink", "direct"])
def test_another_type(place: Place, transfer: str) -> None:
    sources = stored(place, "cpBiasProc", PROC)
    status, data = place.json(PLAN, "--transfer", transfer)
    assert (status, data["written"], data["certified"]) == (0, {"bias": 3}, {"bias": 3})
    assert place.content() == {("bias", RUN, DataId(d)): [span("2020-03-01")] for d in DETECTORS}
    made = stored(place, "bias", RUN)
    assert set(made) == set(DETECTORS)
    for detector, (id_, formatter, path) in made.items():
        source = Path(sources[detector][2])
        assert formatter == sources[detector][1] == CP
        assert id_ != sources[detector][0]
        assert Path(path).read_bytes() == source.read_bytes()
        assert (path == str(source)) is (transfer == "direct")
        assert os.path.samefile(path, source) is (transfer != "copy")
        assert (RUN in path) is (transfer != "direct")
    rows = [r for r in Ledger(place.root / FILE_NAME)._open()["items"].rows if r["file"]]
    assert {(r["dataset"], r["dataset_id"], r["source"], r["file"], r["state"]) for r in rows} == {
        (
            f"bias {RUN} detector={d}",
            made[d][0],
            f"cpBiasProc in {PROC}, dataset {sources[d][0]}",
            sources[d][2],
            "done",
        )
        for d in DETECTORS
    }
    before = place.state()
    status, data = place.json(PLAN, "--transfer", transfer)
    assert (status, data["operations"], data["existing"]) == (0, 0, {"bias": 3})
    assert place.state() == before


def test_one_file_of_many_stays_one(place: Place) -> None:
    plan = (
        f"collection: {SUITE}\ncertify:\n"
        "- {from: u/me/multi/20200401T000000Z, type: cpBias, detector: 1..2, as: bias, range: ['', '']}\n"
    )
    place.good(plan, "--transfer", "copy")
    run = f"{SUITE}/20200401T000000Z"
    made = stored(place, "bias", run)
    assert set(made) == {1, 2}
    assert {m[1] for m in made.values()} == {CP}
    (path,) = {m[2] for m in made.values()}
    assert list((place.root / run).rglob("*.fits")) == [Path(path)]
    assert Path(path).read_bytes() == (place.sources / "multi.fits").read_bytes()


def test_a_new_type_is_made_like_its_source(place: Place) -> None:
    place.good(PLAN.replace("as: bias", "as: brandNew"))
    with Butler.from_config(str(place.root)) as butler:
        made, source = butler.get_dataset_type("brandNew"), butler.get_dataset_type("cpBiasProc")
        assert (made.dimensions, made.storageClass_name) == (source.dimensions, source.storageClass_name)
        assert (made.isCalibration(), source.isCalibration()) == (True, False)
    assert set(stored(place, "brandNew", RUN)) == set(DETECTORS)


def test_a_file_that_is_gone_does_not_stop_the_others(place: Place) -> None:
    gone = stored(place, "cpBiasProc", PROC)[1][2]
    Path(gone).unlink()
    before = place.state()
    status, data = place.json(PLAN, "--strict")
    assert (status, place.state() == before) == (3, True)
    status, data = place.json(PLAN)
    assert status == 1
    (reject,) = data["rejected"]
    assert reject == {
        "item": f"cpBiasProc detector=1 of {PROC}",
        "reason": f"its file is not there: {gone}; restore it, or leave the dataset out",
    }
    assert set(place.content()) == {("bias", RUN, DataId(d)) for d in (0, 2)}


def test_types_that_do_not_go_together(place: Place) -> None:
    def conflict(source: str, run: str, wanted: str) -> str:
        (line,) = place.conflicts(
            f"collection: {SUITE}\ncertify:\n- {{from: {run}, type: {source}, as: {wanted}, range: ['', '']}}\n"
        )
        return line

    assert conflict("flatProc", "u/me/flatProc", "bias") == (
        "flatProc as bias: the dimensions differ: detector, instrument, physical_filter and detector, instrument"
    )
    assert conflict("maskProc", "u/me/maskProc", "bias") == (
        "maskProc as bias: storage class Mask cannot be read as ExposureF"
    )
    assert conflict("bias", "u/me/biasA", "cpBiasProc") == (
        "bias as cpBiasProc: cpBiasProc is no calibration and cannot be certified"
    )
    assert conflict("bias", "u/me/biasA", "bias") == "bias as bias: is the same dataset type; leave 'as' out"


def test_two_sources_for_one_dataset(place: Place) -> None:
    lines = place.conflicts(PLAN.replace(f"from: {PROC}", "from: ['u/*/proc/*']"))
    plan = place.root.parent / "plan.yaml"
    assert lines == [
        f"{plan} line 3: cpBiasProc detector={d} of {PROC} and cpBiasProc of u/you/proc/20200301T000000Z would both "
        f"be bias in {RUN}; leave one of them out"
        for d in DETECTORS
    ]


def test_another_source_for_what_is_there(place: Place) -> None:
    place.good(PLAN)
    lines = place.conflicts(PLAN.replace(PROC, "u/you/proc/20200301T000000Z"))
    assert lines == [
        f"bias detector={d} is in {RUN} already, with another file than that of u/you/proc/20200301T000000Z; "
        "leave it out, or bless into another collection"
        for d in DETECTORS
    ]


def test_formatters_of_the_stack_are_recorded(place: Place) -> None:
    place.good(
        f"collection: {SUITE}\ncertify:\n- {{from: u/me/dark, type: dark, as: bias, range: ['', '']}}\n"
    )
    assert {m[1] for m in stored(place, "bias", f"{SUITE}/dark").values()} == {FITS}


def test_what_was_copied_does_not_need_its_source_any_more(place: Place) -> None:
    place.good(PLAN, "--transfer", "copy")
    for _, _, path in stored(place, "cpBiasProc", PROC).values():
        Path(path).unlink()
    before = place.state()
    status, data = place.json(PLAN)
    assert (status, data["operations"], data["existing"]) == (0, 0, {"bias": 3})
    status, data = place.json(PLAN, "--extend")
    assert (status, data["rejected"], data["difference"]) == (0, [], [])
    assert place.state() == before
