"""What stopped a conversion, once the user has said what is meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lsst.daf.butler import Butler, CollectionType

from converter.overlaps import Policy

from .bad_input import replace_file
from .cases_targets import other_instrument, register
from .place import BIAS, GOOD, Datasets, Place, account_for_everything, contents, digest

OLDER = "bias 2014-09-25 detector=49"
NEWER = "bias 2014-09-30 detector=49"
AT_ONCE = {
    # The older master claims 2014-09-20 .. 2014-10-01, the newer one 2014-07-02 .. 2014-10-01.
    Policy.LATEST_START: {f"{OLDER} valid 2014-09-20..2014-10-01", f"{NEWER} valid 2014-07-02..2014-09-19"},
    Policy.LATEST_CALIB_DATE: {f"{OLDER} not certified", f"{NEWER} valid 2014-07-02..2014-10-01"},
    Policy.NARROWEST: {f"{OLDER} valid 2014-09-20..2014-10-01", f"{NEWER} valid 2014-07-02..2014-09-19"},
}


@pytest.mark.parametrize("policy", list(AT_ONCE))
def test_overlap_resolved_by_a_policy(policy: Policy, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01")
    assert place.convert().status == 3
    assert not place.target.exists()
    done = place.convert("--overlaps", f"bias={policy}", "--json")
    assert done.status == 0
    decisions = [d for d in done.json["decisions"] if d["rule"] == policy.value]
    assert decisions and all(d["why"] and d["before"] != d["after"] for d in decisions)
    assert all("detector 49" in d["item"] for d in decisions)
    datasets = Datasets(place.target)
    assert datasets.lines == {line for line in GOOD if not line.startswith(NEWER)} | AT_ONCE[policy]
    # Gen2 had no unique answer in the night: nothing can disagree with it.
    assert done.json["verify"]["disagree"] == []
    account_for_everything(place, done.json, datasets)


@pytest.mark.parametrize("policy", [Policy.NEAREST, Policy.LATEST_REGISTERED])
def test_overlap_that_a_policy_may_leave_open(policy: Policy, tmp_path: Path) -> None:
    """Nearest cuts between the dates; a registry that does not say when it was written decides nothing."""
    place = Place(tmp_path)
    place.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01")
    done = place.convert("--overlaps", policy, "--json")
    if done.status == 3:
        assert policy is Policy.LATEST_REGISTERED
        assert len(done.json["conflicts"]) == 1
        assert not place.target.exists()
        return
    lines = Datasets(place.target).lines
    assert GOOD - lines == {f"{NEWER} valid 2014-07-02..2014-10-01"}
    assert {d["rule"] for d in done.json["decisions"]} >= {policy.value}


def test_update_instrument(tmp_path: Path) -> None:
    place = Place(tmp_path)
    other_instrument(place)
    done = place.convert("--update-instrument", "--json")
    assert done.status == 0
    changed = [d for d in done.json["decisions"] if d["rule"] == "update-instrument"]
    assert len(changed) == 5
    butler = Butler.from_config(str(place.target), writeable=False)
    (record,) = butler.query_dimension_records("instrument", instrument="HSC")
    assert record.class_name == "lsst.obs.subaru.HyperSuprimeCam"
    assert Datasets(place.target).lines == GOOD

    # What is identical is left alone, with and without the option.
    before = contents(place.target)
    for options in ((), ("--update-instrument",)):
        again = place.convert("--json", *options)
        assert (again.status, again.json["operations"], again.json["conversion"]) == (0, 0, None)
        assert [d for d in again.json["decisions"] if d["rule"] == "update-instrument"] == []
    assert contents(place.target) == before


def test_label_that_suits_the_target(tmp_path: Path) -> None:
    place = Place(tmp_path)
    register("HSC/calib", CollectionType.CALIBRATION)(place)
    assert place.convert().status == 3
    done = place.convert("--label", "", "--json")
    assert done.status == 0
    assert Datasets(place.target).lines == GOOD


def test_other_label_where_ranges_differ(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.convert().status == 0
    place.calib_sql("UPDATE bias SET validEnd = '2014-12-01' WHERE calibDate = '2014-10-02'")
    assert place.convert().status == 3
    assert place.convert("--label", "corrected").status == 0
    lines = Datasets(place.target).lines
    assert lines >= GOOD
    assert {f"bias 2014-10-02 detector={d} valid 2014-10-02..2014-12-01" for d in (49, 50)} <= lines


def test_allow_outside(tmp_path: Path) -> None:
    place = Place(tmp_path)
    replace_file("calib", BIAS, lambda path, p: path.symlink_to(p.elsewhere / "file.fits"))(place)
    source = digest(place.root)
    assert place.convert("--no-verify").status == 1
    done = place.convert("--allow-outside", str(place.elsewhere), "--json")
    assert (done.status, done.json["rejected"]) == (0, [])
    datasets = Datasets(place.target)
    assert datasets.lines == GOOD
    account_for_everything(place, done.json, datasets)
    assert digest(place.root) == source


def test_corrected_source_completes_the_conversion(tmp_path: Path) -> None:
    """A registry that came as a pointer is fetched: what was written without ranges gets them."""
    place = Place(tmp_path)
    shutil.copy(place.calib_registry, place.elsewhere)
    place.calib_registry.write_bytes(b"")
    assert place.convert().status == 1
    shutil.copy(place.elsewhere / place.calib_registry.name, place.calib_registry)
    done = place.convert("--json")
    assert (done.status, done.json["written"]) == (0, {})
    assert Datasets(place.target).lines == GOOD


def test_inclusive_range_of_one_day_is_good(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add_master("dark", "2014-12-05", "2014-12-05", "2014-12-05")
    done = place.convert("--json")
    assert (done.status, done.json["rejected"]) == (0, [])
    assert Datasets(place.target).lines == GOOD | {"dark 2014-12-05 detector=49 valid 2014-12-05..2014-12-05"}


def test_strict_once_corrected(tmp_path: Path) -> None:
    place = Place(tmp_path)
    content = (place.calib / BIAS).read_bytes()
    (place.calib / BIAS).write_bytes(b"")
    assert place.convert("--strict").status == 3
    assert not place.target.exists()
    (place.calib / BIAS).write_bytes(content)
    assert place.convert("--strict", "--no-verify").status == 0
    assert Datasets(place.target).lines == GOOD
