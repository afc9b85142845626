"""Packages: each file is a dataset, a hand-off, a skip or a reject."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from adapters.camera import Camera
from adapters.curated.documents import load_document
from adapters.curated.package import CuratedPackage, read_package
from adapters.curated.types import STANDARD_TYPES, Curated
from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.lsst import LATISS, ImSim
from adapters.megaprime import MegaPrime
from converter.curated import validity_spans
from converter.nouns import DataId, Gen2to3Error, UsageError
from fixtures.curated import DATES, ISO, boxes_of, curve_text, defects_text, make_package, metadata_of, write

CAMERAS: dict[str, Camera] = {"decam": DECam(), "hsc": HSC(), "latiss": LATISS(), "imsim": ImSim()}


@pytest.fixture
def decam(tmp_path: Path) -> Path:
    return make_package(tmp_path, "decam")


def reasons(package: CuratedPackage, root: Path) -> dict[str, str]:
    """Rejects by path below the package."""
    assert all("\n" not in r.reason for r in package.rejects)
    return {os.path.relpath(r.path, root): r.reason for r in package.rejects}


def accounted(package: CuratedPackage) -> set[str]:
    found = [*package.files, *package.handed_off, *package.skips, *package.rejects]
    assert len({f.path for f in found}) == len(found)
    return {f.path for f in found}


@pytest.mark.parametrize("camera", CAMERAS)
def test_every_file_is_accounted_for(tmp_path: Path, camera: str) -> None:
    root = make_package(tmp_path, camera)  # type: ignore[arg-type]
    package = read_package(CAMERAS[camera], root)
    assert accounted(package) == {str(p) for p in root.rglob("*") if p.is_file()}
    assert package.rejects == ()
    assert package == read_package(CAMERAS[camera], root)


def test_nouns_have_data_id_both_dates_and_digest(decam: Path) -> None:
    package = read_package(DECam(), decam)
    files = [f for f in package.files if f.dataset_type == "defects" and f.data_id.detector == 1]
    assert {Path(f.path).stem: (f.valid_from, f.calib_date) for f in files} == {
        stem: (iso, iso) for stem, iso in zip(DATES, ISO, strict=True)
    }
    for file in files:
        assert file.data_id == DataId(detector=1)
        assert Path(file.path).parent.name == "s29"
        content = Path(file.path).read_bytes()
        assert file.sha256 == hashlib.sha256(content).hexdigest()
        assert file.size == len(content)
        assert file.mtime_ns == os.stat(file.path).st_mtime_ns
        assert dict(file.provenance.text)["file name"] == Path(file.path).name
    by_type = {f.dataset_type: f.data_id for f in package.files if f.data_id.detector == 35}
    assert by_type == dict.fromkeys(("defects", "crosstalk", "linearizer"), DataId(detector=35))


def test_what_only_the_stack_writes_is_handed_off(tmp_path: Path) -> None:
    package = read_package(LATISS(), make_package(tmp_path, "latiss"))
    assert {(f.dataset_type, f.data_id) for f in package.handed_off} == {
        ("transmission_filter", DataId(physical_filter="SDSSg_65mm~empty")),
        ("transmission_sensor", DataId(detector=0)),
        ("transmission_optics", DataId()),
    }
    assert {(Path(s.path).name, s.reason) for s in package.skips} == {
        ("README.md", "is not in the directory 'latiss' of LATISS"),
        ("Filters.xlsx", "is in no dataset's directory"),
        ("measured.fits", "is no .ecsv, .yaml, .json file: the stack ignores it"),
    }


def test_the_package_or_the_directory_of_the_camera(decam: Path) -> None:
    whole, part = read_package(DECam(), decam), read_package(DECam(), decam / "decam")
    assert whole.files == part.files
    assert [Path(s.path).name for s in whole.skips] == ["README.md"]
    # What lies beside the camera's directory does not matter where only that is given.
    (decam / "elsewhere").symlink_to(decam.parent)
    assert reasons(read_package(DECam(), decam), decam).keys() == {"elsewhere"}
    assert read_package(DECam(), decam / "decam").rejects == ()
    assert part.skips == ()


def test_directories_of_other_cameras_are_skipped_as_a_whole(tmp_path: Path) -> None:
    make_package(tmp_path, "latiss")
    package = read_package(ImSim(), make_package(tmp_path, "imsim"))
    assert {Path(s.path).name for s in package.skips} == {"README.md", "latiss"}
    assert {f.dataset_type for f in package.files} == {"defects", "bfk"}


def test_what_is_no_package(tmp_path: Path, decam: Path) -> None:
    with pytest.raises(UsageError, match=r"has no directory 'hsc'; expected a checkout of obs_subaru_data"):
        read_package(HSC(), decam)
    with pytest.raises(UsageError, match="is not a directory"):
        read_package(HSC(), tmp_path / "none")
    with pytest.raises(UsageError, match="no package of curated calibrations for MegaPrime"):
        read_package(MegaPrime(), decam)


def test_a_camera_may_restrict_the_types(decam: Path) -> None:
    camera = DECam().redeclared(curated=Curated("decam", "obs_decam_data", ("defects",)))
    package = read_package(camera, decam)
    assert {f.dataset_type for f in package.files} == {"defects"}
    assert reasons(package, decam) == {
        "decam/crosstalk": "DECam has no crosstalk in obs_decam_data",
        "decam/linearizer": "DECam has no linearizer in obs_decam_data",
    }


def test_levels_of_directories_follow_the_dimensions() -> None:
    assert {t.name: t.dimensions for t in STANDARD_TYPES.values() if not t.written} == {
        "transmission_optics": (),
        "transmission_atmosphere": (),
        "transmission_filter": ("physical_filter",),
        "transmission_sensor": ("detector",),
        "transmission_filter_detector": ("detector", "physical_filter"),
        "transmission_system": ("detector", "physical_filter"),
    }


def test_detector_and_filter(decam: Path) -> None:
    name = "g DECam SDSS c0001 4720.0 1520.0"
    meta = metadata_of("decam", 1, "2012-09-12T00:00:00", "transmission_system", FILTER=name)
    directory = decam / "decam/transmission_system/s29/g_decam_sdss_c0001_4720.0_1520.0"
    write(directory / "2012-09-12T00:00:00.ecsv", curve_text(meta))
    package = read_package(DECam(), decam)
    assert [(f.dataset_type, f.data_id) for f in package.handed_off] == [
        ("transmission_system", DataId(detector=1, physical_filter=name))
    ]


# Metadata that contradict the place: the key, what is written, what the reason has to say.
WRONG = [
    ({"INSTRUME": "hsc"}, "INSTRUME is 'hsc', but the camera's directory says 'decam'"),
    ({"INSTRUME": None}, "INSTRUME is nothing, but the camera's directory says 'decam'"),
    ({"OBSTYPE": "crosstalk"}, "OBSTYPE is 'crosstalk', but the dataset type's directory says 'defects'"),
    ({"DETECTOR": 2}, "DETECTOR is 2, but its directory says 1"),
    ({"DETECTOR": "1"}, "DETECTOR is '1', but its directory says 1"),
    ({"DETECTOR": None}, "DETECTOR is nothing, but its directory says 1"),
    ({"CALIBDATE": None}, "has no CALIBDATE"),
    ({"CALIBDATE": "yesterday"}, "CALIBDATE is 'yesterday', which is no date"),
    (
        {"CALIBDATE": "2016-03-02T00:00:00"},
        "CALIBDATE is '2016-03-02T00:00:00', but the file's name says '2016-03-01T00:00:00'",
    ),
]


@pytest.mark.parametrize(("change", "reason"), WRONG, ids=[str(c) for c, _ in WRONG])
def test_metadata_that_contradict_the_place(decam: Path, change: dict[str, object], reason: str) -> None:
    before = read_package(DECam(), decam).files
    meta = {**metadata_of("decam", 1, "2016-03-01T00:00:00", "defects"), **change}
    path = write(decam / "decam/defects/s29/20160301T000000.ecsv", defects_text(meta, [(1, 2, 3, 4)]))
    package = read_package(DECam(), decam)
    assert package.files == before
    assert reason in reasons(package, decam)[str(path.relative_to(decam))]
    assert len(package.rejects) == 1


def test_texts_are_compared_without_case(decam: Path) -> None:
    meta = metadata_of("DECAM", 1, "2016-03-01T00:00:00", "DEFECTS")
    write(decam / "decam/defects/s29/20160301T000000.ecsv", defects_text(meta, [(1, 2, 3, 4)]))
    package = read_package(DECam(), decam)
    assert package.rejects == ()
    assert "2016-03-01T00:00:00" in {f.valid_from for f in package.files}


def test_a_rejected_file_ends_the_range_before_it(decam: Path) -> None:
    write(decam / "decam/defects/s29/20160301T000000.ecsv", "nonsense")
    package = read_package(DECam(), decam)
    assert len(package.rejects) == 1
    last = [
        (f, s)
        for f, s in validity_spans(package.files, package.starts)
        if f.dataset_type == "defects" and f.data_id.detector == 1
    ][-1]
    assert last[0].valid_from == "2015-01-05T00:00:00"
    assert str(last[1]) == "[2015-01-05T00:00:35, 2016-03-01T00:00:36)"


def test_the_same_date_twice(decam: Path) -> None:
    folder = decam / "decam/defects/s29"
    shutil.copy(folder / "20130115t0130.ecsv", folder / "2013-01-15T01:30.ecsv")
    package = read_package(DECam(), decam)
    assert reasons(package, decam) == {
        "decam/defects/s29/2013-01-15T01:30.ecsv": "begins at 2013-01-15T01:30:00 UTC as "
        "20130115t0130.ecsv does; remove all but one",
        "decam/defects/s29/20130115t0130.ecsv": "begins at 2013-01-15T01:30:00 UTC as "
        "2013-01-15T01:30.ecsv does; remove all but one",
    }
    # The other detectors' files of that date stay.
    assert {f.data_id.detector for f in package.files if f.valid_from == ISO[1]} == {2, 35}


def test_dates_in_another_order_than_the_names(decam: Path) -> None:
    folder = decam / "decam/defects/s29"
    for stem, date in (("20160301T000000", "2017-03-01"), ("20170301T000000", "2016-03-01")):
        meta = metadata_of("decam", 1, f"{date}T00:00:00", "defects")
        write(folder / f"{stem}.ecsv", defects_text(meta, [(1, 2, 3, 4)]))
    reason = (
        "CALIBDATE is 2017-03-01T00:00:00 in 20160301T000000.ecsv and 2016-03-01T00:00:00 in "
        "20170301T000000.ecsv: not in the order of the file names; correct whichever is wrong"
    )
    assert reasons(read_package(DECam(), decam), decam) == {
        "decam/defects/s29/20160301T000000.ecsv": reason,
        "decam/defects/s29/20170301T000000.ecsv": reason,
    }


def test_places_that_are_none(decam: Path, tmp_path: Path) -> None:
    policy = decam / "decam"
    good = (policy / "defects/s29/19700101T0000.ecsv").read_text()
    write(policy / "defects/s99/19700101T0000.ecsv", good)
    write(policy / "defects/S29/19700101T0000.ecsv", good)
    write(policy / "defects/19700101T0000.ecsv", good)
    write(policy / "defects/s29/first.ecsv", good)
    write(policy / "defects/s29/20160301T000000.yaml", good)
    write(policy / "defects/s29/20160302T000000.json", "{}")
    write(policy / "defects/s29/deeper/19700101T0000.ecsv", good)
    write(policy / "wishes/s29/19700101T0000.ecsv", good)
    write(policy / "notes.txt", "")
    write(policy / "crosstalk/s29/.hidden", "")
    os.mkfifo(policy / "defects/s29/20160303T000000.ecsv")
    write(tmp_path / "outside.ecsv", good)
    (policy / "defects/s29/20160304T000000.ecsv").symlink_to(tmp_path / "outside.ecsv")
    (policy / "defects/n1").symlink_to(tmp_path)
    (policy / "defects/s29/20160305T000000.ecsv").symlink_to("gone.ecsv")
    package = read_package(DECam(), decam)
    found = reasons(package, policy)
    assert set(found) == {
        "defects/s99",
        "defects/S29",
        "defects/19700101T0000.ecsv",
        "defects/s29/first.ecsv",
        "defects/s29/20160301T000000.yaml",
        "defects/s29/20160302T000000.json",
        "defects/s29/deeper",
        "defects/s29/20160303T000000.ecsv",
        "defects/s29/20160304T000000.ecsv",
        "defects/n1",
        "defects/s29/20160305T000000.ecsv",
    }
    assert "'s99' is no detector of DECam" in found["defects/s99"]
    assert "expected 's29'" in found["defects/S29"]
    assert "is not in the directory of a detector" in found["defects/19700101T0000.ecsv"]
    assert "'first' is no date" in found["defects/s29/first.ecsv"]
    assert "from .ecsv files only" in found["defects/s29/20160301T000000.yaml"]
    assert found["defects/s29/20160303T000000.ecsv"] == "is not a regular file"
    assert "outside of the package" in found["defects/s29/20160304T000000.ecsv"]
    assert "outside of the package" in found["defects/n1"]
    assert "No such file" in found["defects/s29/20160305T000000.ecsv"]
    skipped = {os.path.relpath(s.path, policy): s.reason for s in package.skips}
    assert "is no dataset type" in skipped["wishes"]
    assert skipped["notes.txt"] == "is in no dataset type's directory"
    assert "the stack ignores it" in skipped["crosstalk/s29/.hidden"]
    # All that was good before still is.
    assert len(package.files) == 12 + 3 + 3


def test_a_link_within_the_package_is_a_file(decam: Path) -> None:
    folder = decam / "decam/defects/s29"
    kept = write(
        decam / "shared/a.ecsv",
        defects_text(metadata_of("decam", 1, "2016-03-01T00:00:00", "defects"), boxes_of(1, 1)),
    )
    (folder / "20160301T000000.ecsv").symlink_to(kept)
    package = read_package(DECam(), decam)
    assert package.rejects == ()
    assert str(folder / "20160301T000000.ecsv") in {f.path for f in package.files}


def test_a_filter_directory_that_stands_for_two(tmp_path: Path) -> None:
    root = make_package(tmp_path, "latiss")
    names = [f.name for f in LATISS().instrument.filters]
    assert len({n.lower() for n in names}) == len(names)
    write(root / "latiss/transmission_filter/ultraviolet/19700101.ecsv", "")
    assert "'ultraviolet' is no physical_filter of LATISS" in str(read_package(LATISS(), root).rejects)


def test_a_file_that_changes_after_it_was_found(decam: Path) -> None:
    file = read_package(DECam(), decam).files[0]
    assert load_document(file).metadata["CALIBDATE"] == file.calib_date
    with open(file.path, "a", encoding="utf-8") as stream:
        stream.write("\n")
    with pytest.raises(Gen2to3Error, match="has changed since the package was read"):
        load_document(file)
